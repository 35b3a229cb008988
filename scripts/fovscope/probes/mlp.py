"""Multilayer perceptron.

Dapueto, Pastore, Noceti, Odone (2025), arXiv 2506.20649: 256-256 with ReLU, Adam 1e-4, weight
penalty 1e-7, trained to convergence. On some thousand rows Adam's small steps take minutes and
seldom get there; L-BFGS (Liu & Nocedal 1989) minimises the same loss of the same network in
seconds, until its gradient is small, and predicts as well (`benchmarks/probes.py` measures both).
"""

from __future__ import annotations

import logging
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fovscope.registry import probe

logger = logging.getLogger(__name__)


@probe("mlp", title="MLP", paper={"learning_rate": 1e-4})
def mlp(
    codes: NDArray[np.floating],
    classes: NDArray[np.integer],
    seed: int,
    threads: int,
    *,
    hidden: tuple[int, ...] = (256, 256),
    learning_rate: float | None = None,
    alpha: float = 1e-7,
    max_epochs: int = 5_000,
) -> Pipeline:
    """Fit a multilayer perceptron on standardised codes, to convergence.

    Convergence is scikit-learn's: of L-BFGS, no partial derivative of the mean training loss above
    1e-4, or a step that lowers the loss by less than 2.2e-9; of Adam, ten epochs in which the
    training loss falls by less than 1e-4. What ends before that is logged as a warning.

    Parameters
    ----------
    codes : ndarray, shape (N, D)
        Representations.
    classes : ndarray of int, shape (N,)
        Class numbers.
    seed, threads : int
        Seed of weights and batches; threads of the matrix products.
    hidden : tuple of int
        Units of each hidden layer.
    learning_rate : float, optional
        Learning rate of Adam; without one the network is fitted by L-BFGS, which needs none.
    alpha : float
        L2 penalty.
    max_epochs : int
        Bound on the epochs, of L-BFGS on its iterations; training ends at convergence.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Scaler and classifier, fitted.
    """
    solver = {"solver": "lbfgs"}
    if learning_rate is not None:
        solver = {"solver": "adam", "learning_rate_init": learning_rate}
    classifier = MLPClassifier(
        tuple(hidden), alpha=alpha, max_iter=max_epochs, random_state=seed, **solver
    )
    pipeline = make_pipeline(StandardScaler(), classifier)
    with threadpool_limits(threads), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        pipeline.fit(codes, classes)
    for warning in said:
        if issubclass(warning.category, ConvergenceWarning):
            _log_end(classifier, max_epochs)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return pipeline


def _log_end(classifier: MLPClassifier, max_epochs: int) -> None:
    """Say that training ended before convergence, and what to do."""
    if classifier.n_iter_ >= max_epochs:
        remedy = "raise its max_epochs"
    else:  # no step along the search direction lowers the loss
        remedy = "set its learning_rate, so that Adam fits it"
    logger.warning(
        "the MLP probe did not converge in %d epochs (loss %.4g); %s",
        *(classifier.n_iter_, classifier.loss_, remedy),
    )
