"""Train one source model and encode the evaluation rows of its first source with it.

Models of other jobs that can be trained with it are left as checkpoints, see
`fovscope.runtime.pack`.
"""

from functools import partial

from fovscope.datasets.listing import read_info
from fovscope.features.store import open_store
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.pack import neighbours
from fovscope.runtime.provenance import read_json
from fovscope.study.models import SourceTraining
from fovscope.training.pairs import SourceData, bound_dimensions, training_pairs
from fovscope.training.record import lent, save_trained, training
from fovscope.training.source import train_sources
from fovscope.training.stack import Replicate, the_first

minutes = snakemake.resources.checkpoint_minutes

with (
    logged(snakemake) as job,
    training(
        *(snakemake.output.model, snakemake.output), key=job_key(snakemake), minutes=minutes
    ) as checkpoints,
):
    given, what = snakemake.input, snakemake.params.job
    recipe, binding = what["recipe"], what["binding"]
    options = SourceTraining.model_validate(what["training"])
    use_cores(options.compute_threads)
    device = resolve_device()
    sources = [
        # Features in the stored type.
        SourceData.of(read_table(table), read_info(facts), open_store(features)[:])
        for table, facts, features in zip(given.table, given.facts, given.features, strict=True)
    ]
    bound = bound_dimensions(sources, binding["factors"], angles=binding["anchored"])
    pairs = training_pairs(sources, bound)
    model = job.catalogue.entry("model", what["model"]["kind"])
    objective = job.catalogue.entry("objective", recipe["objective"])
    new_model = partial(
        model.load().fitted,
        facts=read_json(given.features[0]),
        options=what["model"]["options"],
    )
    with (
        neighbours(snakemake) as others,
        lent(others if device.type == "cuda" else (), minutes=minutes) as free,
    ):
        outcomes = train_sources(
            *(pairs.first, pairs.second, pairs.changed),
            replicates=[
                Replicate(
                    seed=(seed := int(each.wildcards.seed)),
                    objective=objective.load()(**each.params.job["recipe"]["options"]),
                    make_model=partial(new_model, seed=seed),
                    checkpoints=saved,
                    leave=each is not snakemake,
                )
                for each, saved in ((snakemake, checkpoints), *free)
            ],
            options=options,
            supervision=job.catalogue.load("supervision", recipe["supervision"]),
            device=device,
            anchors=pairs.anchors if binding["anchored"] else None,
            stackable=all(entry.declared.get("stackable") for entry in (model, objective)),
        )
    trained = the_first(outcomes)
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
