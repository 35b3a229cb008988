"""Jobs that go wrong once, for tests of the profile on a cluster."""

import os
import sys
from pathlib import Path

from snakemake.logging import logger

sys.path.insert(0, str(Path(workflow.basedir).parents[1] / "scripts"))

from fovscope.runtime.failures import Failures

# A job that dies before its script starts.
if "SLURM_JOB_ID" in os.environ and "broken" in config:
    raise WorkflowError("the library is not on this node")

FAILURES = Failures()

# First starts that never end; later ones do. Each on a partition and node of its own choice.
HANGING = {
    "cancelled": ("cpu", "cpu1"),
    "late": ("cpu", "cpu1"),
    "preempted": ("cpu", "cpu2"),
    "evicted": ("spare", "cpu2"),
    "dead": ("gpu", "gpu2"),
}
MEMBERS = config.get("members", "").split()


onstart:
    logger.addHandler(FAILURES)


onerror:
    print(FAILURES.summary(), file=sys.stderr)


localrules:
    all,
    after,
    begin,


rule all:
    input:
        expand("out/{name}.txt", name=config.get("names", "").split()),
        expand("after/{name}.txt", name=MEMBERS),


rule hang:
    output:
        "out/{name}.txt",
    log:
        "logs/{name}.log",
    wildcard_constraints:
        name="|".join(HANGING),
    resources:
        mem_mb=400,
        runtime=10,
        slurm_partition=lambda wildcards: HANGING[wildcards.name][0],
        slurm_extra=lambda wildcards: f"--nodelist={HANGING[wildcards.name][1]}",
    shell:
        "if mkdir -p started && mkdir started/{wildcards.name} 2> {log}; then exec sleep 900; fi; "
        "echo {wildcards.name} > {output}"


rule begin:
    output:
        "begun",
    log:
        "logs/begin.log",
    shell:
        "until [ -e outage ]; do sleep 0.2; done; touch {output} 2> {log}"


rule held:
    input:
        "begun",
    output:
        "out/held.txt",
    log:
        "logs/held.log",
    resources:
        mem_mb=400,
        runtime=10,
    shell:
        "echo held > {output} 2> {log}"


rule greedy:
    output:
        "out/greedy.txt",
    log:
        "logs/greedy.log",
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
        runtime=10,
    shell:
        "python3 -c 'import time; block = b\"x\" * 700_000_000; time.sleep(5)' 2> {log}; "
        "echo greedy > {output}"


# Asks for more than its partition gives: `long` for time, `large` for memory as it tries again.
rule grow:
    output:
        "out/{name}.txt",
    log:
        "logs/{name}.log",
    wildcard_constraints:
        name="long|large",
    resources:
        mem_mb=lambda wildcards, attempt: 5000 * attempt if wildcards.name == "large" else 400,
        runtime=lambda wildcards: 10 if wildcards.name == "long" else 1,
        slurm_partition="short",
    shell:
        "if [ {wildcards.name} = large ] && mkdir tried 2> {log}; then exit 1; fi; "
        "echo {wildcards.name} > {output}"


rule member:
    output:
        "out/{name}.txt",
    log:
        "logs/{name}.log",
    wildcard_constraints:
        name="|".join(MEMBERS) or "(?!)",
    resources:
        mem_mb=400,
        runtime=10,
        gpu=1,
        slurm_partition="gpu",
        pack=4,
        pack_at_once=2,
    shell:
        "echo start $CUDA_VISIBLE_DEVICES >> starts_{wildcards.name}; sleep 2; "
        "if [ {wildcards.name} = bad ] && [ ! -e cure ]; then echo diverged > {log}; exit 3; fi; "
        "echo {wildcards.name} > {output}"


rule after:
    input:
        "out/{name}.txt",
    output:
        "after/{name}.txt",
    log:
        "logs/after_{name}.log",
    shell:
        "cp {input} {output} 2> {log}"
