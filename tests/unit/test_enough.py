"""Too few images are named before networks run, and as many as are asked for are enough."""

import numpy as np
import pandas as pd
import pytest

from fovscope.evaluation.enough import TooFewImagesError, require_enough
from fovscope.interpret.open_set import score_open_set
from fovscope.probes.classifiers import predict_with_probes
from fovscope.representations.base import Given
from fovscope.representations.features import pca

QUICK = {"gbt": {"rounds": 2}, "mlp": {"max_epochs": 3}}


def table(**counts):
    """Images by class: how many in each split."""
    rows = [
        {"label": label, "split": split}
        for label, by_split in counts.items()
        for split, count in zip(("train", "val", "test"), by_split, strict=True)
        for _ in range(count)
    ]
    return pd.DataFrame(rows).assign(image_id=[str(row) for row in range(len(rows))])


def test_two_classes_of_four_images_are_enough_for_probes_and_as_many_components():
    images = table(a=(2, 1, 1), b=(2, 1, 1))
    require_enough(images, fitted={"pca": 4})
    fit = (images["split"] == "train").to_numpy()
    features = np.random.default_rng(0).normal(size=(8, 64))
    codes = pca(Given(images, fit=fit, features=features), dimensions=4)
    labels = images["label"].to_numpy()
    found = predict_with_probes(codes[fit], labels[fit], codes[~fit], probes=QUICK, seed=0)
    assert set(found) == set(QUICK)


def test_components_are_named_with_what_to_do():
    with pytest.raises(TooFewImagesError, match=r"4 training images .* 'pca', .* 5 dim.* to 4 or"):
        require_enough(table(a=(2, 1, 1), b=(2, 1, 1)), fitted={"pca": 5})


def test_the_open_set_fits_without_the_class():
    images = table(a=(2, 1, 1), b=(2, 1, 1), c=(4, 1, 1))
    require_enough(images, fitted={"pca": 4}, held_out=["c"])
    codes = np.random.default_rng(0).normal(size=(len(images), 3))
    score_open_set(
        images,
        codes,
        held_out="c",
        dimensions=["z0", "z1", "z2"],
        active_sd=0.05,
        probes=QUICK,
        seed=0,
        threads=1,
    )
    with pytest.raises(TooFewImagesError, match="4 training images without the class 'c'"):
        require_enough(images, fitted={"pca": 5}, held_out=["c"])


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"a": (1, 1, 1), "b": (2, 1, 1), "c": (2, 1, 1)}, "the class 'a' has 1 training image"),
        ({"a": (2, 1, 1), "b": (0, 1, 1), "c": (2, 1, 1)}, "there are 1 classes to train on"),
        ({"a": (2, 1, 0), "b": (2, 1, 0), "c": (2, 1, 1)}, "no image of known classes"),
        ({"a": (2, 1, 1), "b": (2, 1, 1), "c": (2, 1, 0)}, "no image of held-out classes"),
    ],
)
def test_what_the_open_set_lacks_is_named(counts, said):
    with pytest.raises(TooFewImagesError, match=f"open_set, without the class 'c': .*{said}"):
        require_enough(table(**counts), fitted={}, held_out=["c"])


def test_splits_that_leave_one_class_or_value_to_train_on_are_named():
    images = table(a=(2, 0, 2), b=(0, 0, 2)).assign(factor_Dose=[0, 0, 0, 1, 0, 1])
    with pytest.raises(TooFewImagesError, match=r"of the class 'a'.*; factor 'Dose' has one value"):
        require_enough(images, fitted={})


def test_images_without_classes_are_enough():
    require_enough(table(a=(2, 1, 1)).drop(columns="label"), fitted={"pca": 2})
