"""Put tables, pictures, run times and versions into one page."""

from pathlib import Path

import pandas as pd
import yaml

from fovscope.figures.report import (
    CITATIONS,
    QUESTION,
    Picture,
    Section,
    Table,
    data_sets,
    render_report,
    run_times,
    study_facts,
)
from fovscope.records import read_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json, replacing, versions
from fovscope.tables.disentanglement import disentanglement_blocks

with logged(snakemake):
    given, captions = snakemake.input, snakemake.params.captions
    config = yaml.safe_load(Path(given.config).read_text(encoding="utf-8"))

    def table(name: str) -> list[Table]:
        """Return a table of the study with the sentence above its Markdown view, if it is there."""
        paths = [Path(path) for path in given.tables if Path(path).stem == name]
        if not paths:
            return []
        folder = paths[0].parent
        caption = (folder / f"{name}.md").read_text(encoding="utf-8").partition("\n\n")[0]
        view = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        return [Table(view, caption)]

    def disentanglement() -> list[Table]:
        """Return the parts of the disentanglement table, which is too wide for a page."""
        whole = table("disentanglement")
        if not whole:
            return []
        path = next(path for path in given.tables if Path(path).stem == "disentanglement")
        blocks = disentanglement_blocks(read_table(Path(path).with_suffix(".parquet")))
        captions = [f"{title}. {whole[0].caption}" for title in blocks]
        return [Table(*part) for part in zip(blocks.values(), captions, strict=True)]

    def pictures(kind: str) -> list[Picture]:
        """Return the pictures of a kind, each with the caption of the kind and what it shows."""
        paths = [path for path in given.pictures if Path(path).stem.partition("_")[0] == kind]
        shown = [Path(path).stem.partition("_")[2].replace("_", " ") for path in paths]
        return [
            Picture(path, f"{what}: {captions[kind]}" if what else captions[kind])
            for path, what in zip(paths, shown, strict=True)
        ]

    data = Table(
        data_sets(
            {Path(path).parent.name: read_table(path) for path in given.manifests},
            config["targets"],
        ),
        "The targets: images by split, and their terms.",
    )
    versions_table = pd.DataFrame(versions().items(), columns=["package", "version"])
    design = read_json(given.design)
    page = render_report(
        "fovscope study",
        QUESTION,
        study_facts(config),
        [
            Section("Data", design["citation"], [data, *pictures("samples"), *pictures("masks")]),
            Section(
                "Accuracy",
                "",
                [*table("accuracy"), *table("comparisons"), *table("confusion")],
            ),
            Section(
                "Disentanglement",
                "",
                [*disentanglement(), *pictures("disentanglement"), *pictures("sizes")],
            ),
            Section(
                "What each dimension means",
                "",
                [
                    *(*table("transfer"), *pictures("correlation"), *table("correlation")),
                    *(*pictures("movement"), *pictures("traversal")),
                ],
            ),
            Section(
                "Which dimensions tell the classes apart",
                "",
                [
                    *(*table("importance"), *pictures("scatter")),
                    *(*pictures("classes"), *pictures("pairs")),
                ],
            ),
            Section("Open set", "", [*table("open_set"), *pictures("open-set")]),
            Section(
                "Run times",
                "Sums over jobs of the last run of each; jobs run side by side.",
                [Table(run_times(Path(snakemake.params.benchmarks)), "By rule.")],
            ),
            Section("Versions", "", [Table(versions_table, "Libraries that made this page.")]),
            Section("How to cite", CITATIONS),
        ],
    )
    with replacing(snakemake.output[0]) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
