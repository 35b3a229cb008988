"""Representations → scores: probes, disentanglement, meaning, agreement, held-out classes.

All rules here run one script, which asks the registered evaluation that `job` names. Codes of
known quality do not depend on a model, so they are scored once for each data set. Models are
compared with each other over the seeds of one backbone and recipe.
"""


rule evaluate_source:
    input:
        unpack(source),
        latents=jobs.latents(SOURCE, "source"),
        model=PATHS.source_model_info,
    output:
        scores=PATHS.scores.replace("{dataset}", SOURCE),
    log:
        PATHS.log("evaluate_source", MODEL),
    benchmark:
        PATHS.benchmark("evaluate_source", MODEL)
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=50_000),
        runtime=scaled(60, per_gb=10_000),
    params:
        job=by(jobs.scoring_source, "recipe"),
    message:
        "Score the source model {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"


rule evaluate:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(by(jobs.codes, "dataset", "recipe")),
        unpack(source_after),
    output:
        scores=PATHS.scores,
    log:
        PATHS.log("evaluate", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("evaluate", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=50_000),
        runtime=scaled(120, per_gb=10_000),
    params:
        job=by(jobs.scoring, "recipe", "dataset"),
    message:
        "Score {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"


rule evaluate_baseline:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(features_beside),
        values=PATHS.baseline,
    output:
        scores=PATHS.baseline_scores,
    log:
        PATHS.log("evaluate_baseline", "{dataset}_{backbone}_{name}"),
    benchmark:
        PATHS.benchmark("evaluate_baseline", "{dataset}_{backbone}_{name}")
    wildcard_constraints:
        dataset=one_of([*jobs.targets, *jobs.edited]),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(4000, per_gb=6000),
        runtime=scaled(120, per_gb=240),
    params:
        job=by(jobs.scoring_baseline, "dataset", "name"),
    message:
        "Score {wildcards.name} of {wildcards.dataset}: {wildcards.backbone}"
    script:
        "../../scripts/evaluate.py"


rule evaluate_references:
    input:
        unpack(by(jobs.data, "dataset")),
    output:
        scores=PATHS.references,
    log:
        PATHS.log("evaluate_references", "{dataset}"),
    benchmark:
        PATHS.benchmark("evaluate_references", "{dataset}")
    wildcard_constraints:
        dataset=one_of(jobs.with_factors),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=50_000),
        runtime=scaled(60, per_gb=10_000),
    params:
        job=by(jobs.referencing, "dataset"),
    message:
        "Score codes of known quality on the factors of {wildcards.dataset}"
    script:
        "../../scripts/evaluate.py"


rule compare_models:
    input:
        unpack(data_of_model),
        unpack(seeds_of_stages),
    output:
        scores=PATHS.agreement,
    log:
        PATHS.log("compare_models", "{backbone}_{recipe}_{dataset}"),
    benchmark:
        PATHS.benchmark("compare_models", "{backbone}_{recipe}_{dataset}")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=by(jobs.comparing, "dataset", "recipe"),
    message:
        "Compare the models of all seeds on {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}"
    script:
        "../../scripts/evaluate.py"


rule explain:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(by(jobs.codes, "dataset", "recipe")),
        objects=PATHS.objects,
    output:
        scores=PATHS.meaning,
    log:
        PATHS.log("explain", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("explain", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=by(jobs.explaining, "dataset", "recipe"),
    message:
        "Explain the dimensions on {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"


rule explain_baseline:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(features_beside),
        objects=PATHS.objects,
        values=PATHS.baseline,
    output:
        scores=PATHS.baseline_meaning,
    log:
        PATHS.log("explain_baseline", "{dataset}_{backbone}_{name}"),
    benchmark:
        PATHS.benchmark("explain_baseline", "{dataset}_{backbone}_{name}")
    wildcard_constraints:
        dataset=one_of(jobs.targets),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=by(jobs.explaining_baseline, "dataset", "name"),
    message:
        "Explain {wildcards.name} of {wildcards.dataset}: {wildcards.backbone}"
    script:
        "../../scripts/evaluate.py"


rule score_open_set:
    input:
        unpack(by(jobs.data, "dataset")),
        values=PATHS.open_set_latents,
        model=PATHS.open_set_model_info,
    output:
        scores=PATHS.open_set_scores,
        images=PATHS.open_set_images,
    log:
        PATHS.log("score_open_set", f"{MODEL}_{{dataset}}_{{held_out}}"),
    benchmark:
        PATHS.benchmark("score_open_set", f"{MODEL}_{{dataset}}_{{held_out}}")
    wildcard_constraints:
        dataset=one_of(jobs.held_out),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=by(jobs.opening, "dataset", "held_out"),
    message:
        "Score {wildcards.held_out} held out of {wildcards.dataset}: {wildcards.backbone}, {wildcards.recipe}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"


rule score_open_set_baseline:
    input:
        unpack(by(jobs.data, "dataset")),
        unpack(features_beside),
        values=PATHS.open_set_baseline,
    output:
        scores=PATHS.open_set_baseline_scores,
        images=PATHS.open_set_baseline_images,
    log:
        PATHS.log("score_open_set_baseline", "{dataset}_{backbone}_{name}_{held_out}"),
    benchmark:
        PATHS.benchmark("score_open_set_baseline", "{dataset}_{backbone}_{name}_{held_out}")
    wildcard_constraints:
        dataset=one_of(jobs.held_out),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=by(jobs.opening_baseline, "dataset", "held_out", "name"),
    message:
        "Score {wildcards.held_out} held out of {wildcards.dataset}: {wildcards.name} of {wildcards.backbone}"
    script:
        "../../scripts/evaluate.py"
