"""Questions to a study: is what lies on disk still what the jobs wrote, and what lies ahead?

`fovscope verify` and `fovscope plan` ask the same from the command line; `plan` asks a dry run,
which leaves here what it knows of the rules.
"""


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
        "../../scripts/ask.py"


rule plan:
    log:
        PATHS.log("plan"),
    benchmark:
        PATHS.benchmark("plan")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        results=PATHS.root,
        workflow=facts_of_rules,
        snakefile=str(SCRIPTS.parent / "Snakefile"),
    message:
        "Count the jobs ahead and the hours that they will take"
    script:
        "../../scripts/ask.py"


leave_facts(facts_of_rules)
