"""What lies ahead: jobs of each rule, Slurm jobs, hours.

`fovscope plan` asks a dry run, which leaves here what it knows of the rules.
"""


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
        workflow=facts_of_rules,
        snakefile=str(SCRIPTS.parent / "Snakefile"),
        results=PATHS.root,
    message:
        "Count the jobs ahead and the hours that they will take"
    script:
        "../../scripts/plan.py"


leave_facts(facts_of_rules)
