"""What a difference between models is worth: paired tests, effect sizes, intervals over models.

A test over few pairs cannot give a small p: of n pairs the two-sided signed-rank test gives
2/2ⁿ at best, .031 for six. So whatever is not told apart is either tied, where the test could have
told, or open, where it could not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

ALPHA = 0.05
"""Level of the tests; intervals are of 1 - ALPHA."""

FEWEST = 5
"""Models below which no interval of 95 % over them can be had by resampling: it reaches at most
from the smallest to the largest value, and these enclose the median with a chance of 1 - 2/2ⁿ."""

_RESAMPLES = 10_000


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of n paired differences, two-sided.

    Attributes
    ----------
    p : float
        Exact, but for more than 50 pairs, or more than 13 with ties.
    smallest : float
        The smallest p that n pairs can give: 2/2ⁿ.
    effect : float
        Matched-pairs rank-biserial correlation: the share of the rank sum that is in favour, less
        the share against; 1 if all differences are positive, 0 if there are none.

    References
    ----------
    Wilcoxon, F. (1945). Individual comparisons by ranking methods. Biometrics Bulletin 1, 80-83.
    Kerby, D. S. (2014). The simple difference formula. Comprehensive Psychology 3, 11.IT.3.1.
    """

    p: float
    smallest: float
    effect: float


def signed_rank(differences: ArrayLike) -> SignedRank:
    """Test whether paired differences (n,) are symmetric about zero.

    Without any difference there is nothing to rank: p is 1, the effect 0.
    """
    # Here, because it takes half a second to import and few tables have pairs to test.
    from scipy import stats

    differences = np.asarray(differences, float)
    smallest = smallest_p(len(differences))
    kept = differences[differences != 0]
    if not len(kept):
        return SignedRank(1.0, smallest, 0.0)
    ranks = stats.rankdata(np.abs(kept))
    p = float(stats.wilcoxon(differences).pvalue)
    return SignedRank(p, smallest, float((np.sign(kept) * ranks).sum() / ranks.sum()))


def smallest_p(n: int) -> float:
    """Return the smallest two-sided p of the exact signed-rank test of n pairs."""
    return min(1.0, 2.0 ** (1 - n))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p-values (m,) adjusted by Holm's step-down procedure.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6, 65-70.
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def can_tell(n: int, comparisons: int) -> bool:
    """Whether n pairs can give a p below `ALPHA` once Holm has corrected for all comparisons."""
    return comparisons * smallest_p(n) < ALPHA


def interval_over_models(values: ArrayLike) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean of values (n,), one of each model.

    The percentile interval, with quantiles further out, because that of a small sample is too
    narrow: by √((n-1)/n) for the spread, and as the normal is to Student's distribution.

    Returns
    -------
    low, high : float
        NaN for fewer than `FEWEST` models.

    References
    ----------
    Hesterberg, T. C. (2015). What teachers should know about the bootstrap. The American
    Statistician 69, 371-386: the expanded percentile interval.
    """
    values = np.asarray(values, float)
    n = len(values)
    if n < FEWEST:
        return np.nan, np.nan
    tail = ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, ALPHA / 2))
    low, high = np.quantile(values[_draws(n)].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


@cache
def _draws(n: int) -> NDArray[np.intp]:
    """Return which of n values each sample has: the same for all lines of all tables."""
    return np.random.default_rng(0).integers(n, size=(_RESAMPLES, n))


def paired_differences(first: pd.DataFrame, second: pd.DataFrame) -> NDArray[np.float64]:
    """Return how much more the first has than the second, of each pair.

    Models are paired with themselves, at another stage or of another input. Those of two recipes
    are paired by seed, after the mean over the models of a recipe that share it (one of each β).
    What needs no model has one value, which all models are compared with.

    Parameters
    ----------
    first, second : DataFrame
        Score rows `by_family` of one line of a table each.

    Returns
    -------
    ndarray, shape (n,)
        Empty where models have no seed in common.
    """
    if not _has_models(second):
        second_values = second["value"].mean()
        return first["value"].to_numpy(float) - second_values
    if not _has_models(first):
        return -paired_differences(second, first)
    same = first["recipe"].iloc[0] == second["recipe"].iloc[0]
    key = "model" if same else "seed"
    values = [rows.groupby(key)["value"].mean() for rows in (first, second)]
    return (values[0] - values[1]).dropna().to_numpy()


def _has_models(rows: pd.DataFrame) -> bool:
    return bool((rows["recipe"] != "").any())


BEST, TIED, BEHIND, OPEN = "best", "tied", "behind", "open"


def standings(lines: list[pd.DataFrame]) -> list[str]:
    """Say how each line of a table stands to the one of the best mean.

    Parameters
    ----------
    lines : list of DataFrame
        Score rows `by_family` of each line; higher values are better.

    Returns
    -------
    list of str
        ``best``; ``behind``, where the signed-rank test tells a line from the best one (Holm over
        all lines that can be tested); ``tied``, where it does not; ``open``, where it cannot with
        so few pairs, one for example of two lines without models. The same mean is as good.
    """
    means = np.array([rows["value"].mean() for rows in lines])
    top = int(means.argmax())
    differences = {
        k: paired_differences(lines[top], lines[k])
        for k in range(len(lines))
        if means[k] < means[top]
    }
    found = [OPEN if k in differences else BEST for k in range(len(lines))]
    # Too few pairs to tell anything are no test, and no other is corrected for it.
    tested = [k for k, pairs in differences.items() if can_tell(len(pairs), 1)]
    adjusted = holm([signed_rank(differences[k]).p for k in tested])
    for k, p in zip(tested, adjusted, strict=True):
        if p < ALPHA:
            found[k] = BEHIND
        elif can_tell(len(differences[k]), len(tested)):
            found[k] = TIED
    return found
