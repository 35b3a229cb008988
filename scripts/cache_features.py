"""Cache the features of one data set and backbone."""

from functools import partial
from pathlib import Path

import pandas as pd

from fovscope.config import Backbone, Features, Source
from fovscope.data.sources import open_images
from fovscope.devices import resolve_device, use_cores
from fovscope.features.extract import cache_features
from fovscope.job import logged
from fovscope.provenance import digest_json, read_json, versions

with logged(snakemake):
    task = read_json(snakemake.input.task)
    source = Source.model_validate(task["source"]) if task["source"] else None
    info = read_json(snakemake.input.info)
    # The images themselves count, not what tells that they may have changed.
    depends_on = {name: value for name, value in task.items() if name != "images"}
    device = resolve_device()
    use_cores(snakemake.threads)
    cache_features(
        Path(snakemake.output[0]),
        partial(open_images, pd.read_parquet(snakemake.input.table), info, source),
        backbone=Backbone.model_validate(task["backbone"]),
        options=Features.model_validate(task["features"]),
        data_digest=info["images_digest"],
        device=device,
        # Without a GPU the network itself wants the cores.
        workers=snakemake.threads if device.type == "cuda" else 0,
        key=digest_json([depends_on, info["images_digest"], versions()]),
    )
