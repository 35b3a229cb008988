"""What a laboratory might add in a file of its own: a metric and a probe, held to the contracts."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from fovscope.metrics.work import Values, Work
from fovscope.registry import metric, probe


@metric("eta", titles={"eta": "η²"}, ranges={"eta": (0.0, 1.0)}, group="information", fast={})
def eta(work: Work, *, best: int = 1) -> Values:
    """Share of a dimension's variance that lies between the values of a factor (η²).

    Parameters
    ----------
    work : Work
        Codes and factors.
    best : int
        Number of dimensions that are averaged for each factor, those with the largest shares.
    """
    codes, factors = work.codes.train, work.factors.train
    shares = np.zeros((codes.shape[1] + best, factors.shape[1]))
    total = np.where(np.ptp(codes, axis=0) > 0, codes.var(axis=0), np.inf)
    for k, column in enumerate(factors.T):
        of_value = [codes[column == value] for value in np.unique(column)]
        within = sum(len(rows) * rows.var(axis=0) for rows in of_value) / len(codes)
        shares[: codes.shape[1], k] = np.where(np.isinf(total), 0, 1 - within / total)
    return {"eta": np.sort(shares, axis=0)[-best:].mean(axis=0)}


@probe("nearest", title="k-NN")
def nearest(codes, classes, seed, threads, *, neighbours: int = 5):
    """Vote of the nearest training rows.

    Parameters
    ----------
    codes : ndarray, shape (N, D)
        Representations.
    classes : ndarray of int, shape (N,)
        Class numbers.
    seed, threads : int
        Not needed.
    neighbours : int
        Number of rows that vote.
    """
    return KNeighborsClassifier(neighbours).fit(codes, classes)
