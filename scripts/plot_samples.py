"""Draw some images of each class of a data set, or of each texture of the source."""

from fovscope.datasets.images import open_images
from fovscope.datasets.listing import read_info
from fovscope.figures.samples import draw_samples, sample_rows, sample_size
from fovscope.figures.style import figure, save
from fovscope.records import read_table
from fovscope.runtime.job import logged
from fovscope.study.config import Source

with logged(snakemake):
    table = read_table(snakemake.input.table)
    options = snakemake.params.source
    images = open_images(
        table,
        read_info(snakemake.input.info),
        Source.model_validate(dict(options)) if options else None,
        size=112,
        interpolation="bilinear",
    )
    groups = "Texture " + table["Texture"].astype(str) if options else table["label"]
    rows = sample_rows(groups, seed=0)
    with figure(*sample_size(len(rows))) as canvas:
        draw_samples(canvas, images, rows)
        save(canvas, snakemake.output)
