"""Tables, latents and images → pictures.

What is shown of a single model is shown of the first one, lowest β and seed, of each backbone.
"""


rule plot_samples:
    input:
        unpack(data_of),
    output:
        **picture("Data", "samples_{dataset}"),
    log:
        PATHS.log("plot_samples", "{dataset}"),
    benchmark:
        PATHS.benchmark("plot_samples", "{dataset}")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_samples"),
        source=rendering_options,
        files=rendering_files,
    message:
        "Draw some images of {wildcards.dataset}"
    script:
        "../../scripts/plot_samples.py"


rule traverse:
    input:
        unpack(model_of),
    output:
        strips=PATHS.traversal,
        scores=PATHS.traversal_scores,
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
        code=model_code("traverse"),
        stage=lambda wildcards: "source" if wildcards.dataset == SOURCE else "finetuned",
    message:
        "Traverse {wildcards.dataset}: {wildcards.backbone}, β = {wildcards.beta}, seed {wildcards.seed}"
    script:
        "../../scripts/traverse.py"


rule plot_traversal:
    input:
        unpack(data_of),
        strips=PATHS.traversal,
    output:
        **picture("Dimensions", f"traversal_{{dataset}}_{MODEL}"),
    log:
        PATHS.log("plot_traversal", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("plot_traversal", f"{MODEL}_{{dataset}}")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_traversal"),
        source=rendering_options,
        files=rendering_files,
        named=NAMED,
    message:
        "Draw the traversal of {wildcards.dataset} with {wildcards.backbone}"
    script:
        "../../scripts/plot_traversal.py"


rule plot_movement:
    input:
        PATHS.traversal_scores,
    output:
        **picture("Dimensions", f"movement_{{dataset}}_{MODEL}"),
    log:
        PATHS.log("plot_movement", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("plot_movement", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(WITH_FACTORS),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_movement"),
        named=NAMED,
    message:
        "Draw how the factors of {wildcards.dataset} move along its traversal"
    script:
        "../../scripts/plot_movement.py"


rule plot_latents:
    input:
        manifest=PATHS.manifest,
        latents=PATHS.tuned_latents,
    output:
        **picture("Classes", f"scatter_{{dataset}}_{MODEL}", "scatter_"),
        **picture("Classes", f"pairs_{{dataset}}_{MODEL}", "pairs_"),
        **picture("Classes", f"classes_{{dataset}}_{MODEL}", "classes_"),
    log:
        PATHS.log("plot_latents", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("plot_latents", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_latents"),
        named=NAMED,
    message:
        "Draw the classes of {wildcards.dataset} in the latents of {wildcards.backbone}"
    script:
        "../../scripts/plot_latents.py"


rule plot_correlation:
    input:
        PATHS.table("correlation")["parquet"],
    output:
        **picture("Dimensions", "correlation_{dataset}_{backbone}"),
    log:
        PATHS.log("plot_correlation", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("plot_correlation", "{dataset}_{backbone}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_correlation"),
    message:
        "Draw what the dimensions of {wildcards.backbone} go with on {wildcards.dataset}"
    script:
        "../../scripts/plot_correlation.py"


rule plot_sizes:
    input:
        design=PATHS.design,
        latents=PATHS.source_latents,
    output:
        **picture("Disentanglement", f"sizes_{MODEL}"),
    log:
        PATHS.log("plot_sizes", MODEL),
    benchmark:
        PATHS.benchmark("plot_sizes", MODEL)
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_sizes"),
        metrics=STUDY["metrics"],
    message:
        "Draw how scores of {wildcards.backbone} move with the number of rows"
    script:
        "../../scripts/plot_sizes.py"


rule plot_open_set:
    input:
        PATHS.table("open_set")["parquet"],
    output:
        **picture("Open set", "open-set_{dataset}_{backbone}"),
    log:
        PATHS.log("plot_open_set", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("plot_open_set", "{dataset}_{backbone}")
    wildcard_constraints:
        dataset=one_of(HELD_OUT),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_open_set"),
    message:
        "Draw what sets the held-out classes of {wildcards.dataset} apart with {wildcards.backbone}"
    script:
        "../../scripts/plot_open_set.py"


rule plot_disentanglement:
    input:
        PATHS.table("disentanglement")["parquet"],
    output:
        **picture("Disentanglement", "disentanglement"),
    log:
        PATHS.log("plot_disentanglement"),
    benchmark:
        PATHS.benchmark("plot_disentanglement")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000, per_gb=20_000),
        runtime=scaled(20),
    params:
        code=code_of("plot_disentanglement"),
    message:
        "Draw disentanglement before and after fine-tuning"
    script:
        "../../scripts/plot_disentanglement.py"


PICTURES = [
    collect(PATHS.figure("samples_{dataset}")["png"], dataset=[SOURCE, *TARGETS]),
    collect(PATHS.mask_sheet, dataset=TARGETS),
    collect(
        PATHS.figure("correlation_{dataset}_{backbone}")["png"],
        dataset=TARGETS,
        backbone=BACKBONES,
    ),
    of_shown_model("traversal", [SOURCE, *TARGETS]),
    of_shown_model("movement", WITH_FACTORS),
    *(of_shown_model(name, TARGETS) for name in ("scatter", "pairs", "classes")),
    PATHS.figure("disentanglement")["png"],
    collect(PATHS.figure(f"sizes_{MODEL}")["png"], backbone=BACKBONES, **SHOWN),
    collect(
        PATHS.figure("open-set_{dataset}_{backbone}")["png"],
        dataset=HELD_OUT,
        backbone=BACKBONES,
    ),
]
TABLES = [
    file
    for name in (
        *("accuracy", "comparisons", "confusion", "disentanglement"),
        *("transfer", "correlation", "importance"),
        *OPEN_SET_TABLE,
    )
    for kind, file in PATHS.table(name).items()
    if kind in ("csv", "md", "parquet")
]


rule report:
    input:
        config=PATHS.config,
        design=PATHS.design_info,
        manifests=collect(PATHS.manifest, dataset=TARGETS),
        tables=TABLES,
        pictures=PICTURES,
    output:
        f"{PATHS.root}/report.html",
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        code=code_of("report"),
        template=digest_file(SCRIPTS / "fovscope/figures/report.html.j2"),
        captions={path.stem: path.read_text().strip() for path in sorted(CAPTIONS.glob("*.rst"))},
        benchmarks=f"{PATHS.root}/benchmarks",
    message:
        "Write the report"
    script:
        "../../scripts/report.py"
