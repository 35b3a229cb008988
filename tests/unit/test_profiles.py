"""Profiles of wells and treatments and their scores, on examples worked out by hand."""

import sys

import numpy as np
import pandas as pd
import pytest

from fovscope.profiles.batches import batch_scores, explained_variance
from fovscope.profiles.effects import effect_sizes
from fovscope.profiles.mechanism import bootstrap_mean, confusion, nearest_neighbours
from fovscope.profiles.normalisation import normalise
from fovscope.profiles.precision import activity, consistency
from fovscope.profiles.replication import percent_matching, percent_replicating
from fovscope.profiles.screen import require_screen
from fovscope.profiles.wells import (
    ProfileError,
    Profiles,
    pool_treatments,
    pool_wells,
    screen_columns,
    treatment_names,
    varying,
)
from fovscope.study.profiles import Profiling


def cells(rows):
    """Return columns of cells from (plate, well, batch, compound, concentration, moa)."""
    names = ["Plate", "Well", "Batch", "Compound", "Concentration", "MOA"]
    table = pd.DataFrame(rows, columns=[f"Metadata_{name}" for name in names])
    return table.assign(Metadata_Control=table["Metadata_Compound"] == "DMSO")


def wells(rows, values):
    """Return wells of one cell each."""
    return pool_wells(screen_columns(cells(rows)), np.asarray(values, dtype=np.float64))


def at_angles(rows):
    """Return treatments from (compound, concentration, moa, batches, degrees)."""
    compounds, doses, moas, batches, degrees = zip(*rows, strict=True)
    about = pd.DataFrame({"compound": compounds, "concentration": np.array(doses, float)})
    about["treatment"] = treatment_names(about["compound"], about["concentration"])
    about["moa"] = pd.Series(moas, dtype=object)
    about["batches"] = [tuple(each) for each in batches]
    angles = np.deg2rad(degrees)
    return Profiles(about, np.stack([np.cos(angles), np.sin(angles)], axis=1))


# From cells to treatments --------------------------------------------------------------------


def test_wells_are_means_and_treatments_medians_of_wells():
    rows = [("p1", "A01", "b1", "drug", 1, "x")] * 2 + [("p1", "A02", "b1", "drug", 1, "x")]
    rows += [("p2", "A01", "b2", "drug", 1, "x"), ("p2", "A02", "b2", "DMSO", None, None)]
    pooled = wells(rows, [[0.0], [2.0], [5.0], [30.0], [99.0]])
    assert pooled.values[:, 0].tolist() == [1, 5, 30, 99]
    assert pooled.about["cells"].tolist() == [2, 1, 1, 1]
    treatments = pool_treatments(pooled)
    (about,) = treatments.about.to_dict("records")
    assert treatments.values.tolist() == [[5]]
    assert about["treatment"] == "drug@1"
    assert about["batches"] == ("b1", "b2")  # most wells first
    assert (about["wells"], about["cells"]) == (3, 4)


def test_many_cells_are_pooled_in_parts_as_in_one():
    rng = np.random.default_rng(0)
    n = 150_000
    well = rng.integers(7, size=n)
    rows = pd.DataFrame(
        {"plate": "p", "well": well.astype(str), "batch": "b", "compound": "c", "moa": None}
    ).assign(concentration=1.0, control=False)
    values = rng.normal(size=(n, 2)).astype(np.float32)
    expected = [values[well == k].astype(float).mean(axis=0) for k in range(7)]
    assert pool_wells(rows, values).values == pytest.approx(np.array(expected), abs=1e-12)


ONE = ("p1", "A01", "b1", "drug", 1, "x")
OTHERS = {
    "batch": ("p1", "A01", "b2", "drug", 1, "x"),
    "compound": ("p1", "A01", "b1", "other", 1, "x"),
    "concentration": ("p1", "A01", "b1", "drug", 2, "x"),
    "moa": ("p1", "A01", "b1", "drug", 1, None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_well_of_two_kinds_is_refused(name):
    with pytest.raises(ProfileError, match=f"well A01 of plate p1 is there twice: its {name}"):
        wells([ONE, OTHERS[name]], [[0.0], [1.0]])


def test_a_value_that_is_not_finite_is_named_with_its_well():
    with pytest.raises(ProfileError, match=r"dimension 1 of the cell in row 1 .*p1.*A02"):
        wells([ONE, ("p1", "A02", "b1", "drug", 1, "x")], [[0, 0], [0, np.nan]])


def test_what_a_table_must_say():
    table = cells([ONE])
    with pytest.raises(ProfileError, match=r"nothing of Metadata_Plate \(plate\)"):
        screen_columns(table.drop(columns="Metadata_Plate"))
    with pytest.raises(ProfileError, match="1 cells have no Metadata_Well"):
        screen_columns(table.assign(Metadata_Well=None))
    with pytest.raises(ProfileError, match="true or false, 1 or 0, not 'perhaps'"):
        screen_columns(table.assign(Metadata_Control="perhaps"))
    with pytest.raises(ProfileError, match="a number without its unit, not '1 µM'"):
        screen_columns(table.assign(Metadata_Concentration="1 µM"))
    for control in (True, "True", 1, 1.0, "1"):
        assert screen_columns(table.assign(Metadata_Control=control))["control"].all()
    bare = screen_columns(table.drop(columns=["Metadata_MOA", "Metadata_Concentration"]))
    assert bare[["moa", "concentration"]].isna().all(axis=None)


def test_screens_without_treatments_and_compounds_of_two_mechanisms_are_refused():
    with pytest.raises(ProfileError, match="all wells are controls"):
        pool_treatments(wells([("p", "A01", "b", "DMSO", None, None)], [[1.0]]))
    rows = [ONE, ("p1", "A02", "b1", "drug", 2, "y")]
    with pytest.raises(ProfileError, match="compound drug has 2 mechanisms of action: x, y"):
        pool_treatments(wells(rows, [[1.0], [2.0]]))


def test_constant_dimensions_are_found():
    pooled = wells([ONE, ("p1", "A02", "b1", "drug", 1, "x")], [[1.0, 5.0], [2.0, 5.0]])
    assert varying(pooled).tolist() == [True, False]


# Normalisation -------------------------------------------------------------------------------

DOSED = ("drug", 1, "x")
PLATE = [("p1", f"A{k:02}", "b1", "DMSO", None, None) for k in range(4)]


def with_controls(controls, treated):
    """Return wells of one plate: its controls, then those of a drug."""
    rows = PLATE[: len(controls)] + [("p1", f"B{k:02}", "b1", *DOSED) for k in range(len(treated))]
    return wells(rows, [*controls, *treated])


def test_mad_by_hand():
    screen = with_controls([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]], [[5.0, 9.0]])
    found = normalise(screen, "mad").values
    assert found[:3, 0] == pytest.approx(np.array([-1, 0, 2]) / 1.4826)
    assert found[3] == pytest.approx([3 / 1.4826, 2])  # the second does not vary in controls


def test_mad_is_of_the_plate():
    rows = [("p1", f"A{k:02}", "b1", "DMSO", None, None) for k in range(3)]
    rows += [("p2", f"A{k:02}", "b1", "DMSO", None, None) for k in range(3)]
    screen = wells(rows, [[1.0], [2.0], [3.0], [110.0], [120.0], [130.0]])
    found = normalise(screen, "mad").values[:, 0]
    assert found[:3] == pytest.approx(found[3:])


CROSS = [[12.0, 20.0], [8.0, 20.0], [10.0, 21.0], [10.0, 19.0]]
"""Controls about (10, 20) with variances 2 and 1/2, uncorrelated."""


def test_tvn_by_hand():
    found = normalise(with_controls(CROSS, [[13.0, 23.0]]), "tvn").values
    # Eigenvectors have no sign, and come with the smaller variance first.
    assert np.abs(found[-1]) == pytest.approx([3 / np.sqrt(1.5), 3 / np.sqrt(3)])
    assert np.abs(found[0]) == pytest.approx([0, 2 / np.sqrt(3)])


def test_tvn_without_regularisation_makes_the_covariance_of_controls_one():
    rng = np.random.default_rng(0)
    rows = [("p", f"{k}", "b", "DMSO", None, None) for k in range(200)]
    screen = wells(rows, rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)))
    found = normalise(screen, "tvn", regularisation=0.0).values
    assert np.cov(found.T, bias=True) == pytest.approx(np.eye(5), abs=1e-9)


@pytest.mark.parametrize("how", ["tvn", "tvn_coral"])
def test_fewer_controls_than_dimensions_are_enough(how):
    rng = np.random.default_rng(0)
    screen = with_controls(rng.normal(size=(3, 20)), rng.normal(size=(2, 20)))
    assert np.isfinite(normalise(screen, how).values).all()


def test_coral_by_hand():
    # Controls ±1 and ±3 about 0: variance 5, so TVN divides by √6. Left are variances of 1/6 and
    # 3/2 in the batches, 5/6 in all.
    rows = [(f"p{b}", f"A{k}", f"b{b}", "DMSO", None, None) for b in (0, 1) for k in (0, 1)]
    found = normalise(wells(rows, [[-1.0], [1.0], [-3.0], [3.0]]), "tvn_coral").values[:, 0]
    first, second = (np.sqrt((5 / 6 + 1) / (each + 1) / 6) for each in (1 / 6, 3 / 2))
    assert np.abs(found) == pytest.approx([first, first, 3 * second, 3 * second])


def test_coral_of_a_batch_that_has_the_covariance_of_all_changes_nothing():
    screen = with_controls(CROSS, [[13.0, 23.0]])
    plain, aligned = (normalise(screen, how).values for how in ("tvn", "tvn_coral"))
    assert aligned == pytest.approx(plain)


@pytest.mark.parametrize("how", ["mad", "tvn", "tvn_coral"])
def test_a_screen_without_controls_is_refused(how):
    with pytest.raises(ProfileError, match="there are 0 control wells"):
        normalise(wells([ONE], [[1.0, 2.0]]), how)


def test_plates_and_batches_without_controls_are_named():
    rows = [*PLATE, ("p2", "A01", "b2", *DOSED)]
    screen = wells(rows, np.random.default_rng(0).normal(size=(5, 2)))
    with pytest.raises(ProfileError, match=r"plate p2 has no control wells \(1 of 2\)"):
        normalise(screen, "mad")
    with pytest.raises(ProfileError, match="batch b2 has fewer than 2 control wells"):
        normalise(screen, "tvn_coral")
    assert np.isfinite(normalise(screen, "tvn").values).all()


SCREEN = cells([*PLATE, ("p1", "B01", "b1", *DOSED), ("p2", "A01", "b2", *DOSED)])
"""A plate with four controls, and one without."""


@pytest.mark.parametrize(
    ("images", "ways", "message"),
    [
        (SCREEN.drop(columns="Metadata_Batch"), ["none"], r"nothing of Metadata_Batch \(batch\)"),
        (SCREEN.assign(Metadata_Control=True), ["none"], "all wells are controls"),
        (SCREEN.assign(Metadata_Control=False), ["none", "tvn"], "there are 0 control wells"),
        (SCREEN, ["tvn", "mad"], "plate p2 has no control wells"),
        (SCREEN, ["tvn", "tvn_coral"], "batch b2 has fewer than 2 control wells"),
        (pd.concat([SCREEN, SCREEN[:1].assign(Metadata_Batch="b2")]), ["none"], "is there twice"),
    ],
)
def test_a_screen_is_refused_with_its_table(images, ways, message):
    options = Profiling(normalisations=ways).model_dump()
    with pytest.raises(ProfileError, match=f"my_screen cannot be profiled: .*{message}"):
        require_screen(images, options, "my_screen")


def test_a_screen_is_accepted_for_what_can_be_done_with_it():
    require_screen(SCREEN, Profiling(normalisations=["none", "tvn"]).model_dump(), "my_screen")
    renamed = SCREEN.rename(columns={"Metadata_Plate": "Barcode"})
    options = Profiling(normalisations=["none"], plate="Barcode").model_dump()
    require_screen(renamed, options, "my_screen")


def test_a_batch_with_one_treatment_is_normalised_with_the_others():
    rng = np.random.default_rng(0)
    rows = [(f"p{b}", f"A{k}", f"b{b}", "DMSO", None, None) for b in (0, 1) for k in range(4)]
    rows += [("p0", "B1", "b0", *DOSED), ("p0", "B2", "b0", "other", 1, "y")]
    rows += [("p1", "B1", "b1", "third", 1, "x")]
    screen = wells(rows, rng.normal(size=(11, 2)))
    for how in ("mad", "tvn", "tvn_coral"):
        treatments = pool_treatments(normalise(screen, how))
        nscb = nearest_neighbours(treatments, other_batch=True)
        assert nscb.without == ("other@1",)  # of x there is a compound in each batch
        assert set(nscb.found["neighbour"]) == {"drug@1", "third@1"}


def test_harmony_joins_batches():
    pytest.importorskip("harmonypy")
    rng = np.random.default_rng(0)
    rows = [(f"p{b}", f"{k}", f"b{b}", "drug", 1, "x") for b in (0, 1) for k in range(100)]
    shift = np.repeat([[0.0] * 4, [3.0] * 4], 100, axis=0)
    screen = wells(rows, rng.normal(size=(200, 4)) + shift)
    moved = normalise(screen, "harmony")
    before, after = (explained_variance(x.values, x.about["batch"]) for x in (screen, moved))
    assert after < 0.8 * before


def test_harmony_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "harmonypy", None)
    with pytest.raises(ProfileError, match=r"pip install harmonypy==2\.1\.0"):
        normalise(wells([ONE], [[1.0, 2.0]]), "harmony")


# Mechanism of action -------------------------------------------------------------------------

SQUARE = [
    ("a", 1, "x", ("1",), 0),
    ("a", 2, "x", ("1",), 1),
    ("b", 1, "x", ("2",), 40),
    ("c", 1, "y", ("1",), 10),
    ("d", 1, "y", ("2",), 50),
]
"""Of another compound all are nearest to their batch; b is right for both of a, c for d."""


def test_nsc_and_nscb_by_hand():
    nsc = nearest_neighbours(at_angles(SQUARE))
    assert nsc.found["neighbour"].tolist() == ["c@1", "c@1", "d@1", "a@2", "b@1"]
    assert nsc.accuracy == 0
    # Of the treatments of other compounds, for NSCB of other batches, those of the same mechanism.
    assert nsc.found["chance"].tolist() == [1 / 3, 1 / 3, 2 / 4, 1 / 4, 1 / 4]
    nscb = nearest_neighbours(at_angles(SQUARE), other_batch=True)
    assert nscb.found["neighbour"].tolist() == ["b@1", "b@1", "c@1", "b@1", "c@1"]
    assert nscb.accuracy == 3 / 5
    assert nscb.found["chance"].tolist() == [1 / 2, 1 / 2, 2 / 3, 1 / 2, 1 / 3]
    assert nscb.found["similarity"][0] == pytest.approx(np.cos(np.deg2rad(40)))
    shares = confusion(nscb).set_index(["moa", "neighbour_moa"])["share"]
    assert shares.to_dict() == pytest.approx(
        {("x", "x"): 2 / 3, ("x", "y"): 1 / 3, ("y", "x"): 0.5, ("y", "y"): 0.5}
    )


def test_those_without_a_valid_neighbour_are_neither_asked_nor_answers():
    more = [
        ("e", 1, "lone", ("1",), 10.5),  # one compound; would be nearest to c
        ("g", 1, "week", ("3",), 200),  # one batch
        ("h", 1, "week", ("3",), 210),
        ("f", 1, None, ("2",), 9),  # no MOA
    ]
    nsc = nearest_neighbours(at_angles(SQUARE + more))
    assert nsc.without == ("e@1",)
    assert nsc.unknown == ("f@1",)
    assert nsc.accuracy == 2 / 7
    nscb = nearest_neighbours(at_angles(SQUARE + more), other_batch=True)
    assert nscb.without == ("e@1", "g@1", "h@1")
    assert len(nscb.found) == 5
    assert nscb.accuracy == 3 / 5


def test_a_treatment_in_several_batches_follows_the_rule():
    rows = [("t", 1, "x", ("1", "2"), 0), ("a", 1, "x", ("1",), 5), ("b", 1, "x", ("2",), 9)]

    def neighbour(rule):
        found = nearest_neighbours(at_angles(rows), other_batch=True, batch_rule=rule).found
        return dict(zip(found["treatment"], found["neighbour"], strict=True))

    assert neighbour("none")["t@1"] == "a@1"
    assert neighbour("most")["t@1"] == "b@1"
    assert neighbour("any") == {"a@1": "b@1", "b@1": "a@1"}


def test_no_mechanism_of_action_is_refused():
    with pytest.raises(ProfileError, match="no treatment has a mechanism of action"):
        nearest_neighbours(at_angles([("a", 1, None, ("1",), 0)]))


def test_one_number_has_no_direction_but_a_distance():
    treatments = at_angles(
        [(name, 1, moa, ("1",), 0) for name, moa in zip("abcd", "xxyy", strict=True)]
    )
    counts = Profiles(treatments.about, np.array([[100.0], [110.0], [500.0], [480.0]]))
    assert nearest_neighbours(counts).accuracy == 1


def test_the_interval_of_a_share():
    low, high = bootstrap_mean(np.arange(92) < 80)
    half = 1.96 * np.sqrt(80 / 92 * 12 / 92 / 92)
    assert (low, high) == pytest.approx((80 / 92 - half, 80 / 92 + half), abs=0.02)


# Mean average precision ----------------------------------------------------------------------


def turned(degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_average_precision_by_hand():
    # From the well at 0° on: replicate (10°), control (−20°), replicate (30°): (1/1 + 2/3)/2.
    # The others find both replicates first. The control at 1° is on another plate.
    rows = [("p1", f"A{k}", "b", *DOSED) for k in range(3)]
    rows += [("p1", "B1", "b", "DMSO", None, None), ("p2", "B1", "b", "DMSO", None, None)]
    found = activity(wells(rows, turned([0, 10, 30, -20, 1])), null_size=100)
    (row,) = found.scores.to_dict("records")
    assert row["map"] == pytest.approx((5 / 6 + 1 + 1) / 3)
    # μ₀ of M = 2 in L = 3 with H₃ = 11/6: (1/3)·[(1/2)·(3 − 11/6) + 11/6] = 29/36.
    expected = [(ap - 29 / 36) / (1 - 29 / 36) for ap in (5 / 6, 1, 1)]
    assert row["normalised_map"] == pytest.approx(np.mean(expected))


def test_treatments_of_one_well_are_named_and_a_screen_of_them_is_refused():
    rows = [("p1", "A1", "b", *DOSED), ("p1", "A2", "b", *DOSED)]
    rows += [("p1", "A3", "b", "once", 1, "x"), ("p1", "B1", "b", "DMSO", None, None)]
    screen = wells(rows, turned([0, 5, 90, 45]))
    found = activity(screen, null_size=100)
    assert found.without == ("once@1",)
    assert found.scores["treatment"].tolist() == ["drug@1"]
    with pytest.raises(ProfileError, match="no treatment has two wells"):
        activity(screen.at([0, 2, 3]), null_size=100)


def test_wells_of_a_plate_without_controls_have_no_activity():
    rows = [("p1", f"A{k}", "b", *DOSED) for k in range(3)]
    rows += [("p1", f"B{k}", "b", "DMSO", None, None) for k in range(2)]
    usual = activity(wells(rows, turned([0, 10, 30, 90, 100])), null_size=100).scores
    more = [(f"p{k}", "C1", "b", "bare", 1, "x") for k in (2, 3)]
    found = activity(wells(rows + more, turned([0, 10, 30, 90, 100, 5, 6])), null_size=100)
    assert found.without == ("bare@1",)
    assert found.scores["map"].tolist() == usual["map"].tolist()


def test_consistency_by_hand():
    found = consistency(at_angles(SQUARE), null_size=100).scores.set_index("moa")
    # Of a@1 (0°): c 10°, b 40°, d 50°; a@2 the same. Of b (40°): d 10°, c 30°, a@2 39°, a@1 40°.
    assert found.loc["x", "map"] == pytest.approx((1 / 2 + 1 / 2 + (1 / 3 + 2 / 4) / 2) / 3)
    # Of c (10°): a@2 9°, a@1 10°, b 30°, d 40°. Of d (50°): b 10°, c 40°, …
    assert found.loc["y", "map"] == pytest.approx((1 / 4 + 1 / 2) / 2)
    with pytest.raises(ProfileError, match="no mechanism of action has two compounds"):
        consistency(at_angles(SQUARE[:2]), null_size=100)


def test_p_values_do_not_depend_on_earlier_calls(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = [("p1", f"A{k}", "b", *DOSED) for k in range(3)]
    rows += [("p1", f"B{k}", "b", "DMSO", None, None) for k in range(6)]
    values = np.random.default_rng(0).normal(size=(9, 3))
    first = activity(wells(rows, values), null_size=500, seed=1)
    activity(wells(rows[:8], values[:8]), null_size=500, seed=1)
    assert activity(wells(rows, values), null_size=500, seed=1).scores.equals(first.scores)
    assert not list(tmp_path.iterdir())


# Replicates and batches ----------------------------------------------------------------------


def replicates(n, rng, spread):
    """Return four wells of each of n treatments, of 2 compounds per MOA, and their profiles."""
    rows = [
        (f"p{k}", f"A{t:02}", "b", f"drug{t}", 1, f"moa{t // 2}")
        for t in range(n)
        for k in range(4)
    ]
    moas = np.repeat(rng.normal(size=(n // 2, 30)), 8, axis=0)
    return wells(rows, spread * moas + rng.normal(size=(4 * n, 30)))


@pytest.mark.parametrize(("spread", "low", "high"), [(3.0, 1, 1), (0.0, 0, 0.2)])
def test_replicates_and_mechanisms_stand_out_only_where_they_are_alike(spread, low, high):
    screen = replicates(40, np.random.default_rng(0), spread)
    assert low <= percent_replicating(screen, draws=200)["above"].mean() <= high
    matching = percent_matching(pool_treatments(screen), draws=200)
    assert low <= matching["above"].mean() <= high


def test_what_has_no_replicates_is_refused():
    with pytest.raises(ProfileError, match="no treatment has two wells"):
        percent_replicating(wells([ONE], [[1.0, 2.0, 3.0]]))
    three = at_angles(SQUARE[:3])
    three = Profiles(three.about, np.pad(three.values, [(0, 0), (0, 1)]))
    with pytest.raises(ProfileError, match="percent matching needs two mechanisms"):
        percent_matching(three)


@pytest.mark.parametrize("score", [percent_replicating, percent_matching])
def test_two_numbers_do_not_correlate(score):
    screen = with_controls([[1.0, 2.0]], [[1.0, 2.0], [3.0, 5.0]])
    profiles = screen if score is percent_replicating else pool_treatments(screen)
    with pytest.raises(ProfileError, match="profiles of 2 numbers do not correlate"):
        score(profiles)


def test_explained_variance_by_hand():
    # About their mean 3 the squares are 9, 1, 1, 9; between the means 1 and 5 of batches 4 × 4.
    values = np.array([[0.0], [2.0], [4.0], [6.0]])
    assert explained_variance(values, list("aabb")) == pytest.approx(16 / 20)
    assert np.isnan(explained_variance(values, list("aaaa")))


def test_silhouettes_tell_batch_from_mechanism():
    screen = replicates(8, np.random.default_rng(0), 5.0)
    scores = batch_scores(screen)
    assert np.isnan(scores["silhouette_batch"])
    assert scores["silhouette_moa"] > 0.5
    halves = screen.about.assign(batch=[f"b{k % 2}" for k in range(len(screen))])
    assert abs(batch_scores(Profiles(halves, screen.values))["silhouette_batch"]) < 0.1


# Effects -------------------------------------------------------------------------------------


def test_effect_sizes_by_hand():
    rows = [("p1", "A1", "b", "DMSO", None, None), ("p1", "A2", "b", "DMSO", None, None)]
    rows += [("p2", "A1", "b", "DMSO", None, None), ("p2", "A2", "b", "DMSO", None, None)]
    rows += [("p1", "B1", "b", *DOSED), ("p2", "B1", "b", *DOSED)]
    # Controls lie 1 beside their plate's mean: 4 squares of 1 over 4 − 2 = 2. Means 10 and 20.
    screen = wells(rows, [[9.0, 1], [11.0, 1], [19.0, 1], [21.0, 1], [14.0, 2], [28.0, 2]])
    (row,) = effect_sizes(screen, ["Size", "still"]).to_dict("records")
    assert row["dimension"] == "Size"  # the other has no spread to measure in
    assert row["effect"] == pytest.approx((4 + 8) / 2 / np.sqrt(2))
    half = 1.96 * np.sqrt(6 / 8 + row["effect"] ** 2 / 12)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=1e-4)
    assert row["wells"] == 2


def test_effects_need_controls_on_each_plate_with_treatments():
    screen = wells([*PLATE, ("p2", "A01", "b1", *DOSED)], np.arange(5.0)[:, None])
    with pytest.raises(ProfileError, match="plate p2 has no control wells"):
        effect_sizes(screen, ["Size"])
