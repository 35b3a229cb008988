"""Fine-tune one source model on a target; encode target and source before and after."""

from fovscope.features.store import open_store
from fovscope.models.storage import load_model
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.study.config import Finetuning
from fovscope.training.finetune import finetune
from fovscope.training.record import save_trained, training

with (
    logged(snakemake),
    training(
        snakemake.output.model,
        snakemake.output,
        key=job_key(snakemake),
        minutes=snakemake.resources.checkpoint_minutes,
    ) as checkpoints,
):
    use_cores(snakemake.threads)
    device = resolve_device()
    manifest = read_table(snakemake.input.manifest)
    design = read_table(snakemake.input.design)
    evaluation = (design["role"] != "train_pair").to_numpy()
    features = open_store(snakemake.input.features)[:]  # in the stored type
    source_features = open_store(snakemake.input.source_features)[:][evaluation]
    model = load_model(snakemake.input.model, device=device)
    tuned = finetune(
        model,
        features[(manifest["split"] == "train").to_numpy()],
        options=Finetuning.model_validate(dict(snakemake.params.finetuning)),
        beta=float(snakemake.wildcards.beta),
        seed=int(snakemake.wildcards.seed),
        device=device,
        checkpoints=checkpoints,
    )
    latents = {
        "transferred": (manifest, model, features),
        "finetuned": (manifest, tuned.model, features),
        "source": (design[evaluation], tuned.model, source_features),
    }
    save_trained(snakemake.output.model, snakemake.output.info, tuned, snakemake.input.features)
    for name, (images, encoder, rows) in latents.items():
        write_table(
            snakemake.output[name], representation_table(images["image_id"], *encode(encoder, rows))
        )
