"""Sweep each latent dimension of one model: what it decodes, and the images nearest to that."""

import numpy as np

from fovscope.datasets.listing import read_info
from fovscope.factors import Factor
from fovscope.interpret.traversal import (
    as_png,
    factor_movements,
    nearest_rows,
    sweep,
    traversal_table,
    typical_row,
)
from fovscope.models.decoding import decode_codes
from fovscope.models.storage import load_model
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.devices import use_cores
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json

with logged(snakemake) as job:
    given = snakemake.input
    use_cores(snakemake.threads)
    latents, images = read_table(given.latents), read_table(given.table)
    images = images[images["image_id"].isin(latents["image_id"])]
    codes = representation_values(latents, images)
    model = load_model(given.model, catalogue=job.catalogue)
    decoded = decode_codes(model, codes)

    strips = sweep(codes, codes[[typical_row(codes)]], steps=7)[0]
    swept = decode_codes(model, strips)
    rows, distance = nearest_rows(swept, decoded)
    table = traversal_table(strips, rows, distance, images)
    pictures = model.pictures(swept)
    if pictures is not None:
        table["decoded"] = as_png(pictures)
    write_table(snakemake.output.strips, table)

    rng = np.random.default_rng(int(snakemake.wildcards.seed))
    starts = codes[rng.choice(len(codes), min(100, len(codes)), replace=False)]
    ends, _ = nearest_rows(decode_codes(model, sweep(codes, starts, steps=2)), decoded)
    factors = [Factor.from_json(raw) for raw in read_info(given.facts)["factors"]]
    identity = Identity.of(snakemake.wildcards).replace(
        kind="traversal", representation="latents", **snakemake.params.job["identity"]
    )
    moves = score_table(
        factor_movements(images, factors, ends), identity, **read_json(given.info)["provenance"]
    )
    write_table(snakemake.output.moves, moves)
