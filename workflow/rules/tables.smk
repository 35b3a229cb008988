"""Scores of all jobs → the study's tables: a long Parquet table and its views."""


rule tabulate_accuracy:
    input:
        models=of_all_models(PATHS.scores, dataset=TARGETS),
        baselines=collect(PATHS.baseline_scores, backbone=BACKBONES, dataset=TARGETS),
    output:
        **PATHS.table("accuracy"),
    log:
        PATHS.log("tabulate_accuracy"),
    benchmark:
        PATHS.benchmark("tabulate_accuracy")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_of("tabulate_accuracy"),
        variant=study.variant,
    message:
        "Tabulate the accuracy of all probes"
    script:
        "../../scripts/tabulate_accuracy.py"


rule tabulate_disentanglement:
    input:
        source=of_all_models(PATHS.source_scores),
        models=of_all_models(PATHS.scores, dataset=TARGETS),
        references=collect(PATHS.reference_scores, dataset=WITH_FACTORS),
    output:
        **PATHS.table("disentanglement"),
    log:
        PATHS.log("tabulate_disentanglement"),
    benchmark:
        PATHS.benchmark("tabulate_disentanglement")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_of("tabulate_disentanglement"),
        variant=study.variant,
    message:
        "Tabulate disentanglement with floor and ceiling"
    script:
        "../../scripts/tabulate_disentanglement.py"
