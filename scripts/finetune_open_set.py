"""Fine-tune one source model on a target without one of its classes; encode all its images."""

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
    seen = (manifest["split"] == "train") & (manifest["label"] != snakemake.params.held_out)
    features = open_store(snakemake.input.features)[:]  # in the stored type
    tuned = finetune(
        load_model(snakemake.input.model, device=device),
        features[seen.to_numpy()],
        options=Finetuning.model_validate(dict(snakemake.params.finetuning)),
        beta=float(snakemake.wildcards.beta),
        seed=int(snakemake.wildcards.seed),
        device=device,
        checkpoints=checkpoints,
    )
    latents = representation_table(manifest["image_id"], *encode(tuned.model, features))
    save_trained(snakemake.output.model, snakemake.output.info, tuned, snakemake.input.features)
    write_table(snakemake.output.latents, latents)
