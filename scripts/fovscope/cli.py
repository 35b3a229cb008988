"""The command ``fovscope``: questions to a study that is on disk."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from fovscope import FovscopeError
from fovscope.verify import verify_study
from fovscope.why import why


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 when all is well."""
    parser = argparse.ArgumentParser(prog="fovscope", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="compare everything with its digest")
    reasons = commands.add_parser(
        "why",
        help="say in words why jobs will run; options for Snakemake come after --",
    )
    reasons.add_argument("targets", nargs="*", help="files or named targets; none: the study")
    for command in (verify, reasons):
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
        problems = verify_study(chosen.results)
    except FovscopeError as error:
        print(error, file=sys.stderr)
        return 1
    for problem in problems:
        print(problem)
    return 1 if problems else 0
