"""Correlate the latents of one fine-tuned model with handcrafted features, before and after."""

import pandas as pd

import fovscope
from fovscope.config import Probes
from fovscope.interpret.explain import explain_codes
from fovscope.job import logged
from fovscope.provenance import read_json
from fovscope.tables.records import latent_means, write_table

with logged(snakemake):
    wildcards, options = snakemake.wildcards, snakemake.params.options
    manifest = pd.read_parquet(snakemake.input.manifest)
    objects = pd.read_parquet(snakemake.input.objects)
    provenance = read_json(snakemake.input.model)["provenance"]
    tables = []
    for stage in ("transferred", "finetuned"):
        table = explain_codes(
            manifest,
            objects,
            latent_means(pd.read_parquet(snakemake.input[stage]), manifest),
            active_sd=options["active_sd"],
            options=Probes.model_validate(dict(options["trees"])),
            seed=int(wildcards.seed),
            threads=snakemake.threads,
        )
        tuned_on = wildcards.dataset if stage == "finetuned" else ""
        tables.append(table.assign(**wildcards, stage=stage, tuned_on=tuned_on, **provenance))
    table = pd.concat(tables, ignore_index=True)
    write_table(snakemake.output[0], table.assign(fovscope=fovscope.__version__))
