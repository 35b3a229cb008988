"""Train one source model and encode the evaluation rows of its first source with it."""

from functools import partial

from fovscope.datasets.listing import read_info
from fovscope.features.store import open_store
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.provenance import read_json
from fovscope.study.models import SourceTraining
from fovscope.training.pairs import SourceData, bound_dimensions, training_pairs
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
    given, what = snakemake.input, snakemake.params.job
    recipe, binding = what["recipe"], what["binding"]
    seed = int(snakemake.wildcards.seed)
    options = SourceTraining.model_validate(what["training"])
    use_cores(options.compute_threads)
    sources = [
        # Features in the stored type.
        SourceData.of(read_table(table), read_info(facts), open_store(features)[:])
        for table, facts, features in zip(given.table, given.facts, given.features, strict=True)
    ]
    bound = bound_dimensions(sources, binding["factors"], angles=binding["anchored"])
    pairs = training_pairs(sources, bound)
    trained = train_source(
        *(pairs.first, pairs.second, pairs.changed),
        make_model=partial(
            job.catalogue.load("model", what["model"]["kind"]).fitted,
            facts=read_json(given.features[0]),
            options=what["model"]["options"],
            seed=seed,
        ),
        options=options,
        objective=job.catalogue.load("objective", recipe["objective"])(**recipe["options"]),
        supervision=job.catalogue.load("supervision", recipe["supervision"]),
        seed=seed,
        device=resolve_device(),
        anchors=pairs.anchors if binding["anchored"] else None,
        checkpoints=checkpoints,
    )
    first = sources[0]
    codes = representation_table(
        first.images.loc[~first.in_pairs, "image_id"],
        *encode(trained.model, first.features[~first.in_pairs]),
    )
    save_trained(
        snakemake.output.model,
        snakemake.output.info,
        trained,
        given.features,
        bound=bound if binding["named"] else (),
    )
    write_table(snakemake.output.source, codes)
