"""Draw one figure, or write one page about several models, from what it says that it needs."""

from functools import partial

from fovscope.figures.given import read_given
from fovscope.runtime.job import logged

with logged(snakemake) as job:
    what, files = snakemake.params.job, dict(snakemake.input.items())
    read = partial(read_given, options=what["options"], catalogue=job.catalogue)
    if "page" in what:
        tables = {"tables": files.pop("tables", [])}  # of all models; of other files one for each
        models = [
            read(tables | dict(zip(files, paths, strict=True)), place=place)
            for *paths, place in zip(*files.values(), what["places"], strict=True)
        ]
        drawn = job.catalogue.load("page", what["page"])(models)
    else:
        draw = job.catalogue.load("figure", what["figure"])
        drawn = draw(read(files, place=dict(snakemake.wildcards.items())))
    drawn.write(dict(snakemake.output.items()))
