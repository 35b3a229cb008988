"""Representations without a model: features, their projections, measurements, numbers of yours.

Those that need no backbone have `images` in its place. For each class that is held out, what is
fitted is fitted without it.
"""


rule represent:
    input:
        unpack(by(jobs.represented, "dataset", "backbone", "name")),
    output:
        PATHS.baseline,
    log:
        PATHS.log("represent", "{dataset}_{backbone}_{name}"),
    benchmark:
        PATHS.benchmark("represent", "{dataset}_{backbone}_{name}")
    wildcard_constraints:
        dataset=one_of([*jobs.targets, *jobs.edited]),
    priority: 2  # what is wrong with a file of yours is told before networks run
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(3000, per_gb=6000),
        runtime=scaled(60, per_gb=60),
    params:
        job=by(jobs.representing, "dataset", "name"),
    message:
        "Represent {wildcards.dataset} by {wildcards.name}: {wildcards.backbone}"
    script:
        "../../scripts/represent.py"


use rule represent as represent_open_set with:
    output:
        PATHS.open_set_baseline,
    log:
        PATHS.log("represent_open_set", "{dataset}_{backbone}_{name}_{held_out}"),
    benchmark:
        PATHS.benchmark("represent_open_set", "{dataset}_{backbone}_{name}_{held_out}")
    wildcard_constraints:
        dataset=one_of(jobs.held_out),
    params:
        job=by(jobs.representing, "dataset", "name"),
        held_out=by(jobs.class_of, "dataset", "held_out"),
    message:
        "Represent {wildcards.dataset} without {wildcards.held_out} by {wildcards.name}: {wildcards.backbone}"
