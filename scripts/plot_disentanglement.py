"""Draw disentanglement before and after fine-tuning, between floor and ceiling."""

from fovscope.figures.disentanglement import before_after_size, draw_before_after
from fovscope.figures.style import figure, save
from fovscope.records import read_table
from fovscope.runtime.job import logged

with logged(snakemake):
    shown = {
        "mig": "MIG",
        "dci_disentanglement": "DCI D",
        "dci_completeness": "DCI C",
        "dci_informativeness": "DCI I",
        "infom": "InfoM",
        "omes": "OMES",
    }
    long = read_table(snakemake.input[0])
    long = long[long["score"].isin(shown)]  # on a target without factors models are only compared
    with figure(*before_after_size(long, shown)) as canvas:
        draw_before_after(canvas, long, shown)
        save(canvas, snakemake.output)
