"""Segment and measure the object of each image of one target, and draw the masks."""

from pathlib import Path

from fovscope.datasets.listing import read_info
from fovscope.images.read import read_image
from fovscope.interpret.contact_sheet import Tile, choose_rows, contact_sheet
from fovscope.interpret.objects import decode_mask, measure_objects
from fovscope.records import read_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import replacing

with logged(snakemake):
    images, facts = read_table(snakemake.input.table), read_info(snakemake.input.facts)
    root, preprocessing = Path(facts["root"]), facts["preprocessing"]
    objects, masks = measure_objects(images, root, preprocessing, workers=snakemake.threads)
    write_table(snakemake.output.objects, objects)
    write_table(snakemake.output.masks, masks)
    reading = {key: preprocessing[key] for key in ("background", "white_level")}
    tiles = (
        Tile(
            read_image(root / images["path"][row], **reading),
            decode_mask(masks["mask"][row]),
            objects["flag"][row],
        )
        for row in choose_rows(images, objects["flag"])
    )
    with replacing(snakemake.output.sheet) as temporary:
        contact_sheet(tiles).save(temporary)
