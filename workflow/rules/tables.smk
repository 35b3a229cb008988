"""Scores of all jobs → the study's tables: a long Parquet table and its views."""


rule tabulate_accuracy:
    input:
        models=of_all_models(PATHS.scores, dataset=TARGETS),
        baselines=collect(PATHS.baseline_scores, backbone=BACKBONES, dataset=TARGETS),
    output:
        **table("accuracy", "accuracy_"),
        **table("confusion", "confusion_"),
    log:
        PATHS.log("tabulate_accuracy"),
    benchmark:
        PATHS.benchmark("tabulate_accuracy")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("tabulate_accuracy"),
        variant=study.variant,
        published={
            "data": {name: study.targets[name].published for name in TARGETS},
            "images": [name for name in BACKBONES if study.backbones[name].is_pixels],
        },
    message:
        "Tabulate the accuracy of all probes, and what they confuse"
    script:
        "../../scripts/tabulate_accuracy.py"


rule tabulate_comparisons:
    input:
        rules.tabulate_accuracy.input,
    output:
        **table("comparisons"),
    log:
        PATHS.log("tabulate_comparisons"),
    benchmark:
        PATHS.benchmark("tabulate_comparisons")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("tabulate_comparisons"),
        variant=study.variant,
    message:
        "Compare fine-tuned latents with transferred ones and with the baselines"
    script:
        "../../scripts/tabulate_comparisons.py"


rule tabulate_disentanglement:
    input:
        source=of_all_models(PATHS.source_scores),
        models=of_all_models(PATHS.scores, dataset=TARGETS),
        # One model has none to agree with.
        agreement=collect(
            PATHS.agreement_scores,
            backbone=BACKBONES,
            beta=BETAS,
            dataset=[SOURCE, *TARGETS] if len(SEEDS) > 1 else [],
        ),
        references=collect(PATHS.reference_scores, dataset=WITH_FACTORS),
        stand_ins=of_all_models(
            PATHS.correlations, dataset=[name for name in TARGETS if name not in WITH_FACTORS]
        ),
    output:
        **table("disentanglement"),
    log:
        PATHS.log("tabulate_disentanglement"),
    benchmark:
        PATHS.benchmark("tabulate_disentanglement")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("tabulate_disentanglement"),
        variant=study.variant,
    message:
        "Tabulate disentanglement with floor and ceiling"
    script:
        "../../scripts/tabulate_disentanglement.py"


rule tabulate_correlation:
    input:
        of_all_models(PATHS.correlations, dataset=TARGETS),
    output:
        **table("correlation", "correlation_"),
        **table("transfer", "transfer_"),
        **table("importance", "importance_"),
    log:
        PATHS.log("tabulate_correlation"),
    benchmark:
        PATHS.benchmark("tabulate_correlation")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("tabulate_correlation"),
        study={"variant": study.variant, "supervision": study.source_training.supervision},
    message:
        "Tabulate what each dimension goes with, and which ones classify"
    script:
        "../../scripts/tabulate_correlation.py"
