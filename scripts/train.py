"""Train one model from new weights, on pairs of sources or on a target alone, and encode with it.

Encoded are the evaluation rows of the first source, or all images of the target: which output is
named says what is wanted.
"""

from functools import partial

from fovscope.datasets.listing import read_info
from fovscope.features.store import SelectedRows, open_store
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.provenance import read_json
from fovscope.study.models import SourceTraining, TargetTraining
from fovscope.training.pairs import SourceData, bound_dimensions, training_pairs
from fovscope.training.record import save_trained, training
from fovscope.training.scratch import train_from_scratch
from fovscope.training.source import train_source

out = dict(snakemake.output.items())

with (
    logged(snakemake) as job,
    training(
        out["model"],
        snakemake.output,
        key=job_key(snakemake),
        minutes=snakemake.resources.checkpoint_minutes,
    ) as checkpoints,
):
    given, what = snakemake.input, snakemake.params.job
    recipe, binding = what["recipe"], what["binding"]
    seed = int(snakemake.wildcards.seed)
    on_sources = "source" in out
    options = (SourceTraining if on_sources else TargetTraining).model_validate(what["training"])
    use_cores(options.compute_threads)
    stores = list(given.features) if on_sources else [given.features]
    how = {
        "make_model": partial(
            job.catalogue.load("model", what["model"]["kind"]).fitted,
            facts=read_json(stores[0]),
            options=what["model"]["options"],
            seed=seed,
        ),
        "options": options,
        "objective": job.catalogue.load("objective", recipe["objective"])(**recipe["options"]),
        "seed": seed,
        "device": resolve_device(),
        "checkpoints": checkpoints,
    }
    if on_sources:
        sources = [
            # Features in the stored type.
            SourceData.of(read_table(table), read_info(facts), open_store(features)[:])
            for table, facts, features in zip(given.table, given.facts, stores, strict=True)
        ]
        bound = bound_dimensions(sources, binding["factors"], angles=binding["anchored"])
        pairs = training_pairs(sources, bound)
        trained = train_source(
            *(pairs.first, pairs.second, pairs.changed),
            supervision=job.catalogue.load("supervision", recipe["supervision"]),
            anchors=pairs.anchors if binding["anchored"] else None,
            **how,
        )
        encoded = ~sources[0].in_pairs
        images, features = sources[0].images[encoded], sources[0].features[encoded]
    else:
        bound = ()
        images, features = read_table(given.table), open_store(given.features)
        seen = SelectedRows(features, (images["split"] == "train").to_numpy())
        trained = train_from_scratch(seen, **how)
    codes = representation_table(images["image_id"], *encode(trained.model, features))
    named = bound if binding["named"] else ()
    save_trained(out["model"], out["info"], trained, stores, bound=named)
    write_table(out["source" if on_sources else "scratch"], codes)
