"""EDI: modularity, compactness and explicitness from how exclusive information is.

Julka, Wang, Granitzer (2024), "Towards an improved metric for evaluating disentangled
representations", arXiv 2410.03056. The relation of a dimension to a factor is the share that
it has of what all codes together know of the factor,

    R[d, k] = I(z_d; v_k) / I(z; v_k),

and exclusivity is the largest entry of a row or a column minus the root mean square of the
others. Modularity: the exclusivity of each dimension counts for the factor that it knows
best, no factor for more than 1, averaged over factors. Compactness: mean exclusivity of the
columns. Explicitness: I(z; v_k) / H(v_k), averaged.

What is taken from where: the paper's text could not be had, so the formulas are those of
the public code of its authors' group (there named DCII), written anew from what it computes; EDI as
printed may differ in details. Of its choices for I(z; v_k), a neural estimate (MINE), the
largest I(z_d; v_k) or their sum, the neural one is replaced by gradient-boosted trees: the
factor's entropy less their cross-entropy on test rows, a lower bound as MINE's is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.arrays import factor_table, finite_codes
from fovscope.metrics.dci import dci_scores
from fovscope.metrics.mig import factor_entropies, mutual_information
from fovscope.metrics.nearest_neighbours import nearest_neighbour_information
from fovscope.metrics.work import Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class EDI:
    """The three scores, each from 0 to 1, and what they were made from.

    Attributes
    ----------
    modularity, compactness, explicitness : float
        Means over factors.
    modularity_per_factor, compactness_per_factor, explicitness_per_factor : ndarray, (K,)
        The same for each factor.
    share : ndarray, shape (D, K)
        R, the share of each dimension of what all codes know of each factor.
    """

    modularity: float
    compactness: float
    explicitness: float
    modularity_per_factor: FloatArray
    compactness_per_factor: FloatArray
    explicitness_per_factor: FloatArray
    share: FloatArray


def edi_scores(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    estimator: Literal["neighbours", "bins"] = "neighbours",
    neighbours: int = 10,
    bins: int = 20,
    joint: Literal["trees", "max", "sum"] = "trees",
    cross_entropy: ArrayLike | None = None,
    seed: int = 0,
    threads: int = 1,
) -> EDI:
    """Modularity, compactness and explicitness by exclusivity.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes; the test rows are used for `joint="trees"` only.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Discrete factor values.
    estimator : {"neighbours", "bins"}
        Of the information of single dimensions.
    neighbours, bins : int, int
        Of the estimators.
    joint : {"trees", "max", "sum"}
        What stands for the information in all codes together. It is never less than that
        of the best dimension, nor more than the factor's entropy.
    cross_entropy : array_like, shape (K,), optional
        That of classifiers fitted before (`DCI.cross_entropy`), to save fitting them again.
    seed, threads : int
        Of the estimator and the trees; threads of the trees.

    Returns
    -------
    EDI
        The scores; a factor of which nothing is known counts as 0.

    Raises
    ------
    ValueError
        If codes are not finite, a factor is constant, shapes disagree, or a variant is not known.

    References
    ----------
    Julka, Wang, Granitzer (2024), arXiv 2410.03056.
    """
    codes = finite_codes(codes_train)
    factors = factor_table(factors_train, len(codes))
    if estimator == "neighbours":
        single = nearest_neighbour_information(codes, factors, neighbours=neighbours, seed=seed)
    elif estimator == "bins":
        single = mutual_information(codes, factors, bins=bins)
    else:
        raise ValueError(f"estimator must be neighbours or bins, not {estimator!r}")
    entropies = factor_entropies(factors)
    best = single.max(axis=0, initial=0)
    if joint == "trees":
        if cross_entropy is None:
            cross_entropy = dci_scores(
                codes, factors, codes_test, factors_test, seed=seed, threads=threads
            ).cross_entropy
        known = np.maximum(entropies - np.asarray(cross_entropy), best)
    elif joint == "sum":
        known = single.sum(axis=0)
    elif joint == "max":
        known = best
    else:
        raise ValueError(f"joint must be trees, max or sum, not {joint!r}")
    known = np.minimum(known, entropies)
    share = (single / np.where(known > 0, known, 1)).clip(max=1)
    modularity = _modularity(share)
    compactness = exclusivity(share.T)
    explicitness = known / entropies
    return EDI(
        modularity=float(modularity.mean()),
        compactness=float(compactness.mean()),
        explicitness=float(explicitness.mean()),
        modularity_per_factor=modularity,
        compactness_per_factor=compactness,
        explicitness_per_factor=explicitness,
        share=share,
    )


@metric(
    "edi",
    titles={
        "edi_modularity": "EDI M",
        "edi_compactness": "EDI C",
        "edi_explicitness": "EDI E",
    },
    ranges={
        "edi_modularity": (0.0, 1.0),
        "edi_compactness": (0.0, 1.0),
        "edi_explicitness": (0.0, 1.0),
    },
    group="information",
    fits=True,
    fast={},
    after=("dci",),
)
def edi(
    work: Work,
    *,
    estimator: Literal["neighbours", "bins"] = "neighbours",
    neighbours: int = 10,
    bins: int = 20,
    joint: Literal["trees", "max", "sum"] = "trees",
) -> Values:
    """Modularity, compactness and explicitness by exclusivity.

    Parameters
    ----------
    work : Work
        Codes and factors; the classifiers of DCI are used where it was computed.
    estimator : {"neighbours", "bins"}
        Of the information of single dimensions.
    neighbours : int
        Of the first estimator.
    bins : int
        Of the second one.
    joint : {"trees", "max", "sum"}
        What stands for the information in all codes together.
    """
    dci = work.results.get("dci")
    result = edi_scores(
        *work.rows,
        estimator=estimator,
        neighbours=neighbours,
        bins=bins,
        joint=joint,
        cross_entropy=None if dci is None else dci.cross_entropy,
        seed=work.seed,
        threads=work.threads,
    )
    return {
        "edi_modularity": result.modularity_per_factor,
        "edi_compactness": result.compactness_per_factor,
        "edi_explicitness": result.explicitness_per_factor,
    }


def exclusivity(rows: FloatArray) -> FloatArray:
    """Largest entry of each row minus the root mean square of the others.

    Parameters
    ----------
    rows : ndarray, shape (R, C)
        Entries from 0 to 1.

    Returns
    -------
    ndarray, shape (R,)
        From 0 (all equal) to 1 (a single 1 among zeros); of a single column its entry.
    """
    if rows.shape[1] == 0:
        return np.zeros(len(rows))
    ordered = np.sort(rows, axis=1)
    others = ordered[:, :-1]
    spread = np.sqrt((others**2).sum(axis=1) / max(others.shape[1], 1))
    return ordered[:, -1] - spread


def _modularity(share: FloatArray) -> FloatArray:
    """Return, per factor, the exclusivity of the dimensions that know it best, at most 1."""
    per_factor = np.zeros(share.shape[1])
    np.add.at(per_factor, share.argmax(axis=1), exclusivity(share))
    return per_factor.clip(max=1)
