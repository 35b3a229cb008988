"""Count the jobs ahead and the hours that they will take."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from fovscope.runtime.job import logged
from fovscope.runtime.plan import plan
from fovscope.runtime.why import dry_run

with logged(snakemake), TemporaryDirectory() as folder:
    workflow = dict(snakemake.params.workflow)
    config = Path(folder) / "config.yaml"
    config.write_text(yaml.safe_dump(workflow["study"]), encoding="utf-8")
    options = ["--snakefile", snakemake.params.snakefile, "--configfile", str(config)]
    options += ["--rerun-triggers", "input", "mtime", "params", "software-env"]
    said = dry_run([], options)
    logging.info("\n%s", plan(said, workflow, Path(snakemake.params.results)))
