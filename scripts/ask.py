"""Answer a question about the study: whether its files still match, or what lies ahead."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from fovscope import FovscopeError
from fovscope.runtime.job import logged
from fovscope.runtime.plan import plan
from fovscope.runtime.verify import verify_study
from fovscope.runtime.why import dry_run


def ahead(workflow: dict, snakefile: str, results: Path) -> str:
    """Return the plan of a study, from a dry run."""
    with TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(yaml.safe_dump(workflow["study"]), encoding="utf-8")
        options = ["--snakefile", snakefile, "--configfile", str(config)]
        options += ["--rerun-triggers", "input", "mtime", "params", "software-env"]
        return plan(dry_run([], options), workflow, results)


with logged(snakemake):
    params = dict(snakemake.params.items())
    results = Path(params["results"])
    if "workflow" in params:
        logging.info("\n%s", ahead(dict(params["workflow"]), params["snakefile"], results))
    elif problems := verify_study(results):
        raise FovscopeError("\n".join([f"{len(problems)} do not match:", *problems]))
