"""Names, folders, tables, generators and designs → image tables with facts; measured objects.

What is retrieved by name is downloaded where Snakemake runs, because nodes of a cluster often
have no way out. The images are an undeclared payload beside the tracked output, which is written
last: Snakemake deletes declared outputs when a job starts again, and downloads must outlive that.
"""


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
        code=jobs.code("record"),
        content=jobs.plain,
    message:
        "Save the resolved configuration"
    script:
        "../../scripts/record.py"


rule retrieve:
    output:
        f"{study.data_folder}/{{named}}/retrieved.json",
    log:
        PATHS.log("retrieve", "{named}"),
    benchmark:
        PATHS.benchmark("retrieve", "{named}")
    wildcard_constraints:
        named=one_of(jobs.retrieved),
    priority: 3  # what is to be put in place by hand is told first
    retries: 0  # it tries again itself
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(1440),
        row=by(jobs.row_of, "named"),  # from where, and what is said of it: nothing depends on it
    params:
        job=by(jobs.retrieving, "named"),
    message:
        "Retrieve {wildcards.named}"
    script:
        "../../scripts/record.py"


rule prepare:
    input:
        unpack(by(jobs.followed_data, "dataset")),
        retrieved=by(jobs.retrievals, "dataset"),
    output:
        table=PATHS.manifest,
        facts=PATHS.facts,
    log:
        PATHS.log("prepare", "{dataset}"),
    benchmark:
        PATHS.benchmark("prepare", "{dataset}")
    wildcard_constraints:
        dataset=one_of(jobs.datasets),
    priority: 2  # what is wrong with images is told before networks run
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
        demands=by(jobs.demands, "dataset"),  # checked; nothing that is made follows from it
    params:
        job=by(jobs.preparation, "dataset"),
    message:
        "List, check and split the images of {wildcards.dataset}"
    script:
        "../../scripts/prepare.py"


rule measure:
    input:
        unpack(by(jobs.data, "dataset")),
    output:
        objects=PATHS.objects,
        masks=PATHS.masks,
        sheet=shown(PATHS.mask_sheet, "Data", "masks"),
    log:
        PATHS.log("measure", "{dataset}"),
    benchmark:
        PATHS.benchmark("measure", "{dataset}")
    wildcard_constraints:
        dataset=one_of([*jobs.targets, *jobs.edited]),
    priority: 1  # images are edited by the masks
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000, per_gb=20_000),
        runtime=scaled(120),
    params:
        job=by(jobs.measuring, "dataset"),
    message:
        "Segment and measure the objects of {wildcards.dataset}"
    script:
        "../../scripts/measure.py"
