"""Score one fine-tuned model: probes and disentanglement, before and after the tuning."""

import pandas as pd

from fovscope.evaluation.accuracy import options_by_probe, probe_latents
from fovscope.evaluation.disentanglement import score_source, score_target
from fovscope.records import latent_means, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Metrics, Probes

with logged(snakemake):
    wildcards, threads = snakemake.wildcards, snakemake.threads
    probes = options_by_probe(Probes.model_validate(dict(snakemake.params.probes)))
    metrics = Metrics.model_validate(dict(snakemake.params.metrics))
    manifest = pd.read_parquet(snakemake.input.manifest)
    design = pd.read_parquet(snakemake.input.design).query("role != 'train_pair'")
    common = dict(wildcards) | read_json(snakemake.input.model)["provenance"]
    tables = []
    for stage in ("transferred", "finetuned"):
        codes = latent_means(pd.read_parquet(snakemake.input[stage]), manifest)
        tuned_on = wildcards.dataset if stage == "finetuned" else ""
        identity = common | {"stage": stage, "tuned_on": tuned_on}
        scored = probe_latents(
            manifest,
            codes,
            named=snakemake.params.scope["named"],
            active_sd=metrics.active_sd,
            probes=probes,
            seed=int(wildcards.seed),
            threads=threads,
        )
        for representation, by_probe in scored.items():
            where = identity | {"kind": "accuracy", "representation": representation}
            tables += [score_table(v, **where, probe=name) for name, v in by_probe.items()]
        if snakemake.params.scope["knows_factors"]:
            scores = score_target(manifest, codes, options=metrics, threads=threads)
            where = identity | {"kind": "disentanglement", "representation": "latents"}
            tables.append(score_table(scores, **where))
    codes = latent_means(pd.read_parquet(snakemake.input.source), design)
    scores = score_source(design, codes, options=metrics, threads=threads)
    where = identity | {"kind": "disentanglement", "representation": "latents"}
    where |= {"dataset": snakemake.params.scope["source"]}  # of the model that the loop ended with
    tables.append(score_table(scores, **where))
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True))
