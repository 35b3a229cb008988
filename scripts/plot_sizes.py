"""Draw how the scores of one source model move with the number of rows."""

from fovscope.evaluation.by_size import SHOWN, source_scores_by_size
from fovscope.figures.sizes import draw_by_size
from fovscope.figures.style import PAGE, figure, save
from fovscope.records import read_table, representation_values
from fovscope.runtime.job import logged
from fovscope.study.config import Metrics

with logged(snakemake):
    design = read_table(snakemake.input.design).query("role != 'train_pair'")
    codes = representation_values(read_table(snakemake.input.latents), design)
    scores = source_scores_by_size(
        design, codes, options=Metrics.model_validate(dict(snakemake.params.metrics))
    )
    with figure(PAGE, 2.2) as canvas:
        draw_by_size(canvas, scores, SHOWN)
        save(canvas, snakemake.output)
