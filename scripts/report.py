"""Put tables, pictures, run times and versions into one page."""

from pathlib import Path

import pandas as pd
import yaml

from fovscope.figures.report import (
    CITATIONS,
    QUESTION,
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
    given = snakemake.input
    config = yaml.safe_load(Path(given.config).read_text(encoding="utf-8"))
    tables = {Path(path).parent.name: read_table(path) for path in given.manifests}
    targets = {name: table for name, table in tables.items() if name in config["targets"]}
    sources = (read_json(path).get("citation") for path in given.facts)
    data = Table(
        data_sets(targets, config["targets"]), "The targets: images by split, and their terms."
    )
    found = [
        Section(
            "Which names hold",
            parts=[
                Table(
                    names_that_hold(read_table(path)),
                    "What the names of dimensions are worth on each target. The evidence stands "
                    "below, in “What each dimension means”.",
                )
            ],
        )
        for path in given.tables
        if Path(path).name == "names.parquet"
    ]
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
    page = render_report(
        "fovscope study",
        QUESTION,
        study_facts(config),
        [
            *found,
            *report_sections(
                snakemake.params.job["views"],
                Path(given.tables[0]).parent,
                given.pictures,
                [Section("Data", " ".join(dict.fromkeys(filter(None, sources))), [data])],
            ),
            *last,
        ],
    )
    with replacing(snakemake.output[0]) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
