"""Speed of the probes: those of a target's models, and those of a representation of pixels.

Codes are made: ten numbers of 1,200 training images in 15 classes that overlap, drawn anew for each
model. Fits run side by side, one to a core, as jobs do. The reference of the perceptron is
scikit-learn's with the published settings, Adam 1e-4 for 5,000 epochs, of which some epochs of one
fit are timed and all reckoned from them, because an epoch costs what any other does.

    OMP_NUM_THREADS=1 python benchmarks/probes.py
    OMP_NUM_THREADS=1 python benchmarks/probes.py --agreement 20   # both to convergence: an hour
    OMP_NUM_THREADS=1 python benchmarks/probes.py --agreement 20 --other 1e-3   # minutes
"""

from __future__ import annotations

import os
import warnings

import numpy as np
import pandas as pd
import table
from joblib import Parallel, delayed
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fovscope.probes.classifiers import predict_with_probes, probe_codes
from fovscope.probes.scores import classification_scores
from fovscope.registry import Catalogue
from fovscope.representations.base import Given

PUBLISHED = 1e-4
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


def accuracy_of_scikit_learn(learning_rate, seed, epochs=100_000):
    """Return the same of scikit-learn's perceptron, with the published network and penalty."""
    train, labels, test, true = overlapping_classes(seed)
    network = MLPClassifier(
        (256, 256),
        learning_rate_init=learning_rate,
        alpha=1e-7,
        max_iter=epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # epochs that are timed are too few
        fitted = make_pipeline(StandardScaler(), network).fit(probe_codes(train), labels)
    return classification_scores(true, fitted.predict(probe_codes(test)))["balanced_accuracy"]


def side_by_side(fit, *options, seeds):
    """Fit for each seed, as many at a time as there are cores."""
    jobs = (delayed(fit)(*options, seed) for seed in seeds)
    return Parallel(n_jobs=len(os.sched_getaffinity(0)))(jobs)


def of_models(args):
    """Yield the lines of all models of a target: two stages, all latents and the named ones."""
    models, cores = range(args.models), len(os.sched_getaffinity(0))
    fits = range(4 * args.models)
    size = f"{args.models} models × {ROWS:,} × {COLUMNS}, {cores} cores"
    adam = table.seconds(lambda: accuracy_of_scikit_learn(PUBLISHED, 0, EPOCHS_TIMED))
    yield table.Line(
        what=f"MLP, 4 × {size}",
        ours=table.seconds(lambda: side_by_side(balanced_accuracy, "mlp", {}, seeds=fits)),
        reference=adam * EPOCHS / EPOCHS_TIMED * len(fits) / cores,
        against=f"scikit-learn, Adam 1e-4, {EPOCHS:,} epochs, reckoned from {EPOCHS_TIMED}",
        limit=120,
    )
    yield table.Line(
        what=f"GBT, {size}",
        ours=table.seconds(lambda: side_by_side(balanced_accuracy, "gbt", {}, seeds=models)),
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
    """Print balanced accuracies of our perceptron and of scikit-learn's at its convergence."""
    ours = 100 * np.array(side_by_side(balanced_accuracy, "mlp", {}, seeds=range(models)))
    theirs = 100 * np.array(side_by_side(accuracy_of_scikit_learn, other, seeds=range(models)))
    apart = ours - theirs
    print(f"ours {ours.mean():.2f} ± {ours.std(ddof=1):.2f}")
    print(f"scikit-learn, {other:g} {theirs.mean():.2f} ± {theirs.std(ddof=1):.2f}")
    print(f"in pairs {apart.mean():+.2f} ± {apart.std(ddof=1) / models**0.5:.2f} (standard error)")


def main():
    """Measure and print."""
    parser = table.parser(__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument(
        "--agreement", type=int, metavar="MODELS", help="compare accuracies with scikit-learn's"
    )
    parser.add_argument("--other", type=float, default=1e-4, help="learning rate of scikit-learn")
    args = parser.parse_args()
    if args.agreement:
        print_agreement(args.agreement, args.other)
        return
    table.print_table(of_models(args), with_head=not args.rows)
    table.print_table(of_pixels(), with_head=False)


if __name__ == "__main__":
    main()
