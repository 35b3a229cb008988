"""Segment and measure the object of each image of a target, or of each edited test image."""

from pathlib import Path

from fovscope.datasets.listing import read_info
from fovscope.interpret.contact_sheet import Tile, choose_rows, contact_sheet
from fovscope.interpret.handcrafted import CANVAS
from fovscope.interpret.objects import decode_mask, look_at_files, measure_looks
from fovscope.records import read_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import replacing

with logged(snakemake) as job:
    images, facts = read_table(snakemake.input.table), read_info(snakemake.input.facts)
    if "interventions" in facts:
        images = images[images["split"] == "test"].reset_index(drop=True)
        read = job.catalogue.load("reader", "interventions")
        look = read(images, facts, CANVAS, "bicubic", job.catalogue).look
    else:
        look = look_at_files(images, Path(facts["root"]), facts["preprocessing"])
    objects, masks = measure_looks(images["image_id"], look, workers=snakemake.threads)
    write_table(snakemake.output.objects, objects)
    write_table(snakemake.output.masks, masks)
    tiles = (
        Tile(look(row).image, decode_mask(masks["mask"][row]), objects["flag"][row])
        for row in choose_rows(images, objects["flag"])
    )
    with replacing(snakemake.output.sheet) as temporary:
        contact_sheet(tiles).save(temporary)
