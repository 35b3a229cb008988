"""Draw where the classes of a target lie in the latents of one model."""

from fovscope.dimensions import dimension_names
from fovscope.figures.latents import (
    draw_distributions,
    draw_pairs,
    draw_scatter,
    most_separating,
)
from fovscope.figures.style import COLUMN, PAGE, figure, save
from fovscope.records import read_table, representation_values
from fovscope.runtime.job import logged

with logged(snakemake):
    manifest = read_table(snakemake.input.manifest)
    codes = representation_values(read_table(snakemake.input.latents), manifest)
    labels = manifest["label"].to_numpy(str)
    names = dimension_names(codes.shape[1], named=snakemake.params.named)
    best = most_separating(codes, labels, min(4, codes.shape[1]))
    out = snakemake.output
    with figure(COLUMN + 1.2, COLUMN) as canvas:
        draw_scatter(canvas, codes, labels, names, (best[0], best[1]))
        save(canvas, {"svg": out.scatter_svg, "png": out.scatter_png})
    with figure(PAGE, PAGE - 1) as canvas:
        draw_pairs(canvas, codes, labels, names, best)
        save(canvas, {"svg": out.pairs_svg, "png": out.pairs_png})
    with figure(PAGE, 0.18 * len(set(labels)) + 0.8) as canvas:
        draw_distributions(canvas, codes, labels, names)
        save(canvas, {"svg": out.classes_svg, "png": out.classes_png})
