"""Features → source models on pairs, fine-tuned models on targets, their codes at every stage.

A job is one model's whole stage, because on a cluster each job costs seconds before its
first line. What a model makes of its own source lies below `source`, whichever source that is.
Without fine-tuning the source model is used as it is; recipes of the source `target` have none.

Models, and all that they wait for, go before the rest: scores, pictures and baselines fill the gaps.
"""


rule train:
    input:
        unpack(by(jobs.of_sources, "recipe", "backbone")),
    output:
        model=PATHS.source_model,
        info=PATHS.source_model_info,
        source=jobs.latents(SOURCE, "source"),
    log:
        PATHS.log("train", MODEL),
    benchmark:
        PATHS.benchmark("train", MODEL)
    wildcard_constraints:
        recipe=one_of(jobs.with_source),
    priority: 1
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(240, per_gb=60),
        checkpoint_minutes=5,
        stack_with=by(jobs.stack_of_sources, "backbone", "recipe"),
    params:
        job=by(jobs.training, "backbone", "recipe"),
    message:
        "Train the source model {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/train.py"


rule train_on_target:
    input:
        table=PATHS.manifest,
        features=PATHS.features,
    output:
        model=PATHS.tuned_model,
        info=PATHS.tuned_model_info,
        scratch=jobs.latents("{dataset}", "scratch"),
    log:
        PATHS.log("train_on_target", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("train_on_target", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
        recipe=one_of(jobs.from_scratch),
    priority: 1
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(240, per_gb=60),
        checkpoint_minutes=5,
    params:
        job=by(jobs.training, "backbone", "recipe"),
    message:
        "Train on {wildcards.dataset} alone: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/train.py"


rule finetune:
    input:
        unpack(beside(source_and_features)),
        unpack(replayed),
        table=PATHS.manifest,
        features=PATHS.features,
        model=PATHS.source_model,
        model_info=PATHS.source_model_info,
    output:
        model=PATHS.tuned_model,
        info=PATHS.tuned_model_info,
        transferred=jobs.latents("{dataset}", "transferred"),
        finetuned=jobs.latents("{dataset}", "finetuned"),
        source=PATHS.source_after,
    log:
        PATHS.log("finetune", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("finetune", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
        recipe=one_of(jobs.tuned),
    priority: 1
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(120, per_gb=120),
        checkpoint_minutes=5,
        stack_with=by(jobs.stack_of_tuned, "dataset", "backbone", "recipe"),
    params:
        job=by(jobs.tuning, "backbone", "recipe"),
    message:
        "Fine-tune on {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/finetune.py"


rule encode_target:
    input:
        table=PATHS.manifest,
        features=PATHS.features,
        model=PATHS.source_model,
    output:
        codes=jobs.latents("{dataset}", "transferred"),
    log:
        PATHS.log("encode_target", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("encode_target", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
        recipe=one_of(jobs.untuned),
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000, per_gb=4000),
        runtime=scaled(30),
    params:
        job=by(jobs.encoding_only, "backbone", "recipe"),
    message:
        "Encode {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/finetune.py"


rule finetune_open_set:
    input:
        unpack(replayed),
        table=PATHS.manifest,
        features=PATHS.features,
        model=PATHS.source_model,
        model_info=PATHS.source_model_info,
    output:
        model=PATHS.open_set_model,
        info=PATHS.open_set_model_info,
        finetuned=PATHS.open_set_latents,
    log:
        PATHS.log("finetune_open_set", f"{MODEL}_{{dataset}}_{{held_out}}"),
    benchmark:
        PATHS.benchmark("finetune_open_set", f"{MODEL}_{{dataset}}_{{held_out}}")
    wildcard_constraints:
        dataset=one_of(jobs.held_out),
    conda:
        "../../envs/gpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=scaled(6000, per_gb=4000),
        runtime=scaled(120, per_gb=120),
        checkpoint_minutes=5,
        stack_with=by(jobs.stack_of_tuned, "dataset", "backbone", "recipe", "held_out"),
    params:
        job=by(jobs.tuning, "backbone", "recipe"),
        held_out=by(jobs.class_of, "dataset", "held_out"),
    message:
        "Fine-tune on {wildcards.dataset} without {wildcards.held_out}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/finetune.py"


rule traverse:
    input:
        unpack(data_of_model),
        unpack(by(jobs.last_model, "dataset", "recipe")),
    output:
        strips=PATHS.strips,
        moves=PATHS.moves,
    log:
        PATHS.log("traverse", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("traverse", f"{MODEL}_{{dataset}}")
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000, per_gb=20_000),
        runtime=scaled(30),
    params:
        job=by(jobs.traversing, "dataset", "backbone", "recipe"),
    message:
        "Traverse {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/traverse.py"


rule reconstruct:
    input:
        unpack(by(jobs.last_model, "dataset", "recipe")),
        table=PATHS.manifest,
        features=PATHS.features,
    output:
        scores=PATHS.reconstruction,
        decoded=PATHS.decoded,
    log:
        PATHS.log("reconstruct", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("reconstruct", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
        backbone=one_of(jobs.of_pixels),
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000, per_gb=4000),
        runtime=scaled(30),
    params:
        job=by(jobs.reconstructing, "dataset", "backbone", "recipe"),
    message:
        "Reconstruct {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/traverse.py"
