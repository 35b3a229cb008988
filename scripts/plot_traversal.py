"""Draw the strips of one traversal: the nearest real or the decoded image at each value."""

from fovscope.datasets.images import open_images
from fovscope.datasets.listing import read_info
from fovscope.dimensions import dimension_names
from fovscope.figures.style import figure, save
from fovscope.figures.traversal import draw_traversal, strip_images, traversal_size
from fovscope.records import read_table
from fovscope.runtime.job import logged
from fovscope.study.config import Source

with logged(snakemake):
    strips, table = (read_table(snakemake.input[name]) for name in ("strips", "table"))
    options = snakemake.params.source
    images = open_images(
        table,
        read_info(snakemake.input.info),
        Source.model_validate(dict(options)) if options else None,
        size=112,
        interpolation="bilinear",
    )
    values = strips.pivot(index="dimension", columns="step", values="value").to_numpy()
    names = dimension_names(len(values), named=snakemake.params.named)
    with figure(*traversal_size(*values.shape)) as canvas:
        draw_traversal(canvas, strip_images(strips, table, images), names, values)
        save(canvas, snakemake.output)
