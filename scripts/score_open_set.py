"""Score what one model makes of a class that was held out."""

from fovscope.dimensions import dimension_names
from fovscope.interpret.open_set import score_open_set
from fovscope.records import Identity, read_table, representation_values, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Probes

with logged(snakemake):
    wildcards, what = snakemake.wildcards, snakemake.params.what
    manifest = read_table(snakemake.input.manifest)
    codes = representation_values(read_table(snakemake.input.latents), manifest)
    scores, images = score_open_set(
        manifest,
        codes,
        held_out=what["held_out"],
        dimensions=dimension_names(codes.shape[1], named=what["named"]),
        active_sd=what["active_sd"],
        options=Probes.model_validate(dict(snakemake.params.probes)),
        seed=int(wildcards.seed),
        threads=snakemake.threads,
    )
    identity = Identity(
        kind="open_set",
        dataset=wildcards.dataset,
        tuned_on=wildcards.dataset,
        backbone=wildcards.backbone,
        recipe=wildcards.beta,
        seed=int(wildcards.seed),
        stage="finetuned",
        representation="latents",
    )
    provenance = read_json(snakemake.input.model)["provenance"]
    scores = score_table(scores, identity, held_out=what["held_out"], **provenance)
    write_table(snakemake.output.scores, scores)
    write_table(snakemake.output.images, images)
