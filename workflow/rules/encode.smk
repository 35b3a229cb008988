"""New images → what a fine-tuned model of the study says of them, as a table and a page.

`encode` of the config names the images and the model; `fovscope encode` does the same by hand.
"""


rule encode_images:
    input:
        unpack(by(jobs.applied_model, "images")),
    output:
        table=PATHS.encoded,
        sheet=PATHS.contact_sheet,
    log:
        PATHS.log("encode_images", "{images}"),
    benchmark:
        PATHS.benchmark("encode_images", "{images}")
    wildcard_constraints:
        images=one_of(study.encode),
    conda:
        "../../envs/gpu.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=scaled(6000),
        runtime=scaled(240),
    params:
        job=by(jobs.encoding, "images"),
    message:
        "Encode {wildcards.images}"
    script:
        "../../scripts/encode_images.py"
