"""Put findings, tables, pictures, run times and versions into one page."""

from pathlib import Path

import pandas as pd
import yaml

from fovscope.figures.findings import Known, findings
from fovscope.figures.report import (
    CITATIONS,
    QUESTION,
    QUESTION_OF_NAMES,
    Notes,
    Section,
    Table,
    data_sets,
    names_that_hold,
    render_report,
    report_sections,
    run_times,
    study_facts,
)
from fovscope.records import read_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json, replacing, versions

with logged(snakemake):
    given, job = snakemake.input, snakemake.params.job
    config = yaml.safe_load(Path(given.config).read_text(encoding="utf-8"))
    targets = {Path(path).parent.name: read_table(path) for path in given.manifests}
    facts = {Path(path).parent.name: read_json(path) for path in given.facts}
    objects = {Path(path).parent.name: read_table(path) for path in given.objects}
    remarks = {name: facts[name].get("remarks", []) for name in targets}
    long = {Path(path).stem: read_table(path) for path in given.tables if path.endswith(".parquet")}
    found = {
        name: findings(
            name,
            Known(
                *(long, table, objects[name], remarks[name]),
                *(job["kinds"], job["probes"], job["left_out"]),
            ),
        )
        for name, table in targets.items()
    }
    data = [
        Table(
            data_sets(targets, config["targets"]),
            "The targets: images by split, and their terms.",
            "table-targets",
        ),
        *(
            Notes(said, f"What was noticed when the images of {name} were read.", f"remarks-{name}")
            for name, said in remarks.items()
            if said
        ),
    ]
    cited = (fact.get("citation") for fact in facts.values())
    first = [Section("Data", " ".join(dict.fromkeys(filter(None, cited))), data)]
    if "names" in long and len(long["names"]):
        caption = "What names of dimensions are worth on each target; the evidence stands below."
        held = Table(names_that_hold(long["names"]), caption)
        first.append(Section("What each dimension means", parts=[held]))
    versions_table = pd.DataFrame(versions().items(), columns=["package", "version"])
    last = [
        Section(
            "Run times",
            "Sums over jobs of the last run of each; jobs run side by side.",
            [Table(run_times(Path(snakemake.params.benchmarks)), "By rule.")],
        ),
        Section("Versions", "", [Table(versions_table, "Libraries that made this page.")]),
        Section("How to cite", CITATIONS),
    ]
    tables = next((Path(path).parent for path in given.tables), Path())
    page = render_report(
        "fovscope study",
        QUESTION if "names" in job["left_out"] else f"{QUESTION} {QUESTION_OF_NAMES}",
        study_facts(config),
        [*report_sections(job["views"], tables, given.pictures, first), *last],
        findings=found,
        explorer=job["explorer"] and Path(job["explorer"]).name,  # they lie side by side
    )
    with replacing(snakemake.output[0]) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
