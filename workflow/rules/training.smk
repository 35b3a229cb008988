"""Features → source models on pairs, fine-tuned models on targets, latents of every stage.

A job is one model's whole stage, because on a cluster each job costs seconds before its
first line.
"""


rule train_source:
    input:
        design=PATHS.design,
        features=PATHS.source_features,
    output:
        model=PATHS.source_model,
        info=PATHS.source_model_info,
        latents=PATHS.source_latents,
    log:
        PATHS.log("train_source", MODEL),
    benchmark:
        PATHS.benchmark("train_source", MODEL)
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(240, per_gb=60),
        checkpoint_minutes=5,
    params:
        code=model_code("train_source"),
        model=model_options,
        training=STUDY["source_training"],
    message:
        "Train the source model {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/train_source.py"


rule finetune:
    input:
        model=PATHS.source_model,
        design=PATHS.design,
        source_features=PATHS.source_features,
        manifest=PATHS.manifest,
        features=PATHS.features,
    output:
        model=PATHS.tuned_model,
        info=PATHS.tuned_model_info,
        transferred=PATHS.transferred_latents,
        finetuned=PATHS.tuned_latents,
        source=PATHS.tuned_source_latents,
    log:
        PATHS.log("finetune", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("finetune", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(120, per_gb=120),
        checkpoint_minutes=5,
    params:
        code=model_code("finetune"),
        finetuning=STUDY["finetuning"],
    message:
        "Fine-tune on {wildcards.dataset}: {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/finetune.py"
