"""The command ``fovscope``: questions to a study that is on disk, and its models on new images."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent

from tabulate import tabulate

from fovscope import FovscopeError
from fovscope.registry import KINDS, Catalogue
from fovscope.runtime.parquet import read_table
from fovscope.runtime.plan import FACTS, plan
from fovscope.runtime.provenance import read_json
from fovscope.runtime.verify import verify_study
from fovscope.runtime.why import dry_run, why

_THREADS = 4
"""That read images: decoding lets other threads run."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 when all is well."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--") if "--" in given else len(given)
    chosen, options = _parser().parse_args(given[:split]), given[split + 1 :]
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
    parser = argparse.ArgumentParser(prog="fovscope", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="compare everything with its digest")
    reasons = commands.add_parser(
        "why",
        help="say in words why jobs will run; options for Snakemake come after --",
    )
    ahead = commands.add_parser(
        "plan",
        help="count the jobs ahead and their hours; options for Snakemake come after --",
    )
    for command in (reasons, ahead):
        command.add_argument("targets", nargs="*", help="files or named targets; none: the study")
    for command in (verify, reasons, ahead):
        command.add_argument(
            "--results", type=Path, default=Path("results"), help="results folder of the study"
        )
    there = commands.add_parser("list", help="say what exists by name, and where it comes from")
    there.add_argument(
        "kind", nargs="?", choices=sorted(kind.plural for kind in KINDS.values()), help="of what"
    )
    there.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a Python file of yours"
    )
    seen = commands.add_parser(
        "look", help="say what a folder or table of images holds; draw images, or edits of them"
    )
    seen.add_argument(
        "data",
        type=Path,
        help="folder, table, or <results>/data/<source>@<target> of a source of interventions",
    )
    seen.add_argument("--rows", type=int, default=16, help="classes, or images, that are drawn")
    seen.add_argument("--out", type=Path, default=Path("look.png"), help="picture to write")
    begin = commands.add_parser(
        "init", help="print a configuration that runs, for a folder or table of images"
    )
    begin.add_argument("data", type=Path, help="folder or table")
    encode = commands.add_parser(
        "encode", help="apply a fine-tuned model to new images: table and contact sheet"
    )
    encode.add_argument(
        "--model",
        type=Path,
        required=True,
        help="<results>/models/<backbone>/<recipe>/seed<n>/<target>.safetensors",
    )
    encode.add_argument("--images", type=Path, required=True, help="folder of images, any depth")
    encode.add_argument("--masks", type=Path, help="folder of masks, if the target is masked")
    encode.add_argument("--probe", default="gbt", help="says the class; `fovscope list probes`")
    encode.add_argument("--out", type=Path, default=Path("encoded"), help="folder to write to")
    export = commands.add_parser(
        "export", help="write the wells of a screen as AnnData, for scanpy and the like"
    )
    export.add_argument("wells", type=Path, help="<results>/profiles/…/wells.parquet")
    export.add_argument("--out", type=Path, default=Path("wells.h5ad"), help="file to write")
    pack = commands.add_parser(
        "archive", help="write a finished study as one file, to give away or to publish"
    )
    pack.add_argument("results", type=Path, help="results folder of the study")
    pack.add_argument("out", type=Path, help="ZIP file to write")
    pack.add_argument("--licence", default="", help="of the archive, best as an address")
    return parser


def _run(chosen: argparse.Namespace, options: list[str]) -> int:
    match chosen.command:
        case "why":
            print(why(chosen.targets, options, chosen.results))
        case "plan":
            print(_plan(chosen.targets, options, chosen.results))
        case "list":
            print(listing(Catalogue(chosen.plugin), chosen.kind))
        case "look":
            # Here, because scikit-image takes long to import and most commands do without.
            from fovscope.apply.look import look

            print(look(chosen.data, chosen.out, rows=chosen.rows, workers=_THREADS))
        case "init":
            from fovscope.apply.overview import configuration, look_at

            print(configuration(look_at(chosen.data, workers=_THREADS)), end="")
        case "encode":
            _encode(chosen)
        case "export":
            from fovscope.profiles.export import write_anndata

            write_anndata(chosen.out, read_table(chosen.wells))
        case "archive":
            from fovscope.runtime.archive import archive_study

            archive_study(chosen.results, chosen.out, licence=chosen.licence)
        case "verify":
            problems = verify_study(chosen.results)
            for problem in problems:
                print(problem)
            return 1 if problems else 0
    return 0


def _plan(targets: list[str], options: list[str], results: Path) -> str:
    with TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        said = dry_run(targets, options, **{FACTS: str(facts)})
        return plan(said, read_json(facts), results)


def listing(catalogue: Catalogue, plural: str | None = None) -> str:
    """Return what exists by name, one line each: name, what it is, where it comes from.

    Parameters
    ----------
    catalogue : Catalogue
        What is registered.
    plural : str, optional
        The kind, e.g. ``metrics``; all kinds by default.
    """
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


def _encode(chosen: argparse.Namespace) -> None:
    # Here, because torch takes seconds to import and the other commands do without.
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
