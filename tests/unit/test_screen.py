"""A planted screen: what is planted is found, and what is not is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fovscope.datasets.prepare import prepare_generated
from fovscope.generators import cells
from fovscope.generators.declared import GeneratorError
from fovscope.generators.screen import FACTORS, PHENOTYPES, Screen
from fovscope.profiles.mechanism import nearest_neighbours
from fovscope.profiles.normalisation import normalise
from fovscope.profiles.precision import activity
from fovscope.profiles.wells import pool_treatments, pool_wells, screen_columns
from fovscope.registry import Catalogue
from fovscope.study.config import Target

LARGE = {"moas": 8, "compounds": 3, "inactive": 6, "concentrations": 2, "controls": 12}


def planted(seed=0, **options):
    """Return the wells of a screen as a perfect representation has them."""
    screen = Screen(**LARGE | options)
    about, _ = screen.wells_of(seed)
    return pool_wells(about, screen.planted_profiles(seed))


def accuracies(wells):
    """Return NSC and NSCB of wells."""
    treatments = pool_treatments(wells)
    return [nearest_neighbours(treatments, other_batch=b).accuracy for b in (False, True)]


def test_its_factors_are_those_of_cells_between_closer_limits():
    for ours, theirs in zip(FACTORS, cells.FACTORS, strict=True):
        assert replace(ours, limits=theirs.limits) == theirs
        assert theirs.limits[0] <= ours.limits[0] < ours.limits[1] <= theirs.limits[1]


# What is planted ---------------------------------------------------------------------------


def test_planted_mechanisms_are_recovered():
    nsc, nscb = accuracies(normalise(planted(batch_effect=0.0), "mad"))
    assert nsc >= 0.9
    assert nscb >= 0.9


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_effect_misleads_nsc_more_than_nscb_and_whitening_removes_it(seed):
    wells = planted(seed, batch_effect=0.5)
    nsc, nscb = accuracies(wells)
    assert nsc < nscb
    assert nsc < 0.3  # the nearest of another compound is of the same batch
    for how in ("tvn", "mad"):
        assert min(accuracies(normalise(wells, how, regularisation=0.01))) >= 0.9


def test_inactive_treatments_stay_inactive_and_the_others_are_active():
    wells = normalise(planted(plate_effect=0.05), "mad")
    scores = activity(wells).scores
    inactive = pool_treatments(wells).about.set_index("treatment")["moa"].isna()
    is_inactive = inactive[scores["treatment"]].to_numpy()
    assert not scores["significant"][is_inactive].any()
    assert scores["significant"][~is_inactive].mean() > 0.9


def test_the_layout_is_that_of_bbbc021():
    about, shifts = Screen(**LARGE).wells_of(0)
    treated = about[~about["control"]]
    assert (treated.groupby("compound")["batch"].nunique() == 1).all()
    assert (treated.dropna(subset=["moa"]).groupby("moa")["batch"].nunique() == 3).all()
    assert (treated.groupby(["compound", "concentration"])["plate"].nunique() == 3).all()
    assert (about.groupby("plate")["control"].sum() == 12).all()
    assert not about.duplicated(["plate", "well"]).any()
    assert treated["compound"].nunique() == 8 * 3 + 6
    # A compound at its highest dose has all of its phenotype, at a third of it half.
    plain, bare = (Screen(**LARGE, strength=s).wells_of(0)[1] for s in (1.0, 0.0))
    effect = np.abs(plain - bare).max(axis=1)
    one = (about["compound"] == "C01") & (about["plate"] == "B1-P1")
    low, high = effect[one]
    assert low == pytest.approx(high / 2)
    assert 0.8 <= high / abs(PHENOTYPES["shrinking"]["Size"]) <= 1.2
    assert shifts.shape == (len(about), 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"moas": 9}, "there are 1 to 8 mechanisms"),
        ({"batches": 0}, "batches is 0; it must be 1 or more"),
        ({"controls": -1}, "controls is -1; it must not be negative"),
        ({"compounds": 60, "concentrations": 6}, "more than 96; use more batches"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(options, message):
    with pytest.raises(GeneratorError, match=message):
        Screen(**options)


# Images --------------------------------------------------------------------------------------

SMALL = {"moas": 2, "compounds": 2, "inactive": 1, "concentrations": 1, "batches": 2}
SMALL |= {"replicates": 1, "controls": 1}


def test_the_image_table_says_what_is_in_each_well(tmp_path):
    entry = Catalogue().entry("generator", "screen")
    target = Target(generator="screen", images=50, options=SMALL)
    table = prepare_generated(entry, SMALL, tmp_path, target, images=50, seed=0).table
    about, shifts = Screen(**SMALL).wells_of(0)
    wells = pool_wells(screen_columns(table), np.zeros((50, 1))).about
    names = ["plate", "well", "batch", "compound", "concentration", "moa", "control"]
    expected = about.sort_values(["plate", "well"], ignore_index=True)[names]
    found = wells[names].fillna({"moa": ""})
    pd.testing.assert_frame_equal(found, expected.fillna({"moa": ""}), check_dtype=False)
    assert (table.groupby(["Metadata_Plate", "Metadata_Well"])["split"].nunique() == 1).all()
    # Cells lie about the place that their well is shifted to.
    places = table["factor_Granularity"].to_numpy() - 0.5 - shifts[np.arange(50) % len(about), 3]
    assert abs(places.mean()) < 4 * 0.1 / np.sqrt(50)


def test_all_cells_are_seen_through_one_microscope():
    screen = Screen(**SMALL)
    table = pd.DataFrame({"image_id": np.arange(40), "factor_Elongation": 2.0})
    assert screen.known(table, seed=0).all(axis=None)  # no nucleus is hidden, no image grey
    # A larger nucleus has the same colour in each cell: redder than the cytoplasm it takes.
    factors = {factor.name: np.mean(factor.limits) for factor in FACTORS}
    for seed in range(6):
        small, large = (
            screen.render(factors | {"NucleusRatio": ratio}, np.random.default_rng(seed))
            for ratio in (0.1, 0.5)
        )
        change = large.image.astype(float) - small.image
        redder = (change[..., 0] - change[..., 1])[large.mask > 0]
        assert redder.max() > -redder.min()


def test_a_stronger_phenotype_moves_the_drawn_cells():
    weak, strong = (Screen(**SMALL, strength=s) for s in (0.0, 1.0))
    about, _ = strong.wells_of(0)
    shrunk = int(np.flatnonzero(about["moa"] == "shrinking")[0])
    areas = [
        np.mean([s.make(shrunk + k * len(about), 0).drawing.mask.sum() for k in range(8)])
        for s in (weak, strong)
    ]
    assert areas[1] < 0.8 * areas[0]
