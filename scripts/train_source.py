"""Train one source model and encode the source's evaluation rows with it."""

from fovscope.features.store import open_store
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import SourceTraining
from fovscope.training.record import save_trained, training
from fovscope.training.source import model_options, train_source

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
    design = read_table(snakemake.input.design)
    pairs = (design["role"] == "train_pair").to_numpy()
    features = open_store(snakemake.input.features)[:]  # in the stored type
    trained = train_source(
        features[pairs][::2],  # the members of a pair are adjacent rows
        features[pairs][1::2],
        design.loc[pairs, "changed_factor"].to_numpy()[::2],
        model_options=model_options(read_json(snakemake.input.features), snakemake.params.model),
        options=SourceTraining.model_validate(dict(snakemake.params.training)),
        beta=float(snakemake.wildcards.beta),
        seed=int(snakemake.wildcards.seed),
        device=resolve_device(),
        checkpoints=checkpoints,
    )
    latents = representation_table(
        design.loc[~pairs, "image_id"], *encode(trained.model, features[~pairs])
    )
    save_trained(snakemake.output.model, snakemake.output.info, trained, snakemake.input.features)
    write_table(snakemake.output.latents, latents)
