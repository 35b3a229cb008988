"""Latents → probe scores on targets, disentanglement scores where factors are known, meaning.

Baselines, reference codes and the objects of images do not depend on a model, so they are jobs
of their own and run once for each data set. Models are compared with each other over the
seeds of one backbone and β.
"""


rule evaluate_source:
    input:
        design=PATHS.design,
        latents=PATHS.source_latents,
        model=PATHS.source_model_info,
    output:
        PATHS.source_scores,
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
        code=code_of("evaluate_source"),
        metrics=STUDY["metrics"],
        source=SOURCE,
    message:
        "Score the source model {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate_source.py"


rule evaluate:
    input:
        design=PATHS.design,
        manifest=PATHS.manifest,
        transferred=PATHS.transferred_latents,
        finetuned=PATHS.tuned_latents,
        source=PATHS.tuned_source_latents,
        model=PATHS.tuned_model_info,
    output:
        PATHS.scores,
    log:
        PATHS.log("evaluate", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("evaluate", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=50_000),
        runtime=scaled(120, per_gb=10_000),
    params:
        code=code_of("evaluate"),
        probes=STUDY["probes"],
        metrics=STUDY["metrics"],
        scope=scope_of,
    message:
        "Score {wildcards.dataset}: {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/evaluate.py"


rule evaluate_baselines:
    input:
        manifest=PATHS.manifest,
        features=PATHS.features,
    output:
        PATHS.baseline_scores,
    log:
        PATHS.log("evaluate_baselines", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("evaluate_baselines", "{dataset}_{backbone}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(4000, per_gb=6000),
        runtime=scaled(120, per_gb=240),
    params:
        code=code_of("evaluate_baselines"),
        probes=STUDY["probes"],
        latent_dim=study.model.latent_dim,
    message:
        "Score the baselines of {wildcards.dataset} with {wildcards.backbone}"
    script:
        "../../scripts/evaluate_baselines.py"


rule compare_models:
    input:
        unpack(latents_of_all_seeds),
    output:
        PATHS.agreement_scores,
    log:
        PATHS.log("compare_models", "{backbone}_beta{beta}_{dataset}"),
    benchmark:
        PATHS.benchmark("compare_models", "{backbone}_beta{beta}_{dataset}")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        code=code_of("compare_models"),
        resamples=study.metrics.resamples,
        scope=lambda wildcards: {"stages": stages_of(wildcards), "seeds": SEEDS},
    message:
        "Compare the models of all seeds on {wildcards.dataset}: {wildcards.backbone}, β = {wildcards.beta}"
    script:
        "../../scripts/compare_models.py"


rule evaluate_references:
    input:
        unpack(data_of),
    output:
        PATHS.reference_scores,
    log:
        PATHS.log("evaluate_references", "{dataset}"),
    benchmark:
        PATHS.benchmark("evaluate_references", "{dataset}")
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=50_000),
        runtime=scaled(60, per_gb=10_000),
    params:
        code=code_of("evaluate_references"),
        is_source=lambda wildcards: wildcards.dataset == SOURCE,
        metrics=STUDY["metrics"],
        latent_dim=study.model.latent_dim,
    message:
        "Score codes of known quality on the factors of {wildcards.dataset}"
    script:
        "../../scripts/evaluate_references.py"


rule measure_objects:
    input:
        table=PATHS.manifest,
        info=PATHS.data_info,
    output:
        objects=PATHS.objects,
        masks=PATHS.masks,
        sheet=PATHS.mask_sheet,
    log:
        PATHS.log("measure_objects", "{dataset}"),
    benchmark:
        PATHS.benchmark("measure_objects", "{dataset}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(120),
    params:
        code=code_of("measure_objects"),
    message:
        "Segment and measure the objects of {wildcards.dataset}"
    script:
        "../../scripts/measure_objects.py"


rule correlate:
    input:
        manifest=PATHS.manifest,
        objects=PATHS.objects,
        transferred=PATHS.transferred_latents,
        finetuned=PATHS.tuned_latents,
        model=PATHS.tuned_model_info,
    output:
        PATHS.correlations,
    log:
        PATHS.log("correlate", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("correlate", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    threads: 1  # the trees are small: a second thread makes XGBoost slower
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(60),
    params:
        code=explanation_code,
        options=EXPLANATION,
        stand_ins=lambda wildcards: (
            None if wildcards.dataset in WITH_FACTORS else STUDY["metrics"]
        ),
    message:
        "Explain the dimensions on {wildcards.dataset}: {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/correlate.py"
