"""Score what one model makes of a class that was held out."""

import pandas as pd

import fovscope
from fovscope.datasets.design import FACTORS
from fovscope.dimensions import dimension_names
from fovscope.interpret.open_set import score_open_set
from fovscope.records import latent_means, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Probes

with logged(snakemake):
    wildcards, what = snakemake.wildcards, snakemake.params.what
    manifest = pd.read_parquet(snakemake.input.manifest)
    codes = latent_means(pd.read_parquet(snakemake.input.latents), manifest)
    scores, images = score_open_set(
        manifest,
        codes,
        held_out=what["held_out"],
        dimensions=dimension_names(codes.shape[1], bound=FACTORS if what["named"] else ()),
        active_sd=what["active_sd"],
        options=Probes.model_validate(dict(snakemake.params.probes)),
        seed=int(wildcards.seed),
        threads=snakemake.threads,
    )
    identity = dict(wildcards) | {"held_out": what["held_out"]}
    identity |= {"kind": "open_set", "tuned_on": wildcards.dataset, "stage": "finetuned"}
    provenance = read_json(snakemake.input.model)["provenance"]
    scores = scores.assign(**identity, **provenance, fovscope=fovscope.__version__)
    write_table(snakemake.output.scores, scores)
    write_table(snakemake.output.images, images)
