"""Speed of the probes: those of a target's models, and those of a representation of pixels.

Codes are made: ten numbers of 1,200 training images in 15 classes that overlap, drawn anew for each
model. Fits run side by side, one to a core, as jobs do. The reference of the perceptron is
scikit-learn with the published settings, Adam 1e-4 for 5,000 epochs, of which some epochs of one
fit are timed and all reckoned from them, because an epoch costs what any other does.

    OMP_NUM_THREADS=1 python benchmarks/probes.py
    OMP_NUM_THREADS=1 python benchmarks/probes.py --agreement 20   # both to convergence: an hour
    OMP_NUM_THREADS=1 python benchmarks/probes.py --agreement 20 --other 1e-3   # minutes
"""

from __future__ import annotations

import logging
import os

import numpy as np
import pandas as pd
import table
from joblib import Parallel, delayed
from sklearn.datasets import make_classification

from fovscope.probes.classifiers import predict_with_probes
from fovscope.probes.scores import classification_scores
from fovscope.registry import Catalogue
from fovscope.representations.base import Given

PUBLISHED = {"learning_rate": 1e-4}
EPOCHS, EPOCHS_TIMED = 5_000, 20
ROWS, COLUMNS, PIXELS = 1_200, 10, 64 * 64 * 3


def overlapping_classes(seed, columns=COLUMNS):
    """Return codes and labels, for training and for the test, of classes that overlap."""
    codes, labels = make_classification(
        ROWS * 5 // 4,
        n_features=columns,
        n_informative=COLUMNS,
        n_redundant=columns - COLUMNS,
        n_classes=15,
        n_clusters_per_class=2,
        class_sep=1.5,
        random_state=seed,
    )
    return codes[:ROWS], labels[:ROWS], codes[ROWS:], labels[ROWS:]


def balanced_accuracy(probe, options, seed, columns=COLUMNS, threads=1):
    """Fit a probe on classes of its own and return how well it does on their test rows."""
    train, labels, test, true = overlapping_classes(seed, columns)
    predicted = predict_with_probes(
        train, labels, test, probes={probe: options}, seed=seed, threads=threads
    )
    return classification_scores(true, predicted[probe])["balanced_accuracy"]


def side_by_side(probe, options, seeds):
    """Fit a probe for each seed, as many at a time as there are cores."""
    jobs = (delayed(balanced_accuracy)(probe, options, seed) for seed in seeds)
    return Parallel(n_jobs=len(os.sched_getaffinity(0)))(jobs)


def of_models(args):
    """Yield the lines of all models of a target: two stages, all latents and the named ones."""
    models, cores = range(args.models), len(os.sched_getaffinity(0))
    size = f"{args.models} models × {ROWS:,} × {COLUMNS}, {cores} cores"
    some = PUBLISHED | {"max_epochs": EPOCHS_TIMED}
    adam = table.seconds(lambda: balanced_accuracy("mlp", some, 0))
    yield table.Line(
        what=f"MLP, 4 × {size}",
        ours=table.seconds(lambda: side_by_side("mlp", {}, range(4 * args.models))),
        reference=adam * EPOCHS / EPOCHS_TIMED * 4 * args.models / cores,
        against=f"Adam 1e-4, {EPOCHS:,} epochs, reckoned from {EPOCHS_TIMED} of one fit",
        limit=120,
    )
    yield table.Line(
        what=f"GBT, {size}",
        ours=table.seconds(lambda: side_by_side("gbt", {}, models)),
        reference=table.seconds(
            lambda: [balanced_accuracy("gbt", {}, seed, threads=cores) for seed in models]
        ),
        against="one after another on all cores",
    )


def of_pixels():
    """Yield the lines of a representation with as many numbers as an image has pixels."""
    cores = len(os.sched_getaffinity(0))
    codes, *_ = overlapping_classes(0, PIXELS)
    images = pd.DataFrame(index=range(len(codes)))
    given = Given(images, fit=np.ones(len(codes), bool), features=codes.astype(np.float32))
    pca = Catalogue().load("representation", "pca")
    what = f"{ROWS:,} × {PIXELS:,}, {cores} cores"
    took = [table.seconds(lambda: pca(given, dimensions=COLUMNS))]
    yield table.Line(what=f"PCA-{COLUMNS}, {what}", ours=took[0])
    for probe in ("gbt", "mlp"):
        took.append(
            table.seconds(
                lambda probe=probe: balanced_accuracy(probe, {}, 0, PIXELS, threads=cores)
            )
        )
        yield table.Line(what=f"{probe.upper()}, {what}", ours=took[-1])
    yield table.Line(what=f"PCA and both probes, {what}", ours=sum(took), limit=60)


def print_agreement(models, other):
    """Print balanced accuracies of our learning rate and of another, each to its convergence."""
    ours, theirs = (
        100 * np.array(side_by_side("mlp", options, range(models)))
        for options in ({}, {"learning_rate": other, "max_epochs": 100_000})
    )
    apart = ours - theirs
    print(f"ours {ours.mean():.2f} ± {ours.std(ddof=1):.2f}")
    print(f"{other:g} {theirs.mean():.2f} ± {theirs.std(ddof=1):.2f}")
    print(f"in pairs {apart.mean():+.2f} ± {apart.std(ddof=1) / models**0.5:.2f} (standard error)")


def main():
    """Measure and print."""
    parser = table.parser(__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument(
        "--agreement", type=int, metavar="MODELS", help="compare accuracies instead"
    )
    parser.add_argument("--other", type=float, default=1e-4, help="learning rate to compare with")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # the epochs that are timed are too few to converge
    if args.agreement:
        print_agreement(args.agreement, args.other)
        return
    table.print_table(of_models(args), with_head=not args.rows)
    table.print_table(of_pixels(), with_head=False)


if __name__ == "__main__":
    main()
