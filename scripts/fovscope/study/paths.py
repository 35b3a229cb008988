"""Where everything lies on disk: all paths of a study, made in this one place.

Paths are templates with the wildcards ``{dataset} {backbone} {beta} {seed}``,
``{held_out}``, the file name of a class, and ``{part} {parts}`` of a feature store that several
jobs fill. A job writes each of its outputs whole or not at all.
"""

from __future__ import annotations

import os
from pathlib import Path


def normal_path(text: str) -> str:
    """Return a path of the configuration in one form, however it is spelled.

    Parameters
    ----------
    text : str
        A path as a user wrote it; ``procedural``, ``pip:…`` and the like are none.

    Returns
    -------
    str
        From the working folder where the path leads into it, by whatever name of that folder;
        otherwise absolute or relative as it was. Without ``.``, ``..`` that leads back, doubled
        and trailing slashes; ``~`` is the home folder. Links within the path stay.
    """
    path = os.path.expanduser(text)  # noqa: PTH111
    here = Path.cwd()
    absolute = Path(os.path.normpath(here / path))
    for parent in (absolute, *absolute.parents):
        if parent.exists() and parent.samefile(here):
            return absolute.relative_to(parent).as_posix()
    return os.path.normpath(path)


class Paths:
    """Path templates of one study.

    Parameters
    ----------
    root : str
        Folder of the study.
    source : str
        Name of the source data set.
    """

    def __init__(self, root: str, source: str) -> None:
        model = "{backbone}/beta{beta}/seed{seed}"
        models = f"{root}/models/{model}"
        latents = f"{root}/latents/{model}"
        self.root = root
        self.config = f"{root}/config.yaml"

        self.manifest = f"{root}/data/{{dataset}}/manifest.parquet"
        self.data_info = f"{root}/data/{{dataset}}/manifest.json"
        self.objects = f"{root}/data/{{dataset}}/objects.parquet"
        self.masks = f"{root}/data/{{dataset}}/masks.parquet"
        self.mask_sheet = f"{root}/figures/masks_{{dataset}}.png"
        self.design = f"{root}/data/{source}/design.parquet"
        self.design_info = f"{root}/data/{source}/manifest.json"

        self.features_task = f"{root}/features/{{dataset}}/{{backbone}}/task.json"
        self.features_part = (
            f"{root}/features/{{dataset}}/{{backbone}}/part{{part}}of{{parts}}.json"
        )
        self.features = f"{root}/features/{{dataset}}/{{backbone}}/manifest.json"
        self.source_features = f"{root}/features/{source}/{{backbone}}/manifest.json"

        self.source_model = f"{models}/source.safetensors"
        self.source_model_info = f"{models}/source.json"
        self.tuned_model = f"{models}/{{dataset}}.safetensors"
        self.tuned_model_info = f"{models}/{{dataset}}.json"

        self.source_latents = f"{latents}/source/{source}.parquet"
        self.transferred_latents = f"{latents}/transferred/{{dataset}}.parquet"
        self.tuned_latents = f"{latents}/finetuned/{{dataset}}.parquet"
        self.tuned_source_latents = f"{latents}/finetuned/{{dataset}}.{source}.parquet"

        self.source_scores = f"{root}/scores/{model}/{source}.parquet"
        self.scores = f"{root}/scores/{model}/{{dataset}}.parquet"
        self.correlations = f"{root}/scores/{model}/{{dataset}}.correlation.parquet"
        self.baseline_scores = f"{root}/scores/{{backbone}}/baselines/{{dataset}}.parquet"
        self.agreement_scores = f"{root}/scores/{{backbone}}/beta{{beta}}/seeds/{{dataset}}.parquet"
        self.reference_scores = f"{root}/scores/references/{{dataset}}.parquet"

        self.traversal = f"{root}/traversals/{model}/{{dataset}}.parquet"
        self.traversal_scores = f"{root}/scores/{model}/{{dataset}}.traversal.parquet"
        open_set = "open_set/{dataset}/{held_out}"
        self.open_set_model = f"{models}/{open_set}.safetensors"
        self.open_set_model_info = f"{models}/{open_set}.json"
        self.open_set_latents = f"{latents}/{open_set}.parquet"
        self.open_set_scores = f"{root}/scores/{model}/{open_set}.parquet"
        self.open_set_images = f"{root}/scores/{model}/{open_set}.images.parquet"

        self.encoded = f"{root}/encoded/{{images}}/latents.csv"
        self.contact_sheet = f"{root}/encoded/{{images}}/contact_sheet.html"

        self.cut = f"{root}/.fovscope/parts/{{dataset}}/{{backbone}}.json"
        """How many jobs filled a feature store; never an output."""

    def content(self, what: str) -> str:
        """Return the file that keeps the digests of images or weights; never an output."""
        return f"{self.root}/.fovscope/content/{what}.json"

    def table(self, name: str) -> dict[str, str]:
        """Return the files of a table by format."""
        return {
            kind: f"{self.root}/tables/{name}.{kind}" for kind in ("parquet", "csv", "md", "tex")
        }

    def figure(self, name: str, prefix: str = "") -> dict[str, str]:
        """Return the files of a figure by format, each key begun with `prefix`."""
        return {f"{prefix}{kind}": f"{self.root}/figures/{name}.{kind}" for kind in ("svg", "png")}

    def log(self, rule: str, job: str = "job") -> str:
        """Return the log file of a rule's job; `job` is a template of its wildcards."""
        return f"{self.root}/logs/{rule}/{job}.log"

    def benchmark(self, rule: str, job: str = "job") -> str:
        """Return the file where Snakemake notes time and memory of a rule's job."""
        return f"{self.root}/benchmarks/{rule}/{job}.tsv"


def model_files(paths: Paths, model: str) -> dict[str, str]:
    """Return what is needed to apply a fine-tuned model, ``backbone/beta1/seed0/dataset``."""
    backbone, beta, seed, dataset = model.split("/")
    templates = {
        "model": paths.tuned_model,
        "info": paths.tuned_model_info,
        "latents": paths.tuned_latents,
        "features": paths.features,
        "manifest": paths.manifest,
        "data_info": paths.data_info,
    }
    names = {"backbone": backbone, "dataset": dataset}
    names |= {"beta": beta.removeprefix("beta"), "seed": seed.removeprefix("seed")}
    return {key: template.format(**names) for key, template in templates.items()}


def digest_list(log: str | Path) -> tuple[Path, Path]:
    """Return the folder of the study, and where the digests of a job's outputs are noted."""
    rule, job = Path(log).parent, Path(log).stem
    root = rule.parents[1]
    return root, root / "digests" / rule.name / f"{job}.sha256"
