"""The open set: what a model makes of a class that it has never seen.

One class is held out of fine-tuning and probes (Dapueto et al., IJCNN 2025, arXiv 2506.20649,
open-set experiment). Its images are then taken for other classes; in which dimensions they
differ from these says why they could have been told apart. And the model should notice:

* a *detector* gives each image a score, larger for what looks less known: Mahalanobis and
  k-NN distance (`fovscope.interpret.known`), and 1 − confidence of each probe (Hendrycks &
  Gimpel 2017, arXiv 1610.02136);
* ``auroc``: the chance that an image of the held-out class scores higher than one of a known
  class, ties counted half;
* ``fpr95``: the share of the held-out images that is taken for known at the smallest threshold
  which takes 95 % or more of the known images for known.

Both compare test images with test images. What the held-out images are mistaken for, and how
far they are from it, is taken from all of them, because no split of them was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from fovscope import FovscopeError
from fovscope.interpret.known import fit_known_classes
from fovscope.probes.confidence import fit_probe
from fovscope.registry import Catalogue

COLUMNS = ("detector", "probe", "mistaken_for", "dimension", "score", "value")
"""What a score is about; empty where it does not apply."""

ACCEPTED = 0.95
"""Share of the known images that the threshold of ``fpr95`` takes for known."""


def detection_scores(known: ArrayLike, novel: ArrayLike) -> dict[str, float]:
    """Score how well a detector tells new images from known ones.

    Parameters
    ----------
    known, novel : array_like, shape (N,), (M,)
        Scores of the detector, larger for what looks less known.

    Returns
    -------
    dict of str to float
        ``auroc`` and ``fpr95``, from 0 to 1.
    """
    known, novel = np.asarray(known), np.asarray(novel)
    is_novel = np.repeat([False, True], [len(known), len(novel)])
    threshold = np.quantile(known, ACCEPTED, method="inverted_cdf")
    return {
        "auroc": float(roc_auc_score(is_novel, np.concatenate([known, novel]))),
        "fpr95": float((novel <= threshold).mean()),
    }


def score_open_set(
    manifest: pd.DataFrame,
    codes: NDArray[np.floating],
    *,
    held_out: str,
    dimensions: Sequence[str],
    active_sd: float,
    probes: Mapping[str, Mapping[str, Any]],
    catalogue: Catalogue | None = None,
    seed: int,
    threads: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score what a model makes of a class that was held out.

    Parameters
    ----------
    manifest : DataFrame
        Images of the target: ``image_id``, ``label``, ``split``.
    codes : ndarray, shape (N, D)
        Their latent codes, from a model that was tuned without the class.
    held_out : str
        The class.
    dimensions : sequence of str
        Names of the D dimensions.
    active_sd : float
        A dimension with a smaller SD over the known training images counts as inactive; it is
        left out of everything.
    probes : mapping of str to mapping
        Options by probe.
    catalogue : Catalogue, optional
        Where probes are looked up; by default among the built-in ones.
    seed, threads : int
        Seed and threads of the probes.

    Returns
    -------
    scores : DataFrame
        One row per number, with the columns `COLUMNS`. ``auroc`` and ``fpr95`` of each detector.
        Of each probe and known class: ``share`` of the held-out images that are mistaken for it,
        and, of these, the mean ``confidence`` and in each dimension the mean ``distance`` from
        its centroid and the mean ``shift`` (with sign), both in units of its spread. A normal
        class lies at distance 0.80 from its own centroid.
    images : DataFrame
        One row per image and probe, of the held-out and of the known test images: ``image_id``,
        ``label``, ``split``, ``held_out``, ``mahalanobis``, ``knn``, ``probe``, ``predicted``,
        ``confidence``, and a signed ``deviation_<dimension>`` from the centroid of the
        predicted class.

    Raises
    ------
    FovscopeError
        If the held-out class or the known ones have no test images, or a known class has no spread.
    """
    novel = (manifest["label"] == held_out).to_numpy()
    tested = (manifest["split"] == "test").to_numpy()
    for which, rows in (("the held-out class", novel), ("known classes", ~novel)):
        if not (rows & tested).any():
            raise FovscopeError(
                f"open_set: of {which} ('{held_out}' is held out) no image is in the test split, "
                "so that nothing can be compared; give some to it"
            )
    train = (manifest["split"] == "train").to_numpy() & ~novel
    known = fit_known_classes(codes[train], manifest["label"][train], active_sd=active_sd)
    chosen = novel | tested
    facts = manifest.loc[chosen, ["image_id", "label", "split"]].assign(
        held_out=novel[chosen],
        mahalanobis=known.mahalanobis(codes[chosen]),
        knn=known.neighbour_distance(codes[chosen]),
    )
    names = [dimensions[d] for d in np.flatnonzero(known.active)]
    seen = []
    for name, options in probes.items():
        probe = fit_probe(
            name,
            codes[train][:, known.active],
            manifest["label"][train],
            options=options,
            catalogue=catalogue,
            seed=seed,
            threads=threads,
        )
        predicted, confidence = probe.predict(codes[chosen][:, known.active])
        deviations = known.deviations(codes[chosen], predicted)[:, known.active]
        columns = {f"deviation_{n}": deviations[:, k] for k, n in enumerate(names)}
        seen.append(facts.assign(probe=name, predicted=predicted, confidence=confidence, **columns))
    images = pd.concat(seen, ignore_index=True)
    rows = [*_detection(images), *_mistakes(images, known.labels, names)]
    return pd.DataFrame(rows, columns=COLUMNS), images


def _detection(images: pd.DataFrame) -> Iterator[tuple]:
    test = images[images["split"] == "test"]
    detectors = {}
    for probe, rows in test.groupby("probe", sort=False):
        detectors |= {name: ("", rows, rows[name]) for name in ("mahalanobis", "knn")}
        detectors[f"{probe} confidence"] = (probe, rows, 1 - rows["confidence"])
    for detector, (probe, rows, scores) in detectors.items():
        found = detection_scores(scores[~rows["held_out"]], scores[rows["held_out"]])
        yield from ((detector, probe, "", "", name, value) for name, value in found.items())


def _mistakes(images: pd.DataFrame, labels: Sequence[str], names: Sequence[str]) -> Iterator[tuple]:
    for probe, rows in images[images["held_out"]].groupby("probe", sort=False):
        for label in labels:
            taken = rows[rows["predicted"] == label]
            yield ("", probe, label, "", "share", len(taken) / len(rows))
            if taken.empty:
                continue
            yield ("", probe, label, "", "confidence", taken["confidence"].mean())
            for name in names:
                deviation = taken[f"deviation_{name}"]
                yield ("", probe, label, name, "distance", deviation.abs().mean())
                yield ("", probe, label, name, "shift", deviation.mean())
