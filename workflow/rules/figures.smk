"""Tables, latents and images → pictures.

What is shown of a single model is shown of the first one, lowest β and seed, of each backbone.
"""

SHOWN = {"beta": BETAS[0], "seed": SEEDS[0]}
NAMED = study.source_training.supervision == "labels"


def model_of(wildcards):
    """The model that saw a data set last, and its latents there."""
    if wildcards.dataset == SOURCE:
        return {
            "model": PATHS.source_model,
            "info": PATHS.source_model_info,
            "latents": PATHS.source_latents,
            "table": PATHS.design,
        }
    return {
        "model": PATHS.tuned_model,
        "info": PATHS.tuned_model_info,
        "latents": PATHS.tuned_latents,
        "table": PATHS.manifest,
    }


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
        mem_mb=4000,
        runtime=30,
    params:
        code=code_of("traverse"),
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
        **PATHS.figure(f"traversal_{{dataset}}_{MODEL}"),
    log:
        PATHS.log("plot_traversal", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("plot_traversal", f"{MODEL}_{{dataset}}")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_of("plot_traversal"),
        source=rendering_options,
        named=NAMED,
    message:
        "Draw the traversal of {wildcards.dataset} with {wildcards.backbone}"
    script:
        "../../scripts/plot_traversal.py"


rule plot_movement:
    input:
        PATHS.traversal_scores,
    output:
        **PATHS.figure(f"movement_{{dataset}}_{MODEL}"),
    log:
        PATHS.log("plot_movement", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("plot_movement", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset=one_of(WITH_FACTORS),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=20,
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
        **PATHS.figure(f"scatter_{{dataset}}_{MODEL}", "scatter_"),
        **PATHS.figure(f"pairs_{{dataset}}_{MODEL}", "pairs_"),
        **PATHS.figure(f"classes_{{dataset}}_{MODEL}", "classes_"),
    log:
        PATHS.log("plot_latents", f"{MODEL}_{{dataset}}"),
    benchmark:
        PATHS.benchmark("plot_latents", f"{MODEL}_{{dataset}}")
    wildcard_constraints:
        dataset="|".join(TARGETS),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_of("plot_latents"),
        named=NAMED,
    message:
        "Draw the classes of {wildcards.dataset} in the latents of {wildcards.backbone}"
    script:
        "../../scripts/plot_latents.py"


rule plot_disentanglement:
    input:
        PATHS.table("disentanglement")["parquet"],
    output:
        **PATHS.figure("disentanglement"),
    log:
        PATHS.log("plot_disentanglement"),
    benchmark:
        PATHS.benchmark("plot_disentanglement")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        code=code_of("plot_disentanglement"),
    message:
        "Draw disentanglement before and after fine-tuning"
    script:
        "../../scripts/plot_disentanglement.py"
