"""Cache the features of one data set and backbone."""

from functools import partial
from pathlib import Path

import pandas as pd

from fovscope.config import Backbone, Features, Source
from fovscope.data.sources import open_images
from fovscope.devices import resolve_device, use_cores
from fovscope.features.extract import cache_features
from fovscope.job import job_key, logged
from fovscope.provenance import read_json

with logged(snakemake):
    options = snakemake.params.source
    source = Source.model_validate(dict(options)) if options else None
    info = read_json(snakemake.input.info)
    device = resolve_device()
    use_cores(snakemake.threads)
    cache_features(
        Path(snakemake.output[0]),
        partial(open_images, pd.read_parquet(snakemake.input.table), info, source),
        backbone=Backbone.model_validate(dict(snakemake.params.backbone)),
        options=Features.model_validate(dict(snakemake.params.features)),
        data_digest=info["images_digest"],
        device=device,
        # Without a GPU the network itself wants the cores.
        workers=snakemake.threads if device.type == "cuda" else 0,
        key=job_key(snakemake),
    )
