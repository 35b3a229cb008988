"""Draw one figure from what it says that it needs."""

from functools import partial
from pathlib import Path

import pandas as pd

from fovscope.datasets.listing import read_info
from fovscope.dimensions import dimension_names
from fovscope.factors import bound_of
from fovscope.figures.given import Given
from fovscope.figures.style import figure, save
from fovscope.images.source import RGBView, open_images
from fovscope.interpret.traversal import movement_matrix
from fovscope.records import read_table, representation_values
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json

with logged(snakemake) as job:
    what, files = snakemake.params.job, dict(snakemake.input.items())
    entry = job.catalogue.entry("figure", what["figure"])
    given = {"place": dict(snakemake.wildcards.items()), "options": what["options"]}
    given["tables"] = {Path(path).stem: read_table(path) for path in files.get("tables", [])}
    dimensions = 0
    if "table" in files:
        images, facts = read_table(files["table"]), read_info(files["facts"])
        if "representation" in files:  # pairs that only training saw have none
            values = read_table(files["representation"])
            images = images[images["image_id"].isin(values["image_id"])].reset_index(drop=True)
            given["values"] = representation_values(values, images)
            dimensions = given["values"].shape[1]
        opened = partial(
            open_images, images, facts, interpolation="bilinear", catalogue=job.catalogue
        )
        given |= {"image_table": images, "info": facts}
        given["open_images"] = lambda size: RGBView(opened(size=size))
    for name in ("strips", "moves", "wells"):
        if name in files:
            given[name] = read_table(files[name])
    if "decoded" in files:
        given["decoded"] = pd.concat(map(read_table, files["decoded"]), ignore_index=True)
    if "strips" in given:
        dimensions = given["strips"]["dimension"].max() + 1
    if "moves" in given:
        dimensions = len(movement_matrix(given["moves"]))
    bound = bound_of(read_json(files["model"])) if "model" in files else ()
    given["dimensions"] = dimension_names(dimensions, bound)
    drawing = entry.load()(Given(**given))
    with figure(drawing.width, drawing.height) as canvas:
        drawing.draw(canvas)
        save(canvas, snakemake.output)
