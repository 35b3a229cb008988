"""Targets that a study cannot be finished with are refused before networks run."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fovscope import FovscopeError
from fovscope.datasets.enough import require_enough
from fovscope.datasets.listing import DataError
from fovscope.datasets.manifest import build_manifest
from fovscope.evaluation.accuracy import probe_values
from fovscope.evaluation.disentanglement import arrange, known_factors, score_codes
from fovscope.interpret.open_set import score_open_set
from fovscope.metrics.presets import preset
from fovscope.registry import Catalogue
from fovscope.representations.base import Given
from fovscope.representations.features import pca, random
from fovscope.study.data import Target

PROBES = {"gbt": {"rounds": 2}, "mlp": {"max_epochs": 2}}


def images_of(**classes):
    """Return an image table with so many different training images of each class, and others."""
    rows = [
        (label, split, f"{label}{split}{n}")
        for label, numbers in classes.items()
        for split, count in zip(("train", "val", "test"), numbers, strict=True)
        for n in range(count)
    ]
    return pd.DataFrame(rows, columns=["label", "split", "sha256"])


def test_components_are_at_most_as_many_as_training_images():
    images = images_of(a=(4, 1, 1), b=(3, 1, 9))
    require_enough(images, {"at_most_images": {"pca": 7}}, "cells")
    with pytest.raises(DataError, match=r"cells has too few .*\n.*\(1\).*:\n  pca: 8 from 7 "):
        require_enough(images, {"at_most_images": {"pca": 8, "few": 2}}, "cells")


def test_they_are_fitted_without_a_class_that_is_held_out_too():
    images = images_of(a=(4, 1, 1), b=(3, 1, 1), c=(2, 1, 1))
    demands = {"at_most_images": {"pca": 6}, "held_out": ["a", "c"]}
    with pytest.raises(DataError, match=r"pca: 6 from 5 training images without the class 'a'$"):
        require_enough(images, demands, "cells")
    require_enough(images, demands | {"held_out": ["c"]}, "cells")


def test_a_class_has_a_spread_from_two_different_images_on():
    images = images_of(a=(2, 0, 1), b=(1, 5, 5), c=(2, 1, 1))
    images.loc[images["label"] == "c", "sha256"] = "a copy"
    with pytest.raises(DataError, match=r"two different training images.*\(2\).*:\n  b: 1\n  c: 1"):
        require_enough(images, {"spreads": True}, "cells")
    require_enough(images, {}, "cells")
    require_enough(images[images["label"] == "a"].drop(columns="label"), {"spreads": True}, "x")


def tiny_target(folder, seed):
    """Write up to 15 images in two or three classes, with or without splits; return the target."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(rng.integers(6, 16)):
        Image.fromarray(rng.integers(0, 255, (4, 4)).astype(np.uint8)).save(
            folder / f"{number}.png"
        )
        factors = {"Kind": "xyz"[rng.integers(3)], "Dose": rng.integers(5) / 2}
        rows.append(
            {"path": f"{number}.png", "label": "abc"[rng.integers(2 + seed % 2)], **factors}
        )
    table = pd.DataFrame(rows)
    if seed % 3 == 0:
        table["split"] = rng.choice(["train", "val", "test"], len(table), p=[0.6, 0.1, 0.3])
    table.to_csv(folder / "table.csv", index=False)
    return Target(table=str(folder / "table.csv"), factors=("Kind", "Dose"))


@pytest.mark.parametrize("seed", range(12))
def test_what_is_accepted_can_be_represented_probed_and_scored(tmp_path, seed):
    rng = np.random.default_rng(seed)
    dimensions = int(rng.integers(2, 7))
    try:
        manifest = build_manifest(tiny_target(tmp_path, seed))
        images = manifest.table
        held_out = sorted(set(images["label"]))[: images["label"].nunique() - 2]
        demands = {"at_most_images": {"pca": dimensions}, "held_out": held_out, "spreads": True}
        require_enough(images, demands, "tiny")
    except FovscopeError:
        return
    features = rng.normal(size=(len(images), 16)).astype(np.float32)
    for label in ("", *held_out):
        fit = (images["split"] == "train") & (images["label"] != label)
        given = Given(images, fit.to_numpy(), features=features)
        codes = pca(given, dimensions=dimensions)
        assert random(given, dimensions=dimensions).shape == codes.shape
    once = {"seed": 0, "threads": 1, "probes": PROBES}
    assert set(probe_values(images, codes, **once)) == set(PROBES)
    names = [f"z{n}" for n in range(dimensions)]
    for label in held_out:
        how = {"held_out": label, "dimensions": names, "active_sd": 0.0}
        assert len(score_open_set(images, codes, **how, **once)[0])
    factors = known_factors(images, manifest.info, levels=10)
    panel = {"metrics": preset(Catalogue(), "fast"), "repeated": [], "resamples": 0, "active_sd": 0}
    scores = score_codes(arrange(images, codes), factors, panel=panel, threads=1)
    assert scores["value"].notna().any()
