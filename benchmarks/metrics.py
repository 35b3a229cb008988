"""How long the disentanglement metrics take, at the size of the paper's evaluation design.

Codes are the factors of Texture-dSprites, mixed and noisy, in ten dimensions. Printed are
the seconds of each metric, of the whole panel and of UDR over 20 models; the vectorised MIG
against its definition written as loops; and XGBoost's DCI against scikit-learn's
GradientBoosting at a reduced size.

    PYTHONPATH=scripts python benchmarks/metrics.py --threads 1
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import sklearn
import xgboost
from sklearn.ensemble import GradientBoostingClassifier

from fovscope.generators.texture_dsprites import FACTORS
from fovscope.metrics.dci import completeness, dci_scores, disentanglement
from fovscope.metrics.mig import mutual_information
from fovscope.metrics.panel import disentanglement_panel
from fovscope.metrics.presets import ordered_names
from fovscope.metrics.udr import udr_scores
from fovscope.metrics.work import Design
from fovscope.registry import Catalogue

SIZES = [factor.size for factor in FACTORS]


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


def timed(call):
    """Return the result of `call` and the seconds that it took."""
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def information_by_loops(codes, factors, bins):
    """Mutual information, cell by cell, as its definition reads."""
    result = np.zeros((codes.shape[1], factors.shape[1]))
    for d, values in enumerate(codes.T):
        cell = np.floor((values - values.min()) / np.ptp(values) * bins).clip(max=bins - 1)
        for k, factor in enumerate(factors.T):
            for x in np.unique(cell):
                for y in np.unique(factor):
                    joint = np.mean((cell == x) & (factor == y))
                    if joint > 0:
                        independent = np.mean(cell == x) * np.mean(factor == y)
                        result[d, k] += joint * np.log(joint / independent)
    return result


def dci_of_scikit_learn(codes, factors):
    """Return importances and mean test accuracy of scikit-learn's GradientBoosting."""
    importance, accuracy = [], []
    for train, test in zip(factors.train.T, factors.test.T, strict=True):
        trees = GradientBoostingClassifier(random_state=0).fit(codes.train, train)
        importance.append(trees.feature_importances_)
        accuracy.append(trees.score(codes.test, test))
    return np.stack(importance, axis=1), np.mean(accuracy)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=10_000, help="independent training rows")
    parser.add_argument("--test", type=int, default=5_000, help="independent test rows")
    parser.add_argument("--pairs", type=int, default=1_000, help="pairs per factor")
    parser.add_argument("--dims", type=int, default=10, help="latent dimensions")
    parser.add_argument("--small", type=int, default=500, help="rows for scikit-learn's DCI")
    parser.add_argument("--threads", type=int, default=1, help="threads of XGBoost")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    factors, changed = draw_design(args.train, args.test, args.pairs, rng)
    codes = encode(factors, args.dims, rng)
    versions = f"numpy {np.__version__}, xgboost {xgboost.__version__}, "
    versions += f"scikit-learn {sklearn.__version__}, Python {platform.python_version()}"
    print(f"{versions}; {args.train}/{args.test} rows, {args.dims} dimensions, float64")

    def panel(metrics):
        options = {"edi": {"joint": "max"}} if metrics == ["edi"] else None
        return disentanglement_panel(
            *(codes, factors, changed),
            factor_names=[factor.name for factor in FACTORS],
            metrics=metrics,
            options=options,
            threads=args.threads,
        )

    for name in ordered_names(Catalogue()):
        _, seconds = timed(lambda name=name: panel([name]))
        note = "  (without the trees that it shares with DCI)" if name == "edi" else ""
        print(f"{name:12s} {seconds:8.3f} s{note}")
    for preset in ("fast", "full"):
        _, seconds = timed(lambda preset=preset: panel(preset))
        print(f"panel, {preset}  {seconds:8.3f} s")
    models = [codes.train @ rng.standard_normal((args.dims, args.dims)) for _ in range(20)]
    for variant in ("lasso", "spearman"):
        _, seconds = timed(lambda variant=variant: udr_scores(models, variant=variant))
        print(f"UDR, {variant:8s}{seconds:8.3f} s  (20 models)")

    information, of_mig = timed(lambda: mutual_information(codes.train, factors.train))
    by_loops, of_loops = timed(lambda: information_by_loops(codes.train, factors.train, bins=20))
    print(
        f"MIG, loops {of_loops:8.3f} s  ({of_loops / of_mig:.0f} times as long; "
        f"largest difference {np.abs(by_loops - information).max():.1e} nats)"
    )

    small = slice(args.small)
    few_codes, few = (Design(d.train[small], d.test[small]) for d in (codes, factors))
    tables = (few_codes.train, few.train, few_codes.test, few.test)
    ours, of_ours = timed(lambda: dci_scores(*tables, threads=args.threads))
    theirs, of_theirs = timed(lambda: dci_of_scikit_learn(few_codes, few))
    importance, accuracy = theirs
    print(f"\nDCI at {args.small} rows       D      C      I   seconds")
    print(
        f"XGBoost           {ours.disentanglement:6.3f} {ours.completeness:6.3f} "
        f"{ours.informativeness:6.3f}  {of_ours:8.2f}"
    )
    print(
        f"scikit-learn      {disentanglement(importance):6.3f} {completeness(importance):6.3f} "
        f"{accuracy:6.3f}  {of_theirs:8.2f}"
    )
    r = np.corrcoef(ours.importance.ravel(), importance.ravel())[0, 1]
    print(f"correlation of importances {r:.3f}")


if __name__ == "__main__":
    main()
