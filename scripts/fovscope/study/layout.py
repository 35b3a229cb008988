"""Where everything lies on disk: all paths of a study, made in this one place.

Paths are templates with the wildcards ``{dataset} {backbone} {recipe} {seed}``, ``{name}`` of a
representation, ``{held_out}``, the file name of a class, and ``{part} {parts}`` of a feature
store that several jobs fill. A job writes each of its outputs whole or not at all.

What a model makes of the source that it was trained on lies below `SOURCE` in the place of a
data set: which source that is, the recipe says.
"""

from __future__ import annotations

from pathlib import Path

SOURCE = "source"
"""In the place of a data set: the source of the recipe."""

SEEN_TARGET = ("finetuned", "scratch")
"""Stages at which a model has seen images of the target, which it then is named after."""

AT = "@"
"""Between a source or a recipe and the target that it follows (`fovscope.study.instances`)."""

FORMATS = ("parquet", "csv", "md", "tex")
"""Of a table."""


class Paths:
    """Path templates of one study.

    Parameters
    ----------
    root : str
        Folder of the study.
    """

    def __init__(self, root: str) -> None:
        of_model = "{backbone}/{recipe}/seed{seed}"
        models = f"{root}/models/{of_model}"
        representations = f"{root}/representations/{{dataset}}"
        scores = f"{root}/scores/{{dataset}}"
        self.root = root
        self.config = f"{root}/config.yaml"
        self.report = f"{root}/report.html"
        self.explorer = f"{root}/explore.html"

        self.manifest = f"{root}/data/{{dataset}}/manifest.parquet"
        self.facts = f"{root}/data/{{dataset}}/manifest.json"
        self.objects = f"{root}/data/{{dataset}}/objects.parquet"
        self.masks = f"{root}/data/{{dataset}}/masks.parquet"
        self.mask_sheet = f"{root}/figures/masks_{{dataset}}.png"

        store = f"{root}/features/{{dataset}}/{{backbone}}"
        self.features_task = f"{store}/task.json"
        self.features_part = f"{store}/part{{part}}of{{parts}}.json"
        self.features = f"{store}/manifest.json"
        self.cut = f"{root}/.fovscope/parts/{{dataset}}/{{backbone}}.json"
        """How many jobs filled a feature store; never an output."""

        self.source_model = f"{models}/source.safetensors"
        self.source_model_info = f"{models}/source.json"
        self.tuned_model = f"{models}/{{dataset}}.safetensors"
        self.tuned_model_info = f"{models}/{{dataset}}.json"
        self.open_set_model = f"{models}/open_set/{{dataset}}/{{held_out}}.safetensors"
        self.open_set_model_info = f"{models}/open_set/{{dataset}}/{{held_out}}.json"

        self.representation = f"{representations}/{of_model}/{{stage}}.parquet"
        self.source_after = (
            f"{root}/representations/{SOURCE}/{of_model}/finetuned_{{dataset}}.parquet"
        )
        self.open_set_latents = f"{representations}/{of_model}/open_set/{{held_out}}.parquet"
        self.baseline = f"{representations}/{{backbone}}/{{name}}.parquet"
        self.open_set_baseline = (
            f"{representations}/{{backbone}}/open_set/{{held_out}}/{{name}}.parquet"
        )

        self.scores = f"{scores}/{of_model}/scores.parquet"
        self.meaning = f"{scores}/{of_model}/meaning.parquet"
        self.moves = f"{scores}/{of_model}/traversal.parquet"
        self.agreement = f"{scores}/{{backbone}}/{{recipe}}/seeds.parquet"
        self.references = f"{scores}/references.parquet"
        self.interventions = f"{scores}/interventions.parquet"
        self.trace = f"{scores}/{{backbone}}/trace.parquet"
        of_baseline = f"{scores}/{{backbone}}/{{name}}"
        self.baseline_scores = f"{of_baseline}/scores.parquet"
        self.baseline_meaning = f"{of_baseline}/meaning.parquet"
        self.open_set_scores = f"{scores}/{of_model}/open_set/{{held_out}}.parquet"
        self.open_set_images = f"{scores}/{of_model}/open_set/{{held_out}}.images.parquet"
        self.open_set_baseline_scores = (
            f"{scores}/{{backbone}}/{{name}}/open_set/{{held_out}}.parquet"
        )
        self.open_set_baseline_images = (
            f"{scores}/{{backbone}}/{{name}}/open_set/{{held_out}}.images.parquet"
        )
        self.profiles = f"{scores}/{of_model}/profiles.parquet"
        self.wells = f"{root}/profiles/{{dataset}}/{of_model}/wells.parquet"
        self.baseline_profiles = f"{of_baseline}/profiles.parquet"
        self.baseline_wells = f"{root}/profiles/{{dataset}}/{{backbone}}/{{name}}/wells.parquet"
        self.reconstruction = f"{scores}/{of_model}/reconstruction.parquet"
        self.decoded = f"{root}/reconstructions/{{dataset}}/{of_model}.parquet"
        self.strips = f"{root}/traversals/{{dataset}}/{of_model}.parquet"

        self.encoded = f"{root}/encoded/{{images}}/latents.csv"
        self.contact_sheet = f"{root}/encoded/{{images}}/contact_sheet.html"

    def content(self, what: str) -> str:
        """Return the file that keeps the digests of images or weights; never an output."""
        return f"{self.root}/.fovscope/content/{what}.json"

    def table(self, name: str) -> dict[str, str]:
        """Return the files of a table by format."""
        return {kind: f"{self.root}/tables/{name}.{kind}" for kind in FORMATS}

    def figure(self, name: str, scope: str) -> dict[str, str]:
        """Return the files of a figure by format; wildcards are those of its scope."""
        place = {
            "study": "",
            "dataset": "_{dataset}",
            "input": "_{dataset}_{backbone}",
            "model": "_{dataset}_{backbone}_{recipe}_seed{seed}",
        }[scope]
        return {kind: f"{self.root}/figures/{name}{place}.{kind}" for kind in ("svg", "png")}

    def log(self, rule: str, job: str = "job") -> str:
        """Return the log file of a rule's job; `job` is a template of its wildcards."""
        return f"{self.root}/logs/{rule}/{job}.log"

    def benchmark(self, rule: str, job: str = "job") -> str:
        """Return the file where Snakemake notes time and memory of a rule's job."""
        return f"{self.root}/benchmarks/{rule}/{job}.tsv"


def recipe_name(instance: str) -> str:
    """Return the recipe, as configured, that stands in a path."""
    return instance.partition(AT)[0]


def model_files(
    paths: Paths, *, backbone: str, recipe: str, seed: str, dataset: str, stage: str
) -> dict[str, str]:
    """Return what is needed to apply a model to images like those of a target.

    Parameters
    ----------
    paths : Paths
        Of the study.
    backbone, recipe, seed, dataset : str
        Which model; `recipe` as in paths.
    stage : str
        At which it is applied: the last one that it has on the target.
    """
    tuned = stage in SEEN_TARGET
    templates = {
        "model": paths.tuned_model if tuned else paths.source_model,
        "info": paths.tuned_model_info if tuned else paths.source_model_info,
        "latents": paths.representation,
        "features": paths.features,
        "manifest": paths.manifest,
        "data_info": paths.facts,
    }
    names = {"backbone": backbone, "dataset": dataset, "recipe": recipe, "seed": seed}
    names["stage"] = stage
    return {key: template.format(**names) for key, template in templates.items()}


def digest_list(log: str | Path) -> tuple[Path, Path]:
    """Return the folder of the study, and where the digests of a job's outputs are noted."""
    rule, job = Path(log).parent, Path(log).stem
    root = rule.parents[1]
    return root, root / "digests" / rule.name / f"{job}.sha256"


def tuned_on(stage: str, dataset: str) -> str:
    """Return the target whose images a model has seen at a stage, if any."""
    return dataset if stage in SEEN_TARGET else ""
