"""Sweep each latent dimension of one model: what it decodes, and the images nearest to that."""

import numpy as np
import pandas as pd

from fovscope.datasets.design import FACTORS
from fovscope.interpret.traversal import (
    NOMINAL,
    PERIODS,
    as_png,
    factor_movement,
    nearest_rows,
    sweep,
    traversal_table,
    typical_row,
)
from fovscope.models.decoding import decode_codes, decode_images
from fovscope.models.image_vae import ImageVAE
from fovscope.models.storage import load_model
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.devices import use_cores
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json

with logged(snakemake):
    use_cores(snakemake.threads)
    latents, images = (read_table(snakemake.input[k]) for k in ("latents", "table"))
    images = images[images["image_id"].isin(latents["image_id"])]
    codes = representation_values(latents, images)
    model = load_model(snakemake.input.model)
    decoded = decode_codes(model, codes)

    strips = sweep(codes, codes[[typical_row(codes)]], steps=7)[0]
    rows, distance = nearest_rows(decode_codes(model, strips), decoded)
    table = traversal_table(strips, rows, distance, images)
    if isinstance(model, ImageVAE):
        table["decoded"] = as_png(decode_images(model, strips))
    write_table(snakemake.output.strips, table)

    rng = np.random.default_rng(int(snakemake.wildcards.seed))
    starts = codes[rng.choice(len(codes), min(100, len(codes)), replace=False)]
    ends, _ = nearest_rows(decode_codes(model, sweep(codes, starts, steps=2)), decoded)
    columns = [name for name in images if name in FACTORS or name.startswith("factor_")]
    moves = {
        name.removeprefix("factor_"): factor_movement(
            *(ends[:, :, 0], ends[:, :, 1], images[name].to_numpy()),
            nominal=name in NOMINAL or not pd.api.types.is_numeric_dtype(images[name]),
            period=PERIODS.get(name),
        )
        for name in columns
        if images[name].nunique() > 1
    }
    scores = {f"moves[z{k},{name}]": by[k] for name, by in moves.items() for k in range(len(by))}
    wildcards = snakemake.wildcards
    identity = Identity(
        kind="traversal",
        dataset=wildcards.dataset,
        tuned_on=wildcards.dataset if snakemake.params.stage == "finetuned" else "",
        backbone=wildcards.backbone,
        recipe=wildcards.beta,
        seed=int(wildcards.seed),
        stage=snakemake.params.stage,
        representation="latents",
    )
    provenance = read_json(snakemake.input.info)["provenance"]
    write_table(snakemake.output.scores, score_table(scores, identity, **provenance))
