"""Interventions: do edited images show what was set, does it show, and how do codes answer?

The images of a target, edited, are a data set of their own: models encode them like any other, and
all other rules here run the script of the evaluations.
"""


rule check_interventions:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(by(jobs.natural, "dataset")),
        objects=PATHS.objects,
    output:
        scores=PATHS.interventions,
    log:
        PATHS.log("check_interventions", "{dataset}"),
    benchmark:
        PATHS.benchmark("check_interventions", "{dataset}")
    wildcard_constraints:
        dataset=one_of(jobs.edited),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=by(jobs.checking, "dataset"),
    message:
        "Compare the images of {wildcards.dataset} with what they were set to"
    script:
        "../../scripts/evaluate.py"


rule trace_interventions:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(by(jobs.natural, "dataset")),
        unpack(by(jobs.natural_features, "dataset", "backbone")),
    output:
        scores=PATHS.trace,
    log:
        PATHS.log("trace_interventions", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("trace_interventions", "{dataset}_{backbone}")
    wildcard_constraints:
        dataset=one_of(jobs.edited),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=8000),
        runtime=scaled(60),
    params:
        job=by(jobs.tracing, "dataset"),
    message:
        "Tell the images of {wildcards.dataset} from natural ones: {wildcards.backbone}"
    script:
        "../../scripts/evaluate.py"


rule encode_edited:
    input:
        unpack(by(jobs.model_of_edited, "dataset", "recipe")),
        table=PATHS.manifest,
        features=PATHS.features,
    output:
        codes=jobs.latents("{dataset}", "{stage}"),
    log:
        PATHS.log("encode_edited", f"{MODEL}_{{dataset}}_{{stage}}"),
    benchmark:
        PATHS.benchmark("encode_edited", f"{MODEL}_{{dataset}}_{{stage}}")
    wildcard_constraints:
        dataset=one_of(jobs.edited),
        stage="transferred|finetuned|scratch",
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000, per_gb=4000),
        runtime=scaled(30),
    params:
        job=by(jobs.encoding_only, "backbone", "recipe"),
    message:
        "Encode {wildcards.dataset}, {wildcards.stage}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/finetune.py"


rule evaluate_edited:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(by(jobs.last_codes, "dataset", "recipe")),
    output:
        scores=PATHS.scores,
    log:
        PATHS.log("evaluate_edited", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("evaluate_edited", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.edited),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=50_000),
        runtime=scaled(60, per_gb=10_000),
    params:
        job=by(jobs.scoring_edited, "dataset", "recipe"),
    message:
        "Score answers to {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"
