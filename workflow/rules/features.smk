"""Images → features of a frozen backbone, cached in a Zarr store with a manifest.

The manifest is the tracked output and the store its undeclared payload: Snakemake deletes
declared outputs when a job starts again, and the finished shards must outlive that.
"""


rule cache_features:
    input:
        unpack(data_of),
    output:
        PATHS.features,
    log:
        PATHS.log("cache_features", "{dataset}_{backbone}"),
    benchmark:
        PATHS.benchmark("cache_features", "{dataset}_{backbone}")
    conda:
        "../../envs/gpu.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=240,
    params:
        code=features_code,
        source=rendering_options,
        backbone=lookup(within=STUDY, dpath="backbones/{backbone}"),
        files=features_files,
        features=STUDY["features"],
    message:
        "Cache {wildcards.backbone} features of {wildcards.dataset}"
    script:
        "../../scripts/cache_features.py"
