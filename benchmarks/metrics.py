"""Speed of the disentanglement metrics, at the size of the paper's evaluation design.

Codes are the factors of Texture-dSprites, mixed and noisy, in ten dimensions. MIG and OMES stand
beside their definitions written as loops, which must give the same numbers; XGBoost's DCI beside
scikit-learn's GradientBoosting, of which a few rounds are timed and all 100 reckoned from them,
because a round costs what any other does. Seconds are those of the CPU, on one thread.

    python benchmarks/metrics.py
    python benchmarks/metrics.py --each        # every metric alone, and UDR of 20 models
    python benchmarks/metrics.py --agreement   # DCI of both kinds of trees, on fewer rows
"""

from __future__ import annotations

import math

import numpy as np
import table
from sklearn.ensemble import GradientBoostingClassifier

from fovscope.generators.texture_dsprites import FACTORS
from fovscope.metrics.dci import completeness, dci_scores, disentanglement
from fovscope.metrics.mig import mig_score
from fovscope.metrics.omes import omes_score
from fovscope.metrics.panel import disentanglement_panel
from fovscope.metrics.presets import ordered_names
from fovscope.metrics.udr import udr_scores
from fovscope.metrics.work import Design
from fovscope.registry import Catalogue

SIZES = [factor.size for factor in FACTORS]
ROUNDS = 100


def draw_design(n_train, n_test, pairs_per_factor, rng):
    """Return a design of factors and the factor that changed in each pair."""
    sizes = np.array(SIZES)
    changed = np.repeat(np.arange(len(sizes)), pairs_per_factor)
    first = rng.integers(0, sizes, (len(changed), len(sizes)))
    second = first.copy()
    rows, n_values = np.arange(len(changed)), sizes[changed]
    second[rows, changed] = (first[rows, changed] + rng.integers(1, n_values)) % n_values
    train, test = (rng.integers(0, sizes, (n, len(sizes))) for n in (n_train, n_test))
    return Design(train, test, first, second), changed


def encode(factors, n_dims, rng):
    """Return codes that carry one factor each, some of the others, and noise."""
    sizes = np.array(SIZES)
    mixing = np.eye(len(sizes), n_dims) + 0.2 * rng.standard_normal((len(sizes), n_dims))
    return factors.map(
        lambda t: (t / sizes) @ mixing + 0.05 * rng.standard_normal((len(t), n_dims))
    )


def mig_by_loops(codes, factors, bins=20):
    """Return MIG, cell by cell, as its definition reads (method, section 7)."""
    gaps = []
    for factor in factors.T:
        shares = [np.mean(factor == y) for y in np.unique(factor)]
        information = []
        for values in codes.T:
            cell = np.floor((values - values.min()) / np.ptp(values) * bins).clip(max=bins - 1)
            found = 0.0
            for x in range(bins):
                for y, share in zip(np.unique(factor), shares, strict=True):
                    joint = np.mean((cell == x) & (factor == y))
                    if joint > 0:
                        found += joint * np.log(joint / (np.mean(cell == x) * share))
            information.append(found)
        second, first = sorted(information)[-2:]
        gaps.append((first - second) / -sum(share * np.log(share) for share in shares))
    return np.mean(gaps)


def omes_by_loops(first, second, changed, alpha=0.5):
    """Return OMES, pair by pair, as its definition reads (method, section 7)."""
    dims, factors = range(first.shape[1]), range(changed.max() + 1)
    S = np.empty((len(dims), len(factors)))
    for i in factors:
        for d in dims:
            pairs = [(first[m, d], second[m, d]) for m in range(len(changed)) if changed[m] == i]
            x_mean = sum(x for x, _ in pairs) / len(pairs)
            y_mean = sum(y for _, y in pairs) / len(pairs)
            xy = sum((x - x_mean) * (y - y_mean) for x, y in pairs)
            xx = sum((x - x_mean) ** 2 for x, _ in pairs)
            yy = sum((y - y_mean) ** 2 for _, y in pairs)
            S[d, i] = 1 - abs(xy) / math.sqrt(xx * yy)
    score = 0.0
    for i in factors:
        overlap = encoding = 0.0
        for d in dims:
            apart = sum(abs((j == i) - S[d, j]) for j in factors) / len(factors)
            shared = sum(abs((k == d) - S[k, i]) for k in dims) / len(dims)
            overlap += S[d, i] ** 2 * (1 - apart) / S[:, i].sum()
            encoding += S[d, i] ** 2 * (1 - shared) / S[:, i].sum()
        score += (alpha * overlap + (1 - alpha) * encoding) / len(factors)
    return score


def scikit_learn_trees(codes, factors, rounds=ROUNDS):
    """Return a fitted GradientBoosting of scikit-learn for each factor."""
    return [
        GradientBoostingClassifier(n_estimators=rounds, random_state=0).fit(codes.train, factor)
        for factor in factors.train.T
    ]


def against_references(codes, factors, changed, args):
    """Yield the lines that have a reference."""
    size = f"{args.train:,} × {args.dims} × {len(SIZES)}"

    np.testing.assert_allclose(
        mig_score(codes.train, factors.train), mig_by_loops(codes.train, factors.train), atol=1e-9
    )
    yield table.Line(
        what=f"MIG, {size}",
        ours=table.cpu_seconds(lambda: mig_score(codes.train, factors.train), turns=20),
        reference=table.cpu_seconds(lambda: mig_by_loops(codes.train, factors.train)),
        against="loops over its definition",
        least=25,
    )

    pairs, active = (codes.first, codes.second, changed), np.ones(args.dims, bool)
    np.testing.assert_allclose(
        omes_score(*pairs, active=active).score, omes_by_loops(*pairs), atol=1e-9
    )
    yield table.Line(
        what=f"OMES, {len(changed):,} pairs × {args.dims} × {len(SIZES)}",
        ours=table.cpu_seconds(lambda: omes_score(*pairs, active=active), turns=100),
        reference=table.cpu_seconds(lambda: omes_by_loops(*pairs)),
        against="loops over its definition",
        least=300,
    )

    rows = (codes.train, factors.train, codes.test, factors.test)
    ours = table.cpu_seconds(lambda: dci_scores(*rows))
    some = table.cpu_seconds(lambda: scikit_learn_trees(codes, factors, args.rounds))
    yield table.Line(
        what=f"DCI, {size}",
        ours=ours,
        reference=some * ROUNDS / args.rounds,
        against=f"scikit-learn's GradientBoosting, reckoned from {args.rounds} of {ROUNDS} rounds",
        least=30,
    )


def panel_lines(codes, factors, changed, args):
    """Yield what each preset takes, and each metric if asked for."""
    names = [f"panel {preset}" for preset in ("fast", "full")]
    chosen = dict(zip(names, ("fast", "full"), strict=True))
    if args.each:
        chosen |= {name: [name] for name in ordered_names(Catalogue())}
    for what, metrics in chosen.items():
        took = table.cpu_seconds(
            lambda metrics=metrics: disentanglement_panel(
                *(codes, factors, changed),
                factor_names=[factor.name for factor in FACTORS],
                metrics=metrics,
                # EDI takes the trees of DCI; alone it has none.
                options={"edi": {"joint": "max"}} if metrics == ["edi"] else None,
            )
        )
        yield table.Line(what=what, ours=took)
    if args.each:
        rng = np.random.default_rng(0)
        models = [codes.train @ rng.standard_normal((args.dims, args.dims)) for _ in range(20)]
        for variant in ("lasso", "spearman"):
            took = table.cpu_seconds(lambda variant=variant: udr_scores(models, variant=variant))
            yield table.Line(what=f"UDR of 20 models, {variant}", ours=took)


def print_agreement(codes, factors, rows):
    """Print DCI with XGBoost's trees and with scikit-learn's."""
    few = slice(rows)
    codes, factors = (Design(d.train[few], d.test[few]) for d in (codes, factors))
    ours = dci_scores(codes.train, factors.train, codes.test, factors.test)
    trees = scikit_learn_trees(codes, factors)
    theirs = np.stack([one.feature_importances_ for one in trees], axis=1)
    right = np.mean(
        [one.score(codes.test, of) for one, of in zip(trees, factors.test.T, strict=True)]
    )
    r = np.corrcoef(ours.importance.ravel(), theirs.ravel())[0, 1]
    print(f"\nDCI at {rows} rows       D      C      I")
    print(
        f"XGBoost           {ours.disentanglement:6.3f} {ours.completeness:6.3f} "
        f"{ours.informativeness:6.3f}"
    )
    print(
        f"scikit-learn      {disentanglement(theirs):6.3f} {completeness(theirs):6.3f} {right:6.3f}"
    )
    print(f"correlation of importances {r:.3f}")


def main():
    """Measure and print."""
    parser = table.parser(__doc__)
    parser.add_argument("--train", type=int, default=10_000, help="independent training rows")
    parser.add_argument("--test", type=int, default=5_000, help="independent test rows")
    parser.add_argument("--pairs", type=int, default=1_000, help="pairs per factor")
    parser.add_argument("--dims", type=int, default=10, help="latent dimensions")
    parser.add_argument("--rounds", type=int, default=2, help="timed rounds of scikit-learn")
    parser.add_argument("--each", action="store_true", help="each metric alone, and UDR")
    parser.add_argument("--agreement", type=int, metavar="ROWS", help="compare both DCI instead")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    factors, changed = draw_design(args.train, args.test, args.pairs, rng)
    codes = encode(factors, args.dims, rng)
    if args.agreement:
        print_agreement(codes, factors, args.agreement)
        return
    measured = (codes, factors, changed, args)
    table.print_table(against_references(*measured), with_head=not args.rows)
    table.print_table(panel_lines(*measured), with_head=False)


if __name__ == "__main__":
    main()
