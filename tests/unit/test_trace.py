"""How well edited images can be told, where it is known how well they can."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from fovscope import FovscopeError
from fovscope.evaluation.base import Given
from fovscope.evaluation.trace import one_edit_each, trace, trace_score
from fovscope.records import Identity
from fovscope.registry import Catalogue

N, D = 200, 30


def features(seed=0):
    """Features of images, and names of these."""
    return np.random.default_rng(seed).standard_normal((N, D)), np.array(
        [f"i{k}" for k in range(N)]
    )


def score(natural, edited, base, seed=0):
    return trace_score(natural, edited, base, rng=np.random.default_rng(seed))


def test_an_identity_edit_leaves_no_trace():
    natural, base = features()
    found = score(natural, natural, base)
    assert found.auroc == pytest.approx(0.5)


def test_an_edit_that_is_as_good_as_another_image_leaves_no_trace():
    natural, base = features()
    found = score(natural, features(seed=1)[0], base)
    assert found.low < 0.5 < found.high
    assert 0.05 < found.high - found.low < 0.2  # 2 · 1.96 · sqrt(1/(6 · 200)) is .11


def test_a_shift_is_told_as_well_as_it_can_be():
    """Normals that lie δ apart have an AUROC of Φ(δ/√2); a fitted probe comes below it."""
    natural, base = features()
    shift = np.zeros(D)
    shift[3] = 2
    found = score(natural, features(seed=1)[0] + shift, base)
    best = norm.cdf(2 / np.sqrt(2))
    assert best - 0.06 < found.auroc < best + 0.02
    assert found.low < found.auroc < found.high < 1
    assert score(natural, natural + 5 * (shift > 0), base).auroc > 0.99


def test_an_image_and_its_edit_are_never_on_both_sides():
    """Images by heart: if the probe saw a sibling, what is told of it would tell the other.

    Each image has a corner of its own, where its edit goes the other way at random, so that only
    a probe which knew the image could tell which is which.
    """
    rng = np.random.default_rng(2)
    corner = 10 * np.eye(60)
    side = rng.choice([-1, 1], 60)[:, None]
    found = score(corner * (2 + side), corner * (2 - side), np.arange(60))
    assert found.auroc == pytest.approx(0.5)


def test_what_has_no_folds_or_does_not_belong_together_is_refused():
    natural, base = features()
    with pytest.raises(FovscopeError, match="5 test images or more, and 4 were edited"):
        score(natural[:4], natural[:4], base[:4])
    with pytest.raises(ValueError, match="200 images do not have features of the shapes"):
        score(natural, natural[:7], base)


def interventions():
    """Each image edited once for training, twice for tests."""
    rows = [
        {"split": split, "role": role, "base": f"i{k}"}
        for k in range(N)
        for split, role in (
            *(("train", "train_pair"), ("test", "image"), ("test", "image")),
            ("test", "factor_pair"),
        )
    ]
    table = pd.DataFrame(rows)
    return table.assign(image_id=[f"{row:06d}" for row in range(len(table))])


def test_one_edit_of_each_test_image_is_judged():
    table = interventions()
    chosen = one_edit_each(table, rng=np.random.default_rng(0), most=150)
    assert len(chosen) == chosen["base"].nunique() == 150
    assert set(chosen["role"]) == {"image"}
    assert set(chosen["image_id"].astype(int) % 4) == {1, 2}  # of both edits some


def test_rows_of_edited_images_meet_those_of_their_own_image():
    natural, base = features()
    table = interventions()
    images = pd.DataFrame({"image_id": base}).sample(frac=1, random_state=0)
    of_base = dict(zip(base, natural, strict=True))
    edited = np.stack([of_base[name] for name in table["base"]])
    given = Given(
        {
            "table": table,
            "edited_store": edited,
            "natural_table": images,
            "natural_store": np.stack([of_base[name] for name in images["image_id"]]),
        },
        {"identity": {"dataset": "t", "representation": "full"}},
        Identity(dataset="edits", backbone="b"),
        {"weights_digest": "w"},
        Catalogue(),
    )
    (row,) = trace(given)["scores"].to_dict("records")
    assert row["value"] == pytest.approx(0.5)
    assert (row["kind"], row["score"], row["backbone"], row["n"]) == (
        *("interventions", "trace"),
        *("b", N),
    )
