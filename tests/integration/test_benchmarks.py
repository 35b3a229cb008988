"""Benchmarks print their lines, also where worker processes read the images, as on a GPU."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRACT = "--batches 1 --turns 1 --batch-size 2 --size 32 --rows"
TRAIN = "--features 12 --width 8 --pairs 64 --batch-pairs 8 --steps 2 --repetitions 1 --rows"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (f"extract.py {EXTRACT}", 2),
        (f"extract.py {EXTRACT} --workers 2 --model resnet10t --weights random", 2),
        (f"train.py {TRAIN}", 1),
    ],
)
def test_lines_have_ours_and_the_reference(command, lines):
    script, *options = command.split()
    said = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / script, *options],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [row.strip("|").split("|") for row in said.splitlines()]
    assert len(rows) == lines
    for _, ours, reference, ratio, _ in rows:
        assert float(ours.split()[0].replace(",", "")) > 0
        assert float(reference.split()[0].replace(",", "")) > 0
        assert float(ratio) > 0
