"""fovscope: disentangled representations of microscopy images, from folders to tables.

Run the demo with `make demo`, your own study with
`snakemake --profile slurm --configfile config/mine.yaml` (add -n to see the plan).
"""

from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.27.1")

# Snakemake's own prefix, and `exec`: a script takes the place of its shell, as from bash 5.1 on by
# itself. A shell beside it would die of the signal with which Slurm warns of the time limit, and
# the job would be over before the script has saved its work.
# GNU OpenMP lets idle threads spin for long by default; a tenth of it is enough between two steps of
# a network, and leaves the cores to the threads that read the next images.
shell.prefix("set -euo pipefail; GOMP_SPINCOUNT=${{GOMP_SPINCOUNT:-30000}} exec ")

# A config given on the command line replaces the demo instead of being merged into it:
# a study lists exactly the targets that its file lists.
if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/representations.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/profiles.smk"
include: "workflow/rules/interventions.smk"
include: "workflow/rules/present.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/collect.smk"


FAILURES = Failures()
PROGRESS = Progress(seconds_of_earlier, watched=sys.stderr if sys.stderr.isatty() else None)


onstart:
    logger.addHandler(FAILURES)
    logger.addHandler(PROGRESS)
    due = workflow.dag.needrun_jobs()
    PROGRESS.expect(job.rule.name for job in due if not job.rule.norun)
    check_results()
    # Also where the plain executor is used: its profile may be anybody's.
    if getattr(workflow.executor_settings, "array_jobs", None):
        from snakemake_executor_plugin_slurm_packs import ARRAYS_REFUSED

        raise WorkflowError(ARRAYS_REFUSED)


onsuccess:
    print(PROGRESS.summary(Path(PATHS.root), Path(PATHS.report)), file=sys.stderr)


onerror:
    # Last, where it is seen: other jobs went on after the one that failed.
    if failures := FAILURES.summary():
        print(failures, file=sys.stderr)


localrules:
    all,


rule all:
    default_target: True
    input:
        PATHS.config,
        PATHS.report,
        rules.figures.input,
        PATHS.explorer if jobs.explored() else [],
        [path for name in jobs.tables for path in PATHS.table(name).values()],
        rules.encode.input,
