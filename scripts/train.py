"""Train one model from new weights, on pairs of sources or on a target alone, and encode with it.

Encoded are the evaluation rows of the first source, or all images of the target: which output is
named says what is wanted. Models of other jobs that can be trained with this one on sources are
left as checkpoints, see `fovscope.runtime.pack`.
"""

from functools import partial

from fovscope.datasets.listing import read_info
from fovscope.features.store import SelectedRows, open_store
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.pack import Neighbour, neighbours
from fovscope.runtime.provenance import read_json
from fovscope.study.models import SourceTraining, TargetTraining
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.pairs import SourceData, bound_dimensions, training_pairs
from fovscope.training.record import lent, save_trained, training
from fovscope.training.scratch import train_from_scratch
from fovscope.training.source import train_sources
from fovscope.training.stack import Replicate, the_first

out, minutes = dict(snakemake.output.items()), snakemake.resources.checkpoint_minutes

with (
    logged(snakemake) as job,
    training(
        *(out["model"], snakemake.output), key=job_key(snakemake), minutes=minutes
    ) as checkpoints,
):
    given, what = snakemake.input, snakemake.params.job
    recipe, binding = what["recipe"], what["binding"]
    on_sources = "source" in out
    options = (SourceTraining if on_sources else TargetTraining).model_validate(what["training"])
    use_cores(options.compute_threads)
    device = resolve_device()
    stores = list(given.features) if on_sources else [given.features]
    model = job.catalogue.entry("model", what["model"]["kind"])
    objective = job.catalogue.entry("objective", recipe["objective"])
    new_model = partial(
        model.load().fitted, facts=read_json(stores[0]), options=what["model"]["options"]
    )

    def replicate(of: Neighbour, saved: Checkpoints) -> Replicate:
        """Return the model of a job, this one or a neighbour."""
        return Replicate(
            seed=(seed := int(of.wildcards.seed)),
            objective=objective.load()(**of.params.job["recipe"]["options"]),
            make_model=partial(new_model, seed=seed),
            checkpoints=saved,
            leave=of is not snakemake,
        )

    if on_sources:
        sources = [
            # Features in the stored type.
            SourceData.of(read_table(table), read_info(facts), open_store(features)[:])
            for table, facts, features in zip(given.table, given.facts, stores, strict=True)
        ]
        bound = bound_dimensions(sources, binding["factors"], angles=binding["anchored"])
        pairs = training_pairs(sources, bound)
        with (
            neighbours(snakemake) as others,
            lent(others if device.type == "cuda" else (), minutes=minutes) as free,
        ):
            outcomes = train_sources(
                *(pairs.first, pairs.second, pairs.changed),
                replicates=[replicate(*each) for each in ((snakemake, checkpoints), *free)],
                options=options,
                supervision=job.catalogue.load("supervision", recipe["supervision"]),
                device=device,
                anchors=pairs.anchors if binding["anchored"] else None,
                stackable=all(entry.declared.get("stackable") for entry in (model, objective)),
            )
        trained = the_first(outcomes)
        encoded = ~sources[0].in_pairs
        images, features = sources[0].images[encoded], sources[0].features[encoded]
    else:
        bound = ()
        images, features = read_table(given.table), open_store(given.features)
        own = replicate(snakemake, checkpoints)
        trained = train_from_scratch(
            SelectedRows(features, (images["split"] == "train").to_numpy()),
            make_model=own.make_model,
            options=options,
            objective=own.objective,
            seed=own.seed,
            device=device,
            checkpoints=checkpoints,
        )
    codes = representation_table(images["image_id"], *encode(trained.model, features))
    named = bound if binding["named"] else ()
    save_trained(out["model"], out["info"], trained, stores, bound=named)
    write_table(out["source" if on_sources else "scratch"], codes)
