"""Config to typed study, wildcard constraints, and what the rules ask of the study's expansion.

What there is and what each job depends on is said by `fovscope.study.expansion`, without
Snakemake. A job runs again when a value of its `params` changed: `job` holds the digests of the
code that it uses and exactly what it uses of the configuration.
"""

import json
import sys
from functools import cache
from pathlib import Path

SCRIPTS = Path(workflow.current_basedir).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from fovscope import FovscopeError
from fovscope.runtime.failures import Failures
from fovscope.runtime.plan import gpus_of, leave_facts, seconds_per_job
from fovscope.runtime.progress import Progress
from fovscope.runtime.provenance import digest_file
from fovscope.runtime.start import check_interpreter, check_writable, keep_what_is_made
from fovscope.study.config import IMAGES, load_study
from fovscope.study.expansion import Expansion
from fovscope.study.jobs.parts import filled
from fovscope.study.layout import FORMATS, SOURCE

keep_what_is_made()
try:
    check_interpreter()
    check_writable([".snakemake/log"], otherwise="start Snakemake in a folder of yours")
    study = load_study(config)
    jobs = Expansion(study, SCRIPTS)
    jobs.check_code()
    missing = jobs.missing_paths()
    if not missing:
        jobs.with_classes  # reads names of folders and tables: they may be of no use
        jobs.check_sections()
except FovscopeError as error:
    raise WorkflowError(str(error))
if missing:
    raise WorkflowError("\n  ".join(["the configuration has mistakes:", *missing]))

PATHS = jobs.paths
MODEL = "{backbone}_{recipe}_seed{seed}"
CAPTIONS = Path(workflow.current_basedir).parent / "report"  # of pictures and tables


def one_of(names):
    """A regular expression; with no names one that matches nothing (an empty one is ignored)."""
    return "|".join(str(name).replace(".", r"\.").replace("+", r"\+") for name in names) or "(?!)"


wildcard_constraints:
    dataset=one_of([SOURCE, *jobs.datasets]),
    backbone=one_of([IMAGES, *jobs.backbones]),
    recipe=one_of(jobs.recipes),
    name=one_of(study.representations),
    seed=r"[0-9]+",
    part=r"[0-9]+",
    parts=r"[0-9]+",
    held_out=r"[A-Za-z0-9_.-]+",


def by(method, *names):
    """What a method of the expansion says of the wildcards of that name, asked once for each."""
    said = cache(method)

    def of_wildcards(wildcards):
        try:
            return said(*(wildcards[name] for name in names))
        except FovscopeError as error:
            raise WorkflowError(str(error))

    return of_wildcards


def data_of_features(wildcards):
    """A data set; a new table is no reason to extract again, see `specify_features`."""
    return {name: ancient(path) for name, path in jobs.data(wildcards.dataset).items()}


def source(wildcards):
    """The source of a recipe."""
    return jobs.data(jobs.source_of(wildcards.recipe))


def source_and_features(wildcards):
    """The first source of a recipe and its features."""
    dataset = jobs.source_of(wildcards.recipe)
    features = PATHS.features.format(dataset=dataset, backbone=wildcards.backbone)
    return jobs.data(dataset) | {"features": features}


def replayed(wildcards):
    """What a model sees again while it is tuned, if anything."""
    found = jobs.replayed(wildcards.recipe, wildcards.backbone)
    return {f"replayed_{name}": paths for name, paths in found.items()}


def beside(function):
    """The same beside the data of a target: each name begins with `source_`."""
    return lambda wildcards: {f"source_{k}": path for k, path in function(wildcards).items()}


def source_after(wildcards):
    """The first source of a recipe by a model that was tuned, and what it is compared with."""
    if wildcards.recipe not in jobs.tuned:
        return {}
    return {"source": PATHS.source_after.format(**wildcards)} | beside(source)(wildcards)


def data_of_model(wildcards):
    """The data set that a model saw last: `source` stands for that of its recipe."""
    return jobs.data(jobs.dataset_of(wildcards.dataset, wildcards.recipe))


def seeds_of_stages(wildcards):
    """By stage the representations of a data set by each seed."""
    return {
        stage: filled(jobs.latents(wildcards.dataset, stage), seed=jobs.seeds, **wildcards)
        for stage in jobs.stages(wildcards.dataset, wildcards.recipe)
    }


def features_beside(wildcards):
    """The features of a representation that is made of any; what its scores come from."""
    if wildcards.backbone == IMAGES:
        return {}
    return {"features": PATHS.features.format(**wildcards)}


def inputs_of_figure(name):
    """What a picture of a figure is made from, by wildcards."""
    return lambda wildcards: jobs.figure_inputs(name, dict(wildcards.items()))


def plotting(name):
    """What a picture of a figure depends on, by wildcards."""
    return lambda wildcards: jobs.plotting(name, dict(wildcards.items()))


def last_cut(path):
    """What was noted when a store was sealed, or nothing.

    Whatever is there: of an error Snakemake would say nothing, and leave the job out.
    """
    try:
        noted = json.loads(path.read_text())
        return {name: int(noted[name]) for name in ("images", "parts")}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def parts_of_features(wildcards):
    """What the jobs say that fill a store; one that is whole stays cut as it was."""
    manifest, cut = (Path(path.format(**wildcards)) for path in (PATHS.features, PATHS.cut))
    images = jobs.number_of_images(wildcards.dataset)
    # One at least: what is wrong with a table without images, its own job will say.
    parts = max(1, -(-images // study.features.images_per_job))
    last = last_cut(cut) if manifest.exists() else {}
    if last.get("images") == images:
        parts = last["parts"]
    return filled(PATHS.features_part, part=list(range(1, parts + 1)), parts=parts, **wildcards)


def shown(path, category, caption):
    """A file that goes into Snakemake's own report, with its caption where there is one."""
    text = CAPTIONS / f"{caption}.rst"
    options = {"caption": str(text)} if text.exists() else {}
    return report(path, category=category, **options)


@cache
def seconds_of_earlier(rule):
    """The mean seconds of jobs of a rule in earlier runs of this results folder, or None."""
    return seconds_per_job(rule, jobs.plain, Path(PATHS.root))


def check_results():
    """Make sure that all that is due can be written."""
    due = [file for job in workflow.dag.needrun_jobs() for file in (*job.output, *job.log)]
    try:
        check_writable([PATHS.config, *due], otherwise="name another as `results` in the config")
    except FovscopeError as error:
        raise WorkflowError(str(error))


def facts_of_rules(wildcards=None):
    """How the jobs of each rule run, as the profile has it."""
    groups = workflow.group_settings.group_components
    facts = {}
    for each in workflow.rules:
        if each.norun or each.name == "plan":
            continue
        wants = {key: resource.raw for key, resource in each.resources.items()}
        stack = wants.get("stack", 1)  # trained as one: as if all of them ran at a time
        facts[each.name] = {
            "local": each.name in workflow._localrules,
            "gpus": wants.get("gpu") or gpus_of(wants.get("gres", "")),
            "cores": wants["_cores"],
            "pack": max(stack, wants.get("pack", groups.get(each.group, 1))),
            "pack_at_once": max(stack, wants.get("pack_at_once", 1)),
        }
    return {"study": jobs.plain, "rules": facts}


def scaled(base, *, per_gb=0):
    """A resource that grows with what a job reads and with each attempt.

    Megabytes or minutes: (`base` + `per_gb` × gigabytes) × attempt. Before the input is there,
    it counts as nothing.
    """

    def amount(wildcards, input, attempt):
        return round((base + per_gb * sum(map(gigabytes, input))) * attempt)

    return amount


def gigabytes(path):
    """The size of an input; of the manifest of a feature store, that of the store in memory."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return 0
    is_manifest = Path(path).name == "manifest.json"
    return store_gigabytes(path, found.st_mtime_ns) if is_manifest else found.st_size / 1e9


@cache
def store_gigabytes(manifest, changed):
    rows, columns = json.loads(Path(manifest).read_text()).get("shape", (0, 0))
    return 4 * rows * columns / 1e9
