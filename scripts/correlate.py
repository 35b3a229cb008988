"""Correlate the latents of one fine-tuned model with handcrafted features, before and after."""

import logging

import pandas as pd

from fovscope.evaluation.disentanglement import score_stand_ins
from fovscope.interpret.explain import explain_codes
from fovscope.interpret.features import STAND_INS
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Metrics, Probes

FEWEST = 200  # objects below which binned features say nothing about codes

with logged(snakemake):
    wildcards, options = snakemake.wildcards, snakemake.params.options
    manifest = read_table(snakemake.input.manifest)
    objects = read_table(snakemake.input.objects)
    provenance = read_json(snakemake.input.model)["provenance"]
    sound = objects[objects["flag"] == ""]
    stand_ins = snakemake.params.stand_ins  # the metrics, where no factors are known
    if stand_ins and len(sound) < FEWEST:
        logging.warning("%d sound objects are too few to stand in for factors", len(sound))
        stand_ins = None
    tables = []
    for stage in ("transferred", "finetuned"):
        codes = representation_values(read_table(snakemake.input[stage]), manifest)
        model = {
            "dataset": wildcards.dataset,
            "tuned_on": wildcards.dataset if stage == "finetuned" else "",
            "backbone": wildcards.backbone,
            "recipe": wildcards.beta,
            "seed": int(wildcards.seed),
            "stage": stage,
        }
        table = explain_codes(
            manifest,
            objects,
            codes,
            active_sd=options["active_sd"],
            options=Probes.model_validate(dict(options["trees"])),
            seed=int(wildcards.seed),
            threads=snakemake.threads,
        )
        tables.append(score_table(table, Identity(**model), **provenance))
        if stand_ins:
            scores = score_stand_ins(
                manifest,
                codes,
                sound,
                columns=STAND_INS,
                options=Metrics.model_validate(dict(stand_ins)),
                threads=snakemake.threads,
            )
            identity = Identity(kind="disentanglement", representation="stand-in factors", **model)
            tables.append(score_table(scores, identity, **provenance))
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True))
