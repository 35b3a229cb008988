"""Decode with one model: each latent dimension swept, or images, what lies between, and samples.

The outputs that are named say what is wanted.
"""

import numpy as np

from fovscope.datasets.listing import read_info
from fovscope.factors import Factor
from fovscope.features.store import open_store
from fovscope.interpret.reconstruction import (
    decoded_table,
    frechet_distance,
    reconstruction_scores,
    shown_codes,
)
from fovscope.interpret.traversal import (
    as_png,
    factor_movements,
    movement_starts,
    nearest_rows,
    sweep,
    swept_dimensions,
    traversal_table,
    typical_row,
)
from fovscope.models.decoding import decode_codes, scaled_inputs
from fovscope.models.storage import load_model
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.features import Backbone, Features

with logged(snakemake) as job:
    given, what, out = snakemake.input, snakemake.params.job, dict(snakemake.output.items())
    use_cores(snakemake.threads)
    latents, images = read_table(given.latents), read_table(given.table)
    model = load_model(given.model, catalogue=job.catalogue)
    identity = Identity.of(snakemake.wildcards).replace(
        representation="latents", **what["identity"]
    )
    provenance = read_json(given.info)["provenance"]
    if "moves" in out:
        images = images[images["image_id"].isin(latents["image_id"])]
        codes = representation_values(latents, images)
        decoded = decode_codes(model, codes)

        shown = swept_dimensions(codes)
        strips = sweep(codes, codes[[typical_row(codes)]], steps=7)[0, shown]
        swept = decode_codes(model, strips)
        rows, distance = nearest_rows(swept, decoded)
        table = traversal_table(strips, rows, distance, images, shown)
        pictures = model.pictures(swept)
        if pictures is not None:
            table["decoded"] = as_png(pictures)
        write_table(out["strips"], table)

        rng = np.random.default_rng(int(snakemake.wildcards.seed))
        moved = decode_codes(model, sweep(codes, movement_starts(codes, rng), steps=2))
        ends, _ = nearest_rows(moved, decoded)
        factors = [Factor.from_json(raw) for raw in read_info(given.facts)["factors"]]
        moves = factor_movements(images, factors, ends)
        of_moves = identity.replace(kind="traversal")
        write_table(out["moves"], score_table(moves, of_moves, **provenance))
    if "decoded" in out:
        codes = representation_values(latents, images)
        rows, lines = shown_codes(codes, images, classes=what["classes"], seed=0)
        real = model.pictures(scaled_inputs(model, open_store(given.features).oindex[rows]))
        drawn = model.pictures(decode_codes(model, codes[rows]))
        scores = reconstruction_scores(real / 255, drawn / 255)
        if judge := what["judged_by"]:
            from fovscope.features.pictures import features_of

            scores["frechet"] = frechet_distance(
                *(
                    features_of(
                        pictures,
                        backbone=Backbone.model_validate(judge["backbone"]),
                        options=Features.model_validate(judge["features"]),
                        device=resolve_device(),
                    )
                    for pictures in (real, drawn)
                )
            )
        of_scores = identity.replace(kind="reconstruction")
        write_table(out["scores"], score_table(scores, of_scores, **provenance))
        pictures = {"images": real[: len(lines["reconstruction"])]} | {
            kind: model.pictures(decode_codes(model, line)) for kind, line in lines.items()
        }
        files = {kind: as_png(drawings) for kind, drawings in pictures.items()}
        write_table(out["decoded"], decoded_table(files, identity.recipe))
