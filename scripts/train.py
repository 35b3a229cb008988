"""Train one source model and encode the source's evaluation rows with it."""

from functools import partial

from fovscope.datasets.design import changed_matrix
from fovscope.datasets.listing import read_info
from fovscope.factors import Factor, bind
from fovscope.features.store import open_store
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.provenance import read_json
from fovscope.study.models import SourceTraining
from fovscope.training.record import save_trained, training
from fovscope.training.source import train_source

with (
    logged(snakemake) as job,
    training(
        snakemake.output.model,
        snakemake.output,
        key=job_key(snakemake),
        minutes=snakemake.resources.checkpoint_minutes,
    ) as checkpoints,
):
    what, recipe = snakemake.params.job, snakemake.params.job["recipe"]
    seed = int(snakemake.wildcards.seed)
    options = SourceTraining.model_validate(what["training"])
    use_cores(options.compute_threads)
    images = read_table(snakemake.input.table)
    factors = [Factor.from_json(raw) for raw in read_info(snakemake.input.facts)["factors"]]
    pairs = (images["role"] == "train_pair").to_numpy()
    features = open_store(snakemake.input.features)[:]  # in the stored type
    trained = train_source(
        features[pairs][::2],  # the members of a pair are adjacent rows
        features[pairs][1::2],
        changed_matrix(images, factors),
        make_model=partial(
            job.catalogue.load("model", what["model"]["kind"]).fitted,
            facts=read_json(snakemake.input.features),
            options=what["model"]["options"],
            seed=seed,
        ),
        options=options,
        objective=job.catalogue.load("objective", recipe["objective"])(**recipe["options"]),
        supervision=job.catalogue.load("supervision", recipe["supervision"]),
        seed=seed,
        device=resolve_device(),
        checkpoints=checkpoints,
    )
    codes = representation_table(
        images.loc[~pairs, "image_id"], *encode(trained.model, features[~pairs])
    )
    supervision = job.catalogue.entry("supervision", recipe["supervision"])
    save_trained(
        snakemake.output.model,
        snakemake.output.info,
        trained,
        snakemake.input.features,
        bound=bind(factors, angles=False) if supervision.declared.get("binds") else (),
    )
    write_table(snakemake.output.source, codes)
