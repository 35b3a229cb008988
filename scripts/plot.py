"""Draw one figure from what it says that it needs."""

from functools import partial
from pathlib import Path

import pandas as pd

from fovscope.datasets.images import open_images
from fovscope.dimensions import dimension_names
from fovscope.figures.given import Given
from fovscope.figures.style import figure, save
from fovscope.interpret.traversal import movement_matrix
from fovscope.records import latent_means
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json

with logged(snakemake) as job:
    entry = job.catalogue.entry("figure", snakemake.params.figure)
    needs, options, files = entry.declared["needs"], snakemake.params.given, snakemake.input
    given = {"place": dict(snakemake.wildcards), "options": options}
    given["tables"] = {Path(path).stem: pd.read_parquet(path) for path in files.get("tables", [])}
    dimensions = 0
    if "images" in needs:
        table, info = pd.read_parquet(files.table), read_json(files.info)
        if "representation" in needs:  # pairs that only training saw have none
            values = pd.read_parquet(files.latents)
            table = table[table["image_id"].isin(values["image_id"])].reset_index(drop=True)
            given["values"] = latent_means(values, table)
            dimensions = given["values"].shape[1]
        opened = partial(open_images, table, info, interpolation="bilinear")
        given |= {"image_table": table, "info": info}
        given["open_images"] = lambda size: opened(size=size)
    if "strips" in needs:
        given["strips"] = pd.read_parquet(files.strips)
        dimensions = given["strips"]["dimension"].nunique()
    if "moves" in needs:
        given["moves"] = pd.read_parquet(files.moves)
        dimensions = len(movement_matrix(given["moves"]))
    given["dimensions"] = dimension_names(dimensions, options.get("bound", ()))
    drawing = entry.load()(Given(**given))
    with figure(drawing.width, drawing.height) as canvas:
        drawing.draw(canvas)
        save(canvas, snakemake.output)
