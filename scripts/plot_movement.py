"""Draw how far each known factor moves along each dimension of one traversal."""

from fovscope.dimensions import dimension_names
from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.style import COLUMN, figure, save
from fovscope.interpret.traversal import movement_matrix
from fovscope.records import read_table
from fovscope.runtime.job import logged

with logged(snakemake):
    matrix = movement_matrix(read_table(snakemake.input[0]))
    names = dimension_names(len(matrix), named=snakemake.params.named)
    with figure(COLUMN, 0.2 * len(names) + 0.7) as canvas:
        draw_heatmap(
            canvas.subplots(), matrix.to_numpy(), names, list(matrix), signed=False, limit=2
        )
        save(canvas, snakemake.output)
