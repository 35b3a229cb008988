"""The command ``fovscope``: questions to a study that is on disk."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from fovscope import FovscopeError
from fovscope.plan import plan
from fovscope.provenance import read_json
from fovscope.verify import verify_study
from fovscope.why import dry_run, why


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 when all is well."""
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
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--") if "--" in given else len(given)
    chosen, options = parser.parse_args(given[:split]), given[split + 1 :]
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if chosen.command == "why":
            print(why(chosen.targets, options, chosen.results))
            return 0
        if chosen.command == "plan":
            print(_plan(chosen.targets, options, chosen.results))
            return 0
        problems = verify_study(chosen.results)
    except FovscopeError as error:
        print(error, file=sys.stderr)
        return 1
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def _plan(targets: list[str], options: list[str], results: Path) -> str:
    with TemporaryDirectory() as folder:
        facts = Path(folder) / "facts.json"
        said = dry_run(targets, options, FOVSCOPE_FACTS=str(facts))
        return plan(said, read_json(facts), results)
