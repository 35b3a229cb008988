"""Config to typed study, wildcard constraints, the lists that rules expand over."""

import sys
from pathlib import Path

SCRIPTS = Path(workflow.current_basedir).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from fovscope.config import ConfigError, load_study
from fovscope.layout import Paths

try:
    study = load_study(config)
except ConfigError as error:
    raise WorkflowError(str(error))

SOURCE = study.source.name
TARGETS = sorted(study.targets)
WITH_FACTORS = [SOURCE, *(name for name in TARGETS if study.targets[name].knows_factors)]
BACKBONES = sorted(study.backbones)
BETAS = [f"{beta:g}" for beta in study.betas]
SEEDS = list(study.seeds)
# Plain values: rules pass parts of it as params, so that a job depends on these parts only.
STUDY = study.model_dump(mode="json")
PATHS = Paths(study.results, SOURCE)
MODEL = "{backbone}_beta{beta}_seed{seed}"


wildcard_constraints:
    dataset="|".join([SOURCE, *TARGETS]),
    backbone="|".join(BACKBONES),
    beta=r"[0-9.e+-]+",
    seed=r"[0-9]+",


def data_of(wildcards):
    """The image table of a data set and its facts: a design for the source."""
    if wildcards.dataset == SOURCE:
        return {"table": PATHS.design, "info": PATHS.design_info}
    return {"table": PATHS.manifest, "info": PATHS.data_info}


def options_of(wildcards):
    """The config of a data set, source or target."""
    return STUDY["source"] if wildcards.dataset == SOURCE else STUDY["targets"][wildcards.dataset]


def of_all_models(template, **wildcards):
    """All (backbone, β, seed) of a template."""
    return collect(template, backbone=BACKBONES, beta=BETAS, seed=SEEDS, **wildcards)
