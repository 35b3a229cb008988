"""Images → features of a frozen backbone, cached in a Zarr store with a manifest.

The manifest is the tracked output and the store its undeclared payload: Snakemake deletes
declared outputs when a job starts again, and the finished shards must outlive that.
"""


def features_code(wildcards):
    """The code of one kind of images: a source is rendered, a target is read from files."""
    other = "images" if wildcards.dataset == SOURCE else "texture_dsprites"
    return code_of("cache_features", without=[f"fovscope.data.{other}"])


def rendering_options(wildcards):
    """The config by which the source is rendered; a target's manifest says all of it."""
    return STUDY["source"] if wildcards.dataset == SOURCE else None


def features_files(wildcards):
    """What the local files hold that features depend on, beside the images of a target."""
    files = source_files(wildcards) if wildcards.dataset == SOURCE else {}
    weights = STUDY["backbones"][wildcards.backbone]["weights"]
    if weights and not weights.startswith("pip:"):
        what = f"backbones/{wildcards.backbone}"
        files["weights"] = files_digest(what, path_content, weights)
    return files


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
