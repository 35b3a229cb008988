"""Run one evaluation: image tables and representations in, score rows out."""

from fovscope.evaluation.base import Given, read_inputs
from fovscope.records import Identity, write_table
from fovscope.runtime.job import logged

with logged(snakemake) as job:
    what = snakemake.params.job
    inputs, provenance = read_inputs(snakemake.input)
    evaluate = job.catalogue.load("evaluation", what["evaluation"])
    scored = evaluate(
        Given(
            inputs,
            what["options"],
            Identity.of(snakemake.wildcards),
            provenance,
            job.catalogue,
            snakemake.threads,
        )
    )
    for name, path in snakemake.output.items():
        write_table(path, scored[name])
