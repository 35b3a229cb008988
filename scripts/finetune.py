"""Fine-tune one source model on a target, or on all of it but a class; encode its images.

Where outputs are named for it, the images are encoded before and after, and the source after.
"""

from fovscope.factors import bound_of
from fovscope.features.store import open_store
from fovscope.models.storage import load_model
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.provenance import read_json
from fovscope.study.models import Finetuning
from fovscope.training.finetune import finetune
from fovscope.training.record import save_trained, training

with (
    logged(snakemake) as job,
    training(
        snakemake.output.model,
        snakemake.output,
        key=job_key(snakemake),
        minutes=snakemake.resources.checkpoint_minutes,
    ) as checkpoints,
):
    given, what = snakemake.input, snakemake.params.job
    out = dict(snakemake.output.items())
    options = Finetuning.model_validate(what["finetuning"])
    use_cores(options.compute_threads)
    device = resolve_device()
    images = read_table(given.table)
    seen = images["split"] == "train"
    if held_out := snakemake.params.get("held_out"):
        seen &= images["label"] != held_out
    features = open_store(given.features)[:]  # in the stored type
    model = load_model(given.model, device=device, catalogue=job.catalogue)
    objective = job.catalogue.load("objective", what["objective"]["objective"])
    tuned = finetune(
        model,
        features[seen.to_numpy()],
        options=options,
        objective=objective(**what["objective"]["options"]),
        seed=int(snakemake.wildcards.seed),
        device=device,
        checkpoints=checkpoints,
    )
    codes = {"finetuned": (images, tuned.model, features)}
    if "transferred" in out:
        source = read_table(given.source_table)
        evaluation = (source["role"] != "train_pair").to_numpy()
        codes["transferred"] = (images, model, features)
        source_features = open_store(given.source_features)[:][evaluation]
        codes["source"] = (source[evaluation], tuned.model, source_features)
    bound = bound_of(read_json(given.model_info))
    save_trained(out["model"], out["info"], tuned, given.features, bound=bound)
    for name, (of, encoder, rows) in codes.items():
        write_table(out[name], representation_table(of["image_id"], *encode(encoder, rows)))
