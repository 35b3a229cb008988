"""What lies ahead: jobs of each rule, Slurm jobs, hours.

`fovscope plan` asks a dry run, which leaves here what it knows of the rules.
"""

import os


def facts_of_rules(wildcards=None):
    """How the jobs of each rule run, as the profile has it."""
    groups = workflow.group_settings.group_components
    facts = {}
    for rule in workflow.rules:
        if rule.norun or rule.name == "plan":
            continue
        wants = {key: resource.raw for key, resource in rule.resources.items()}
        facts[rule.name] = {
            "local": rule.name in workflow._localrules,
            "gpus": wants.get("gpu", 0),
            "cores": wants["_cores"],
            "pack": wants.get("pack", groups.get(rule.group, 1)),
        }
    return {"study": STUDY, "rules": facts}


rule plan:
    log:
        PATHS.log("plan"),
    benchmark:
        PATHS.benchmark("plan")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        workflow=facts_of_rules,
        snakefile=str(SCRIPTS.parent / "Snakefile"),
        results=PATHS.root,
    message:
        "Count the jobs ahead and the hours that they will take"
    script:
        "../../scripts/plan.py"


if "FOVSCOPE_FACTS" in os.environ:
    Path(os.environ["FOVSCOPE_FACTS"]).write_text(json.dumps(facts_of_rules()))
