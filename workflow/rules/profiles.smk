"""Screens: representations of cells → profiles of wells and treatments → scores.

In come the image table of a target that `profiles` names, with its columns of plates and compounds,
and representations of its images; out go score rows and, of the last view, the wells themselves.
"""


rule profile:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(by(jobs.codes, "dataset", "recipe")),
    output:
        scores=PATHS.profiles,
        wells=PATHS.wells,
    log:
        PATHS.log("profile", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("profile", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.profiled),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000, per_gb=8000),
        runtime=scaled(60, per_gb=60),
    params:
        job=by(jobs.profiling, "dataset", "recipe"),
    message:
        "Profile {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"


rule profile_baseline:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(features_beside),
        values=PATHS.baseline,
    output:
        scores=PATHS.baseline_profiles,
        wells=PATHS.baseline_wells,
    log:
        PATHS.log("profile_baseline", "{dataset}_{backbone}_{name}"),
    benchmark:
        PATHS.benchmark("profile_baseline", "{dataset}_{backbone}_{name}")
    wildcard_constraints:
        dataset=one_of(jobs.profiled),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000, per_gb=8000),
        runtime=scaled(60, per_gb=60),
    params:
        job=by(jobs.profiling_baseline, "dataset", "name"),
    message:
        "Profile {wildcards.name} of {wildcards.dataset}: {wildcards.backbone}"
    script:
        "../../scripts/evaluate.py"
