"""How codes of known behaviour answer to what is set."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fovscope.dimensions import BOTH
from fovscope.evaluation.base import Given
from fovscope.evaluation.response import (
    lead_of,
    movement_shares,
    rank_correlations,
    response,
    responses,
    rotational_correlation,
)
from fovscope.factors import Factor, bind
from fovscope.records import Identity, representation_table
from fovscope.registry import Catalogue

SIZE = Factor(
    name="Size", limits=(40.0, 120.0), log=True, unit="px", counterparts=("equivalent_diameter",)
)
HUE = Factor(name="Hue", limits=(0.0, 360.0), period=360.0, unit="°", counterparts=("hue",))
KIND = Factor(name="Kind", values=("a", "b"), nominal=True)
FACTORS = (SIZE, HUE)
BOUND = bind(FACTORS, angles=True)
"""z0 is Size, z1 and z2 are cosine and sine of Hue; z3 is free."""


@pytest.fixture(scope="module")
def images():
    """200 pairs for each factor, of 100 images that were edited."""
    rng = np.random.default_rng(0)
    tables = []
    for k, factor in enumerate(FACTORS):
        first = pd.DataFrame(
            {"factor_Size": 40 * 3 ** rng.random(200), "factor_Hue": rng.uniform(0, 360, 200)}
        ).assign(base=[f"b{i % 100}" for i in range(200)], pair=200 * k + np.arange(200))
        anew = {
            "factor_Size": 40 * 3 ** rng.random(200),
            "factor_Hue": rng.uniform(0, 360, 200),
        }
        second = first.assign(**{factor.column: anew[factor.column]})
        tables += [first.assign(member=0, changed=factor.name)]
        tables += [second.assign(member=1, changed=factor.name)]
    table = pd.concat(tables, ignore_index=True).assign(split="test", role="factor_pair")
    return table.assign(image_id=[f"{row:06d}" for row in range(len(table))])


def perfect(images):
    """Codes (N, 4) that are what was set; the free dimension belongs to the image."""
    angle = np.deg2rad(images["factor_Hue"])
    own = images["base"].map(lambda name: int(name[1:]) / 50)
    size = np.log(images["factor_Size"] / 70) / 0.3
    return np.stack([size, np.cos(angle), np.sin(angle), own], axis=1)


def answers(images, codes, bound=BOUND, factors=FACTORS):
    found = responses(
        *(images, codes, factors),
        bound=bound,
        active_sd=0.05,
        rng=np.random.default_rng(0),
    )
    return found.set_index(["setting", "score", "dimension", "part"]).sort_index()


def test_a_perfect_code_answers_with_its_own_dimensions_alone(images):
    found = answers(images, perfect(images))
    share = found["value"].xs("share", level="score")
    assert share["Size"].to_dict() == pytest.approx(
        {(0, ""): 1, (1, "cos"): 0, (1, BOTH): 0, (2, "sin"): 0, (3, ""): 0}
    )
    assert share["Hue"].loc[(1, BOTH)] == pytest.approx(1)
    assert share["Hue"].loc[(1, "cos")] + share["Hue"].loc[(2, "sin")] == pytest.approx(1)
    lead = found["value"].xs("lead", level="score")
    assert lead.to_dict() == pytest.approx(
        {
            **{("Size", 0, ""): 1, ("Size", 1, BOTH): 0, ("Size", 3, ""): 0},
            **{("Hue", 0, ""): 0, ("Hue", 1, BOTH): 1, ("Hue", 3, ""): 0},
        }
    )
    direction = found["value"].xs("direction", level="score")
    assert direction.to_dict() == pytest.approx({("Size", 0, ""): 1, ("Hue", 1, BOTH): 1})
    assert found.loc[("Hue", "share", 1, BOTH), "factor"] == "Hue"
    assert found.loc[("Size", "share", 3, ""), "factor"] == ""
    assert set(found.loc["Size"]["measure"]) == {"equivalent_diameter"}
    assert set(found["n"]) == {200}
    assert (found["low"] <= found["value"] + 1e-9).all()
    assert (found["value"] <= found["high"] + 1e-9).all()


def test_codes_that_know_nothing_share_the_movement_evenly(images):
    codes = np.random.default_rng(1).standard_normal((len(images), 5))
    found = answers(images, codes, bound=())
    share = found["value"].xs("share", level="score")
    assert share.to_numpy() == pytest.approx(np.full(10, 1 / 5), abs=0.05)
    # The standard error of a rank correlation of 200 unrelated pairs is .07.
    assert found["value"].xs("direction", level="score").abs().max() < 0.2


def test_shares_do_not_depend_on_units_but_inactive_dimensions_have_none(images):
    codes = perfect(images)
    codes[:, 3] = np.random.default_rng(2).standard_normal(len(codes))
    as_they_are = answers(images, codes)["value"]
    scaled = answers(images, codes * (100, 7, 7, 3))["value"]
    pd.testing.assert_series_equal(as_they_are, scaled)
    assert as_they_are.loc[("Size", "share", 3, "")].item() > 0.2
    codes[:, 3] *= 0.01
    assert answers(images, codes)["value"].loc[("Size", "share", 3, "")].item() == 0


def test_free_dimensions_that_move_a_little_take_from_the_share_and_not_from_the_lead(images):
    """Each free dimension is size beside three times as much that belongs to the image."""
    codes = perfect(images)
    of_image = np.random.default_rng(6).standard_normal((100, 16))
    of_image = of_image[images["base"].str[1:].astype(int)]
    free = codes[:, :1] / codes[:, 0].std() + np.sqrt(3) * of_image
    few, many = (np.hstack([codes, free[:, :k]]) for k in (2, 16))
    found = [answers(images, code)["value"].loc["Size"] for code in (few, many)]
    share, lead = (
        [values.loc[(score, 0, "")].item() for values in found] for score in ("share", "lead")
    )
    assert share == pytest.approx([1 / (1 + 2 / 4), 1 / (1 + 16 / 4)], abs=0.04)
    assert lead == pytest.approx([1 / (1 + 1 / 4)] * 2, abs=0.04)


def test_training_images_and_broken_pairs_do_not_count(images):
    codes = perfect(images)
    training = images.assign(split="train")
    both = pd.concat([images, training], ignore_index=True)
    strange = np.concatenate([codes, np.random.default_rng(3).standard_normal(codes.shape)])
    pd.testing.assert_frame_equal(answers(both, strange), answers(images, codes))
    lacking = images.index != 7
    found = answers(images[lacking].reset_index(drop=True), codes[lacking])
    assert set(found.loc["Size"]["n"]) == {199}
    assert found.loc[("Size", "share", 0, ""), "value"].item() == pytest.approx(1)


def test_names_have_no_direction_and_few_pairs_no_rows(images):
    size = images["changed"] == "Size"
    kinds = images.assign(factor_Kind="a", changed=images["changed"].where(size, "Kind"))
    found = answers(kinds, perfect(images), factors=(SIZE, KIND)).reset_index()
    assert set(found.loc[found["setting"] == "Kind", "score"]) == {"share", "lead"}
    assert set(found["measure"]) == {"equivalent_diameter", ""}
    few = images[images["pair"] < 19].reset_index(drop=True)
    assert answers(few, perfect(few)).empty


def test_each_representation_of_a_job_has_its_rows(images):
    codes = perfect(images).astype(np.float32)
    given = Given(
        {
            "table": images,
            "facts": {"factors": [factor.to_json() for factor in FACTORS]},
            "latents": representation_table(images["image_id"], codes),
            "model": {"bound": [one.to_json() for one in BOUND]},
        },
        {
            "active_sd": 0.05,
            "about": "t",
            "views": [{"values": "latents", "identity": {"stage": "transferred"}}],
        },
        Identity(dataset="edits", backbone="b", recipe="r", seed=2),
        {"weights_digest": "w"},
        Catalogue(),
    )
    table = response(given)["scores"]
    assert set(table["kind"]) == {"response"}
    assert set(table["stage"]) == {"transferred"}
    assert set(table["dataset"]) == {"t"}
    own = table.query("score == 'share' and setting == factor and part != 'cos' and part != 'sin'")
    assert own["value"].to_numpy() == pytest.approx([1, 1])


# The numbers -------------------------------------------------------------------------------


def test_shares_are_of_squared_movement():
    assert movement_shares([[0, 0, 0]], [[1, 2, 0]]).tolist() == [0.2, 0.8, 0]
    assert movement_shares([[1, 2]], [[1, 2]]).tolist() == [0, 0]
    assert lead_of([0.2, 0.6, 0.2]) == pytest.approx([0.25, 0.75, 0.25])
    assert lead_of([0.0, 0.0]).tolist() == [0, 0]
    assert lead_of([0.3]).tolist() == [1]


def test_a_rank_correlation_is_that_of_scipy_and_unknown_without_change():
    rng = np.random.default_rng(4)
    changes, setting = rng.standard_normal((50, 2)), rng.standard_normal(50)
    changes[:, 0] = np.round(changes[:, 0] + setting, 1)
    found = rank_correlations(np.c_[changes, np.zeros(50)], setting)
    expected = [stats.spearmanr(column, setting)[0] for column in changes.T]
    assert found[:2] == pytest.approx(expected)
    assert np.isnan(found[2])


@pytest.mark.parametrize("arc", [360, 40])
def test_a_code_turns_with_the_setting_from_wherever_it_starts(arc):
    rng = np.random.default_rng(5)
    first, second = np.deg2rad(rng.uniform(0, arc, (2, 300)))

    def plane(start, end):
        return np.stack([np.cos(end) - np.cos(start), np.sin(end) - np.sin(start)], axis=1)

    setting = np.exp(1j * second) - np.exp(1j * first)
    assert rotational_correlation(3 * plane(first + 2, second + 2), setting) == pytest.approx(1)
    other = np.deg2rad(rng.uniform(0, arc, (2, 300)))
    assert rotational_correlation(plane(*other), setting) < 0.2  # by chance 1/sqrt(300) = .06
    if arc == 360:  # within a short arc, a mirror image is a turn by half a circle
        assert rotational_correlation(plane(-first, -second), setting) < 0.2
    assert np.isnan(rotational_correlation(np.zeros((300, 2)), setting))
