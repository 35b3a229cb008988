"""Folders, tables and generators → manifests with digests and splits; the source's design."""


rule save_config:
    output:
        PATHS.config,
    log:
        PATHS.log("save_config"),
    benchmark:
        PATHS.benchmark("save_config")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        code=code_of("save_config"),
        study=study.model_dump(mode="json"),
    message:
        "Save the resolved configuration"
    script:
        "../../scripts/save_config.py"


rule prepare_target:
    output:
        table=PATHS.manifest,
        info=PATHS.data_info,
    log:
        PATHS.log("prepare_target", "{dataset}"),
    benchmark:
        PATHS.benchmark("prepare_target", "{dataset}")
    wildcard_constraints:
        dataset=one_of(PROVIDED),
    priority: 1  # what is wrong with images is told before networks run
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        code=code_of("prepare_target"),
        target=target_options,
        files=target_files,
    message:
        "List, check and split the images of {wildcards.dataset}"
    script:
        "../../scripts/prepare_target.py"


rule generate_target:
    output:
        table=PATHS.manifest,
        info=PATHS.data_info,
    log:
        PATHS.log("generate_target", "{dataset}"),
    benchmark:
        PATHS.benchmark("generate_target", "{dataset}")
    wildcard_constraints:
        dataset=one_of(GENERATED),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        code=code_of("generate_target"),
        target=target_options,
    message:
        "Generate, check and split the images of {wildcards.dataset}"
    script:
        "../../scripts/generate_target.py"


rule design_source:
    output:
        table=PATHS.design,
        info=PATHS.design_info,
    log:
        PATHS.log("design_source"),
    benchmark:
        PATHS.benchmark("design_source")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    params:
        code=code_of("design_source"),
        source=STUDY["source"],
        files=source_files,
    message:
        "Draw the factor design of the source"
    script:
        "../../scripts/design_source.py"
