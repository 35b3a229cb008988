"""Is what lies on disk still what the jobs wrote?"""


rule verify:
    log:
        PATHS.log("verify"),
    benchmark:
        PATHS.benchmark("verify")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        results=PATHS.root,
    message:
        "Compare every image, store, model and table with its digest"
    script:
        "../../scripts/verify.py"
