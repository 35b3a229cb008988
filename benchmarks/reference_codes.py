"""What every metric gives for codes of known quality: the tables of docs/metrics.md.

Codes and factors are those of the study's evaluation design (Texture-dSprites, 10,000/5,000
independent rows, 1,000 pairs per factor). Takes some five minutes on one core.

    PYTHONPATH=scripts python benchmarks/reference_codes.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fovscope.datasets.design import sample_design
from fovscope.evaluation.disentanglement import known_factors
from fovscope.generators.texture_dsprites import FACTORS
from fovscope.metrics import disentanglement_panel, reference_codes
from fovscope.metrics.references import noise_code

DOCS = Path(__file__).resolve().parents[1] / "docs/metrics.md"
LATENT_DIM = 10
SIZES = (500, 2_000, 10_000)


def draw_factors(iid_train=10_000, iid_test=5_000, pairs_per_factor=1_000):
    """Return the factors of an evaluation design, and the factor that changed in each pair."""
    sizes = {"iid_train": iid_train, "iid_test": iid_test, "pairs_per_factor": pairs_per_factor}
    design = sample_design(FACTORS, train_pairs=1, **sizes)
    facts = {"factors": [factor.to_json() for factor in FACTORS]}
    return known_factors(design, facts, levels=20)


def score_codes(metrics="full"):
    """Return the scores of each reference code."""
    factors = draw_factors()
    codes = reference_codes(factors.values, LATENT_DIM, np.random.default_rng(0))
    return {name: whole_scores(code, factors, metrics) for name, code in codes.items()}


def score_noise(metrics="full", sizes=SIZES):
    """Return the scores of noise by the number of training rows."""
    scores = {}
    for n in sizes:
        factors = draw_factors(n, n // 2, n // 10)
        code = noise_code(factors.values, LATENT_DIM, np.random.default_rng(0))
        scores[f"{n:,}"] = whole_scores(code, factors, metrics)
    return scores


def whole_scores(code, factors, metrics):
    """Return the scores of a code, without those of single factors."""
    panel = disentanglement_panel(
        code, factors.values, factors.changed, factor_names=factors.names, metrics=metrics
    )
    return {name: value for name, value in panel.scores.items() if "[" not in name}


def markdown(columns):
    """Return a table: a line per score, a column per code or size, – for what is left out."""
    names = list(dict.fromkeys(name for scores in columns.values() for name in scores))
    lines = [f"| score | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for name in sorted(set(names) - {"active_dims"}, key=names.index):
        cells = (f"{s[name]:.2f}" if name in s else "–" for s in columns.values())
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def replaced(text, mark, table):
    """Return `text` with the table between the comments of `mark` replaced."""
    begin, end = f"<!-- generated: {mark} -->", "<!-- end of generated -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n\n{table}\n\n{end}{rest.split(end, 1)[1]}"


def main():
    """Compute and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, default=DOCS, help="page to write the tables into")
    path = parser.parse_args().docs
    text = path.read_text("utf-8")
    text = replaced(text, "reference codes", markdown(score_codes()))
    text = replaced(text, "noise by size", markdown(score_noise()))
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
