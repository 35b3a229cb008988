"""Draw in which dimensions held-out classes differ from those that they are mistaken for."""

from fovscope.figures.open_set import draw_open_set, mistakes, open_set_size
from fovscope.figures.style import figure, save
from fovscope.records import read_table
from fovscope.runtime.job import logged

with logged(snakemake):
    wildcards = snakemake.wildcards
    long = read_table(snakemake.input[0])
    long = long[(long["target"] == wildcards.dataset) & (long["input"] == wildcards.backbone)]
    chosen = mistakes(long)
    with figure(*open_set_size(chosen)) as canvas:
        draw_open_set(canvas, chosen)
        save(canvas, snakemake.output)
