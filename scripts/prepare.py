"""Make the image table of a data set, from files, a generator, a design, or another's images."""

import json
from pathlib import Path

from fovscope.datasets.enough import require_enough
from fovscope.datasets.listing import read_info, write_info
from fovscope.datasets.remarks import noted_warnings
from fovscope.profiles.screen import require_screen
from fovscope.records import read_table, write_table
from fovscope.runtime.job import logged

with logged(snakemake) as job:
    what = snakemake.params.job
    given = dict(snakemake.input.items())
    followed = {}
    if "followed_table" in given:
        followed["followed"] = {
            "name": what["followed"],
            "images": read_table(given["followed_table"]),
            "facts": read_info(given["followed_facts"]),
            "objects": read_table(given["followed_objects"]),
            "masks": read_table(given["followed_masks"]),
            "masks_path": given["followed_masks"],
        }
    prepare = job.catalogue.load("origin", what["origin"])
    with noted_warnings() as warnings:
        manifest = prepare(
            what["options"],
            Path(snakemake.output.table).parent,
            catalogue=job.catalogue,
            workers=snakemake.threads,
            **followed,
        )
    demands = json.loads(snakemake.resources.demands)
    require_enough(manifest.table, demands, snakemake.wildcards.dataset)
    if "screen" in demands:
        require_screen(manifest.table, demands["screen"], snakemake.wildcards.dataset)
    write_table(snakemake.output.table, manifest.table)
    remarks = sorted({record.getMessage() for record in warnings})  # in whatever order they came
    write_info(snakemake.output.facts, manifest.info | {"remarks": remarks})
