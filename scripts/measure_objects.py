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
    manifest = read_table(snakemake.input.table)
    info = read_info(snakemake.input.info)
    root, preprocessing = Path(info["root"]), info["preprocessing"]
    objects, masks = measure_objects(manifest, root, preprocessing, workers=snakemake.threads)
    write_table(snakemake.output.objects, objects)
    write_table(snakemake.output.masks, masks)
    reading = {key: preprocessing[key] for key in ("background", "white_level")}
    tiles = (
        Tile(
            read_image(root / manifest["path"][row], **reading),
            decode_mask(masks["mask"][row]),
            objects["flag"][row],
        )
        for row in choose_rows(manifest, objects["flag"])
    )
    with replacing(snakemake.output.sheet) as temporary:
        contact_sheet(tiles).save(temporary)
