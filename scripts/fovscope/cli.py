"""The command ``fovscope``: questions to a study that is on disk, and its models on new images.

What a command needs is imported where it runs, so that help, names and completion come at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import TYPE_CHECKING

from fovscope import FovscopeError
from fovscope.registry import KINDS, Catalogue

if TYPE_CHECKING:
    from fovscope.datasets.named import DataSet

DATASETS = "datasets"
"""What can be listed beside the kinds of entries: data sets that are retrieved by name."""

_THREADS = 4
"""That read images: decoding lets other threads run."""

_OF_SNAKEMAKE = ("plan", "why")
"""Commands that hand options on to Snakemake."""

_SHELLS = ("bash", "zsh", "tcsh")

_EXAMPLES = """\
from a folder of images to a report:
  fovscope look /data/my_cells
  fovscope init /data/my_cells > config/mine.yaml
  fovscope plan -- --profile profiles/local --configfile config/mine.yaml
  snakemake --profile profiles/local --configfile config/mine.yaml

of a study that is there:
  fovscope why -- --profile profiles/local --configfile config/mine.yaml
  fovscope verify

Each command has a help with an example: fovscope look --help"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 when all is well."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    split = given.index("--") if "--" in given else len(given)
    parser, options = _parser(), given[split + 1 :]
    chosen, unknown = parser.parse_known_args(given[:split])
    if unknown:
        remedy = "; options for Snakemake come after --" if chosen.command in _OF_SNAKEMAKE else ""
        parser.error(f"unknown: {' '.join(unknown)}{remedy}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        code = _run(chosen, options)
        sys.stdout.flush()
    except FovscopeError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fovscope",
        description="Look at images, ask about a study, use its models. Snakemake runs the study.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, what: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    seen = command(
        "look",
        "say what a folder or table of images holds; draw images, or edits of them",
        "fovscope look /data/my_cells --out my_cells.png",
    )
    seen.add_argument(
        "data",
        type=Path,
        help="folder, table, or <results>/data/<source>@<target> of a source of interventions",
    )
    seen.add_argument("--rows", type=int, default=16, help="rows of the picture (%(default)s)")
    seen.add_argument(
        "--out", type=Path, default=Path("look.png"), help="picture to write (%(default)s)"
    )
    begin = command(
        "init",
        "print a configuration that runs, for a folder or table of images",
        "fovscope init /data/my_cells > config/mine.yaml",
    )
    begin.add_argument("data", type=Path, help="folder or table")
    ahead = command(
        "plan",
        "count the jobs ahead and their hours; options for Snakemake come after --",
        "fovscope plan -- --profile slurm --configfile config/mine.yaml",
    )
    reasons = command(
        "why",
        "say in words why jobs will run; options for Snakemake come after --",
        "fovscope why results/report.html -- --profile profiles/local",
    )
    for asked in (reasons, ahead):
        asked.add_argument(
            "targets", nargs="*", help="files or named targets; by default the whole study"
        )
    verify = command(
        "verify",
        "compare all results with the digests that their jobs noted",
        "fovscope verify --results results",
    )
    for asked in (verify, reasons, ahead):
        asked.add_argument(
            "--results",
            type=Path,
            default=Path("results"),
            help="results folder of the study (%(default)s)",
        )
    there = command(
        "list",
        "say what exists by name, and where it comes from",
        "fovscope list metrics --plugin examples/lab/my_lab.py",
    )
    there.add_argument(
        "kind",
        nargs="?",
        choices=sorted([DATASETS, *(kind.plural for kind in KINDS.values())]),
        help="what to list; by default all but data sets",
    )
    there.add_argument(
        "--plugin",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file of yours",
    )
    there.add_argument(
        "--table",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="data sets of yours (YAML)",
    )
    encode = command(
        "encode",
        "apply a model of a study to new images: table and contact sheet",
        "fovscope encode --images new/ --out encoded/ \\\n"
        "      --model results/models/lite0/named@my_cells/seed0/source.safetensors",
    )
    encode.add_argument(
        "--model",
        type=Path,
        required=True,
        help="<results>/models/<backbone>/<recipe>/seed<n>/<target or source>.safetensors",
    )
    encode.add_argument("--images", type=Path, required=True, help="folder of images, at any depth")
    encode.add_argument("--masks", type=Path, help="folder of masks, if the target is masked")
    encode.add_argument(
        "--probe",
        default="gbt",
        help="what predicts the class, of `fovscope list probes` (%(default)s)",
    )
    encode.add_argument(
        "--out", type=Path, default=Path("encoded"), help="folder to write to (%(default)s)"
    )
    export = command(
        "export",
        "write the wells of a screen as AnnData, for scanpy and the like",
        "fovscope export wells.parquet --out wells.h5ad",
    )
    export.add_argument("wells", type=Path, help="<results>/profiles/…/wells.parquet")
    export.add_argument(
        "--out", type=Path, default=Path("wells.h5ad"), help="file to write (%(default)s)"
    )
    complete = command(
        "completion",
        "print what makes a shell complete commands, options and files",
        "fovscope completion bash > ~/.local/share/bash-completion/completions/fovscope",
    )
    complete.add_argument("shell", choices=_SHELLS, help="which shell")
    pack = command(
        "archive",
        "write a finished study as one file, to give away or to publish",
        "fovscope archive results study.zip --licence https://creativecommons.org/licenses/by/4.0/",
    )
    pack.add_argument("results", type=Path, help="results folder of the study")
    pack.add_argument("out", type=Path, help="ZIP file to write")
    pack.add_argument("--licence", default="", help="licence of the archive, best as a URL")
    return parser


def _run(chosen: argparse.Namespace, options: list[str]) -> int:
    match chosen.command:
        case "why":
            from fovscope.runtime.why import why

            print(why(chosen.targets, options, chosen.results))
        case "plan":
            print(_plan(chosen.targets, options, chosen.results))
        case "list":
            if chosen.kind == DATASETS:
                # Here, because the other kinds need nothing of a study.
                from fovscope.datasets.named import data_sets

                print(dataset_listing(data_sets(chosen.table)))
            else:
                print(listing(Catalogue(chosen.plugin), chosen.kind))
        case "look":
            from fovscope.apply.look import look

            print(look(chosen.data, chosen.out, rows=chosen.rows, workers=_THREADS))
        case "init":
            from fovscope.apply.overview import configuration, look_at

            seen = look_at(chosen.data, workers=_THREADS)
            for remark in seen.remarks:  # the configuration alone goes to where it is written
                print(remark, file=sys.stderr)
            print(configuration(seen), end="")
        case "encode":
            _encode(chosen)
        case "export":
            from fovscope.datasets.listing import require_file
            from fovscope.profiles.export import write_anndata
            from fovscope.runtime.parquet import read_table

            require_file(chosen.wells, "table of wells")
            write_anndata(chosen.out, read_table(chosen.wells))
        case "completion":
            print(completion(chosen.shell))
        case "archive":
            from fovscope.runtime.archive import archive_study

            archive_study(chosen.results, chosen.out, licence=chosen.licence)
        case "verify":
            from fovscope.runtime.verify import verify_study

            problems = verify_study(chosen.results)
            for problem in problems:
                print(problem)
            return 1 if problems else 0
    return 0


def _plan(targets: list[str], options: list[str], results: Path) -> str:
    from fovscope.runtime.plan import FACTS, plan
    from fovscope.runtime.provenance import read_json
    from fovscope.runtime.why import dry_run

    with TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        said = dry_run(targets, options, **{FACTS: str(facts)})
        return plan(said, read_json(facts), results)


def dataset_listing(known: Mapping[str, DataSet]) -> str:
    """Return which data sets can be had by name, a paragraph each."""
    return "\n\n".join(
        f"{name}: {one.title} (version {one.version})\n"
        f"  use:      {'targets.<name>.retrieve: ' if one.is_target else 'retrieve:'}{name}\n"
        f"  had:      {_had(one)}\n"
        f"  licence:  {one.licence}\n"
        f"  citation: {one.citation}"
        for name, one in known.items()
    )


def _had(one: DataSet) -> str:
    by_hand = [each for each in one.files() if not each.url]
    if by_hand:
        return f"by hand, from {by_hand[0].page}"
    hosts = sorted({each.url.split("/")[2] for each in one.files()})
    return f"downloaded from {', '.join(hosts)} ({len(one.files())} files)"


def listing(catalogue: Catalogue, plural: str | None = None) -> str:
    """Return what exists by name, one line each: name, what it is, where it comes from.

    Parameters
    ----------
    catalogue : Catalogue
        What is registered.
    plural : str, optional
        The kind, e.g. ``metrics``; all kinds by default.
    """
    from tabulate import tabulate

    parts = []
    for kind in KINDS.values():
        if plural in (None, kind.plural):
            rows = [
                (name, entry.description, entry.origin)
                for name, entry in sorted(catalogue[kind.name].items())
            ]
            table = tabulate(rows, tablefmt="plain", disable_numparse=True)
            parts.append(table if plural else f"{kind.plural}\n{indent(table, '  ')}")
    return "\n\n".join(parts)


def completion(shell: str) -> str:
    """Return the script by which a shell completes the command.

    Parameters
    ----------
    shell : str
        ``bash``, ``zsh`` or ``tcsh``.
    """
    import shtab

    parser = _parser()
    (commands,) = (a.choices for a in parser._actions if isinstance(a.choices, dict))
    for command in commands.values():
        for action in command._actions:
            if action.type is Path:
                action.complete = shtab.FILE
    return shtab.complete(parser, shell)


def _encode(chosen: argparse.Namespace) -> None:
    import torch

    from fovscope.apply.encode import encode_folder, find_model
    from fovscope.runtime.devices import resolve_device

    files, evidence, options = find_model(chosen.model)
    encode_folder(
        files,
        evidence,
        options,
        chosen.images,
        masks=chosen.masks,
        probe=chosen.probe,
        table=chosen.out / "latents.csv",
        sheet=chosen.out / "contact_sheet.html",
        device=resolve_device(),
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    sys.exit(main())
