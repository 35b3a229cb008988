"""The open set: models that are fine-tuned without a class, and what they make of it.

`open_set` of the config says which classes of which targets. The table has one row a held-out
class; `scores/.../open_set/` also keeps what each single image was taken for.
"""


rule finetune_open_set:
    input:
        model=PATHS.source_model,
        manifest=PATHS.manifest,
        features=PATHS.features,
    output:
        model=PATHS.open_set_model,
        info=PATHS.open_set_model_info,
        latents=PATHS.open_set_latents,
    log:
        PATHS.log("finetune_open_set", f"{MODEL}_{{dataset}}_{{held_out}}"),
    benchmark:
        PATHS.benchmark("finetune_open_set", f"{MODEL}_{{dataset}}_{{held_out}}")
    wildcard_constraints:
        dataset=one_of(HELD_OUT),
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(120, per_gb=120),
        checkpoint_minutes=5,
    params:
        code=model_code("finetune_open_set"),
        finetuning=STUDY["finetuning"],
        held_out=held_out_class,
    message:
        "Fine-tune on {wildcards.dataset} without {wildcards.held_out}: {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/finetune_open_set.py"


rule score_open_set:
    input:
        manifest=PATHS.manifest,
        latents=PATHS.open_set_latents,
        model=PATHS.open_set_model_info,
    output:
        scores=PATHS.open_set_scores,
        images=PATHS.open_set_images,
    log:
        PATHS.log("score_open_set", f"{MODEL}_{{dataset}}_{{held_out}}"),
    benchmark:
        PATHS.benchmark("score_open_set", f"{MODEL}_{{dataset}}_{{held_out}}")
    wildcard_constraints:
        dataset=one_of(HELD_OUT),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        code=code_of("score_open_set"),
        probes=STUDY["probes"],
        what=lambda wildcards: {
            "held_out": held_out_class(wildcards),
            "named": study.source_training.supervision == "labels",
            "active_sd": study.metrics.active_sd,
        },
    message:
        "Score {wildcards.held_out} held out of {wildcards.dataset}: {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/score_open_set.py"


rule tabulate_open_set:
    input:
        of_held_out(PATHS.open_set_scores),
    output:
        **table("open_set"),
    log:
        PATHS.log("tabulate_open_set"),
    benchmark:
        PATHS.benchmark("tabulate_open_set")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("tabulate_open_set"),
        variant=study.variant,
    message:
        "Tabulate what models make of held-out classes"
    script:
        "../../scripts/tabulate_open_set.py"
