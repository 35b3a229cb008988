"""Encode a target's images with a source model, and fine-tune it on them, or on all but a class.

The outputs that are named say what is wanted: codes before and after, codes of the source after.
Models of other jobs that can be tuned with it are left as checkpoints, see `fovscope.runtime.pack`.
"""

from contextlib import nullcontext
from functools import partial

from fovscope.datasets.listing import read_info
from fovscope.factors import bound_of
from fovscope.features.store import open_store
from fovscope.models.storage import load_model
from fovscope.models.vae import encode
from fovscope.records import read_table, representation_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.pack import neighbours
from fovscope.runtime.provenance import read_json
from fovscope.study.models import Finetuning
from fovscope.training.finetune import finetune_all
from fovscope.training.pairs import SourceData, bound_dimensions, replayed
from fovscope.training.record import lent, save_trained, training
from fovscope.training.stack import Replicate, the_first

out = dict(snakemake.output.items())
minutes = snakemake.resources.get("checkpoint_minutes")

with (
    logged(snakemake) as job,
    training(out["model"], snakemake.output, key=job_key(snakemake), minutes=minutes)
    if "model" in out
    else nullcontext() as checkpoints,
):
    given, what = snakemake.input, snakemake.params.job
    use_cores(what["finetuning"]["compute_threads"])
    device = resolve_device()
    images = read_table(given.table)
    features = open_store(given.features)[:]  # in the stored type
    catalogue = job.catalogue
    model = load_model(given.model, device=device, catalogue=catalogue)
    codes = {name: (images, model, features) for name in ("codes", "transferred") if name in out}
    if "model" in out:
        options, binding = Finetuning.model_validate(what["finetuning"]), what["binding"]
        seen = images["split"] == "train"
        if held_out := snakemake.params.get("held_out"):
            seen &= images["label"] != held_out
        objective = catalogue.entry("objective", what["objective"]["objective"])
        kind = catalogue.entry("model", model.kind)
        of_sources = (given.get(f"replayed_{name}", []) for name in ("table", "facts", "features"))
        sources = [
            SourceData.of(read_table(table), read_info(facts), open_store(store)[:])
            for table, facts, store in zip(*of_sources, strict=True)
        ]
        bound = bound_dimensions(sources, binding["factors"], angles=binding["anchored"])
        with (
            neighbours(snakemake) as others,
            lent(others if device.type == "cuda" else (), minutes=minutes) as free,
        ):
            outcomes = finetune_all(
                features[seen.to_numpy()],
                replicates=[
                    Replicate(
                        seed=int(each.wildcards.seed),
                        objective=objective.load()(**each.params.job["objective"]["options"]),
                        make_model=partial(
                            lambda path, _: load_model(path, device=device, catalogue=catalogue),
                            each.input.model,
                        ),
                        checkpoints=saved,
                        leave=each is not snakemake,
                    )
                    for each, saved in ((snakemake, checkpoints), *free)
                ],
                options=options,
                device=device,
                replay=replayed(sources, bound) if options.replay else None,
                stackable=all(entry.declared.get("stackable") for entry in (kind, objective)),
            )
        tuned = the_first(outcomes)
        codes["finetuned"] = (images, tuned.model, features)
        named = bound_of(read_json(given.model_info))
        save_trained(out["model"], out["info"], tuned, [given.features], bound=named)
    if "source" in out:
        source = read_table(given.source_table)
        evaluation = (source["role"] != "train_pair").to_numpy()
        source_features = open_store(given.source_features)[:][evaluation]
        codes["source"] = (source[evaluation], tuned.model, source_features)
    for name, (of, encoder, rows) in codes.items():
        write_table(out[name], representation_table(of["image_id"], *encode(encoder, rows)))
