"""Images → features of a frozen backbone, cached in a Zarr store with a manifest.

The manifest is the tracked output and the store its undeclared payload: Snakemake deletes
declared outputs when a job starts again, and the finished shards must outlive that. A large
data set is extracted by several jobs, each of which fills a part of the store; whatever their
number, one light job at the end checks all shards and writes the manifest.

Features depend on images, not on labels and splits, which are in the same table. So that
table is `ancient` here, and all that does count is written down first, as the task. That is a
job of its own because Snakemake does not look at the params of a job below one that will
run: an ancient edge from there would hide that they changed.
"""


rule specify_features:
    input:
        by(jobs.retrievals, "dataset"),
    output:
        PATHS.features_task,
    log:
        PATHS.log("specify_features", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("specify_features", "{dataset}_{backbone}")
    priority: 1
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        content=by(jobs.features_task, "dataset", "backbone"),
    message:
        "Write down what {wildcards.backbone} features of {wildcards.dataset} depend on"
    script:
        "../../scripts/record.py"


rule cache_features:
    input:
        unpack(data_of_features),
        task=PATHS.features_task,
    output:
        temp(PATHS.features_part),
    log:
        PATHS.log("cache_features", "{dataset}_{backbone}_{part}of{parts}"),
    benchmark:
        PATHS.benchmark("cache_features", "{dataset}_{backbone}_{part}of{parts}")
    priority: 1  # models wait for features
    conda:
        "../../envs/gpu.yaml"
    threads: 4
    resources:
        gpu=1,
        tasks=1,
        tasks_per_gpu=1,  # else the executor asks for `tasks` of them a GPU
        mem_mb=scaled(6000),
        runtime=scaled(240),
    params:
        manifest=PATHS.features,
    message:
        "Cache {wildcards.backbone} features of {wildcards.dataset}, part {wildcards.part} of {wildcards.parts}"
    script:
        "../../scripts/cache_features.py"


rule seal_features:
    input:
        parts_of_features,
    output:
        PATHS.features,
    log:
        PATHS.log("seal_features", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("seal_features", "{dataset}_{backbone}")
    priority: 1
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        code=jobs.code("seal_features"),
        cut=PATHS.cut,
        images=by(jobs.number_of_images, "dataset"),
    message:
        "Seal the {wildcards.backbone} features of {wildcards.dataset}"
    script:
        "../../scripts/seal_features.py"
