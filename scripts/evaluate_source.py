"""Score the disentanglement of one source model."""

from fovscope.evaluation.disentanglement import score_source
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Metrics

with logged(snakemake):
    design = read_table(snakemake.input.design).query("role != 'train_pair'")
    codes = representation_values(read_table(snakemake.input.latents), design)
    options = Metrics.model_validate(dict(snakemake.params.metrics))
    scores = score_source(design, codes, options=options, threads=snakemake.threads)
    wildcards = snakemake.wildcards
    identity = Identity(
        kind="disentanglement",
        dataset=snakemake.params.source,
        backbone=wildcards.backbone,
        recipe=wildcards.beta,
        seed=int(wildcards.seed),
        stage="source",
        representation="latents",
    )
    write_table(
        snakemake.output[0],
        score_table(scores, identity, **read_json(snakemake.input.model)["provenance"]),
    )
