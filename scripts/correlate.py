"""Correlate the latents of one fine-tuned model with handcrafted features, before and after."""

import logging

import pandas as pd

import fovscope
from fovscope.evaluation.accuracy import options_by_probe
from fovscope.evaluation.disentanglement import score_stand_ins
from fovscope.interpret.explain import explain_codes
from fovscope.interpret.features import STAND_INS
from fovscope.records import latent_means, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Metrics, Probes

FEWEST = 200  # objects below which binned features say nothing about codes

with logged(snakemake):
    wildcards, options = snakemake.wildcards, snakemake.params.options
    manifest = pd.read_parquet(snakemake.input.manifest)
    objects = pd.read_parquet(snakemake.input.objects)
    provenance = read_json(snakemake.input.model)["provenance"]
    sound = objects[objects["flag"] == ""]
    stand_ins = snakemake.params.stand_ins  # the metrics, where no factors are known
    if stand_ins and len(sound) < FEWEST:
        logging.warning("%d sound objects are too few to stand in for factors", len(sound))
        stand_ins = None
    tables = []
    for stage in ("transferred", "finetuned"):
        codes = latent_means(pd.read_parquet(snakemake.input[stage]), manifest)
        identity = {"stage": stage, "tuned_on": wildcards.dataset if stage == "finetuned" else ""}
        identity |= dict(wildcards) | provenance
        table = explain_codes(
            manifest,
            objects,
            codes,
            active_sd=options["active_sd"],
            options=options_by_probe(Probes.model_validate(dict(options["trees"])))["gbt"],
            seed=int(wildcards.seed),
            threads=snakemake.threads,
        )
        tables.append(table.assign(**identity))
        if stand_ins:
            scores = score_stand_ins(
                manifest,
                codes,
                sound,
                columns=STAND_INS,
                options=Metrics.model_validate(dict(stand_ins)),
                threads=snakemake.threads,
            )
            where = {"kind": "disentanglement", "representation": "stand-in factors"}
            tables.append(score_table(scores, **where, **identity))
    table = pd.concat(tables, ignore_index=True)
    write_table(snakemake.output[0], table.assign(fovscope=fovscope.__version__))
