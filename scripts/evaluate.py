"""Score one fine-tuned model: probes and disentanglement, before and after the tuning."""

import pandas as pd

from fovscope.evaluation.accuracy import probe_latents
from fovscope.evaluation.disentanglement import score_source, score_target
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Metrics, Probes

with logged(snakemake):
    wildcards, threads = snakemake.wildcards, snakemake.threads
    probes = Probes.model_validate(dict(snakemake.params.probes))
    metrics = Metrics.model_validate(dict(snakemake.params.metrics))
    manifest = read_table(snakemake.input.manifest)
    design = read_table(snakemake.input.design).query("role != 'train_pair'")
    provenance = read_json(snakemake.input.model)["provenance"]
    model = {
        "dataset": wildcards.dataset,
        "backbone": wildcards.backbone,
        "recipe": wildcards.beta,
        "seed": int(wildcards.seed),
    }
    tables = []
    for stage in ("transferred", "finetuned"):
        codes = representation_values(read_table(snakemake.input[stage]), manifest)
        tuned_on = wildcards.dataset if stage == "finetuned" else ""
        model |= {"stage": stage, "tuned_on": tuned_on}
        scored = probe_latents(
            manifest,
            codes,
            named=snakemake.params.scope["named"],
            active_sd=metrics.active_sd,
            options=probes,
            seed=int(wildcards.seed),
            threads=threads,
        )
        for representation, by_probe in scored.items():
            for probe, values in by_probe.items():
                identity = Identity(
                    kind="accuracy", representation=representation, probe=probe, **model
                )
                tables.append(score_table(values, identity, **provenance))
        if snakemake.params.scope["knows_factors"]:
            scores = score_target(manifest, codes, options=metrics, threads=threads)
            identity = Identity(kind="disentanglement", representation="latents", **model)
            tables.append(score_table(scores, identity, **provenance))
    codes = representation_values(read_table(snakemake.input.source), design)
    scores = score_source(design, codes, options=metrics, threads=threads)
    model["dataset"] = snakemake.params.scope["source"]  # of the model that the loop ended with
    identity = Identity(kind="disentanglement", representation="latents", **model)
    tables.append(score_table(scores, identity, **provenance))
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True))
