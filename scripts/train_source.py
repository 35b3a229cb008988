"""Train one source model and encode the source's evaluation rows with it."""

import numpy as np
import pandas as pd

from fovscope.features.store import open_store
from fovscope.models.vae import encode
from fovscope.objectives import supervision
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.records import latents_table, write_table
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import job_key, logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import SourceTraining
from fovscope.training.record import save_trained, training
from fovscope.training.source import model_options, train_source

with (
    logged(snakemake),
    training(
        snakemake.output.model,
        snakemake.output,
        key=job_key(snakemake),
        minutes=snakemake.resources.checkpoint_minutes,
    ) as checkpoints,
):
    use_cores(snakemake.threads)
    design = pd.read_parquet(snakemake.input.design)
    pairs = (design["role"] == "train_pair").to_numpy()
    changed_factor = design.loc[pairs, "changed_factor"].to_numpy()[::2]
    options = SourceTraining.model_validate(dict(snakemake.params.training))
    features = open_store(snakemake.input.features)[:]  # in the stored type
    trained = train_source(
        features[pairs][::2],  # the members of a pair are adjacent rows
        features[pairs][1::2],
        np.eye(changed_factor.max() + 1, dtype=bool)[changed_factor],
        model_options=model_options(read_json(snakemake.input.features), snakemake.params.model),
        options=options,
        objective=BetaVAE(beta=float(snakemake.wildcards.beta)),
        supervision=getattr(supervision, options.supervision),
        seed=int(snakemake.wildcards.seed),
        device=resolve_device(),
        checkpoints=checkpoints,
    )
    latents = latents_table(
        design.loc[~pairs, "image_id"], *encode(trained.model, features[~pairs])
    )
    save_trained(snakemake.output.model, snakemake.output.info, trained, snakemake.input.features)
    write_table(snakemake.output.latents, latents)
