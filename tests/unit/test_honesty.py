"""What a score is worth: floors, ceilings and intervals with known values."""

import numpy as np
import pandas as pd
import pytest

from fovscope.metrics import mig_score, score_by_size, scored_panel
from fovscope.metrics.honesty import Score, jackknife_intervals, shuffled_codes
from fovscope.metrics.references import (
    duplicated_code,
    merged_code,
    noisy_code,
    perfect_code,
    reference_codes,
)
from fovscope.metrics.work import Design

SIZES = np.array([3, 5, 6])
CHEAP = ("mig", "omes")


def draw_design(n_train, n_test, pairs_per_factor, seed=0):
    rng = np.random.default_rng(seed)
    changed = rng.permutation(np.repeat(np.arange(len(SIZES)), pairs_per_factor))
    first = rng.integers(0, SIZES, (len(changed), len(SIZES)))
    second = first.copy()
    rows, sizes = np.arange(len(changed)), SIZES[changed]
    second[rows, changed] = (first[rows, changed] + rng.integers(1, sizes)) % sizes
    train, test = (rng.integers(0, SIZES, (n, len(SIZES))) for n in (n_train, n_test))
    return Design(train, test, first, second), changed


def test_the_perfect_code_is_its_own_ceiling_and_loses_all_when_shuffled():
    factors, changed = draw_design(2_000, 500, 300)
    scores = scored_panel(perfect_code(factors), factors, changed, metrics=CHEAP)
    for name in ("mig", "omes", "mig[0]", "omes[2]"):
        score = scores[name]
        assert score.value == score.ceiling
        assert (score.of_ceiling, score.normalised) == (1, 1)
        assert score.low < score.value < score.high
    assert scores["mig"].floor < 0.005
    # Noise: OS + ME of three dimensions that all change with all three factors, .5 x 2/3.
    assert scores["omes"].floor == pytest.approx(1 / 3, abs=0.04)
    sizes = (scores["mig"].n_train, scores["mig"].n_test, scores["mig"].n_pairs)
    assert sizes == (2_000, 500, 900)


def test_scores_are_read_against_floor_and_ceiling():
    rows_and_mask = (10, 10, 0, (True,))
    score = Score(0.5, 0.4, 0.6, 0.2, 0.8, *rows_and_mask)
    assert score.of_ceiling == pytest.approx(0.625)
    assert score.normalised == pytest.approx(0.5)
    assert np.isnan(Score(0, 0, 0, 0, 0, *rows_and_mask).of_ceiling)
    assert np.isnan(Score(1, 1, 1, 1, 1, *rows_and_mask).normalised)


def test_scores_carry_the_mask_and_a_count_has_no_bounds():
    factors, changed = draw_design(300, 100, 20)
    codes = perfect_code(factors).map(lambda z: np.insert(z, 1, 0.1, axis=1))
    scores = scored_panel(codes, factors, changed, metrics=CHEAP, resamples=0)
    assert {score.active for score in scores.values()} == {(True, False, True, True)}
    count = scores["active_dims"]
    assert count.value == 3
    assert np.isnan([count.floor, count.ceiling, count.of_ceiling, count.normalised]).all()


def test_intervals_stay_within_the_range_of_a_score():
    factors, _ = draw_design(100, 60, 9)
    rng = np.random.default_rng(0)
    names = ["mig", "mig[0]", "dci_es_explicitness", "infoe", "not of the panel"]

    def wild(codes, factors, changed):
        return {name: rng.normal(0, 100) for name in names}

    found = jackknife_intervals(wild, dict.fromkeys(names, 0.5), factors, factors)
    assert found["mig"] == found["mig[0]"] == (0, 1)
    assert found["dci_es_explicitness"] == (-1, 1)
    assert found["infoe"][0] < -1 < 1 == found["infoe"][1]
    assert found["not of the panel"][0] < -1 < 1 < found["not of the panel"][1]


def test_lists_and_data_frames_are_designs_too():
    factors, changed = draw_design(200, 60, 9)
    names = factors.map(lambda table: np.array(list("abcdef"))[table])
    codes = noisy_code(factors, np.random.default_rng(0))
    expected = scored_panel(codes, names, changed, metrics=CHEAP)
    for like in (np.ndarray.tolist, pd.DataFrame):
        designs = [Design(*map(like, (d.train, d.test, d.first, d.second))) for d in (codes, names)]
        assert scored_panel(*designs, changed.tolist(), metrics=CHEAP) == expected
        perfect = reference_codes(designs[1], 4, np.random.default_rng(0))["perfect"]
        assert (perfect.train == perfect_code(factors).train).all()


def test_what_does_not_belong_together_is_named_first():
    factors, changed = draw_design(100, 50, 9)
    codes = perfect_code(factors)
    without = Design(factors.train, factors.test)
    for mixed in ((codes, without, changed), (Design(codes.train, codes.test), factors)):
        with pytest.raises(ValueError, match="factors of their members go together"):
            scored_panel(*mixed)
    with pytest.raises(ValueError, match="a first and a second member"):
        Design(factors.train, factors.test, factors.first)
    for resamples in (1, -1):
        with pytest.raises(ValueError, match=f"at least 2 groups, not {resamples}"):
            scored_panel(codes, factors, changed, metrics=CHEAP, resamples=resamples)


def test_shuffled_codes_keep_their_rows_and_part_the_pairs():
    factors, _ = draw_design(500, 100, 300)
    codes = noisy_code(factors, np.random.default_rng(0))
    shuffled = shuffled_codes(codes, np.random.default_rng(1))
    for table in ("train", "test", "first", "second"):
        before, after = getattr(codes, table), getattr(shuffled, table)
        assert np.sort(after, axis=0) == pytest.approx(np.sort(before, axis=0))
        assert np.corrcoef(after.T) == pytest.approx(np.corrcoef(before.T))
    together = [np.corrcoef(d.first[:, 0], d.second[:, 0])[0, 1] for d in (codes, shuffled)]
    assert together[0] > 0.3
    assert abs(together[1]) < 0.15


def test_interval_of_a_mean_is_that_of_student():
    """For a mean the delete-a-group jackknife is the t interval of the group means."""
    rng = np.random.default_rng(0)
    codes = Design(rng.standard_normal((100, 1)), np.zeros((10, 1)))

    def mean(codes, factors, changed):
        return {"mean": codes.train.mean()}

    value = codes.train.mean()
    (low, high) = jackknife_intervals(mean, {"mean": value}, codes, codes, resamples=5)["mean"]
    groups = np.random.default_rng(0).permutation(100)  # dealt in turn, see the module
    means = [codes.train[groups[g::5]].mean() for g in range(5)]
    half = 2.776445 * np.std(means, ddof=1) / 5**0.5
    assert (low, high) == pytest.approx((value - half, value + half))


def test_intervals_cover():
    """95 % intervals of MIG hold the mean score over samples of this size."""
    samples = 60
    covered, values, intervals = 0, [], []
    for seed in range(samples):
        factors, _ = draw_design(400, 100, 3, seed=seed)
        factors = Design(factors.train, factors.test)
        codes = noisy_code(factors, np.random.default_rng(seed), noise_sd=0.7)

        def mig(codes, factors, changed):
            return {"mig": mig_score(codes.train, factors.train)}

        scores = mig(codes, factors, None)
        values.append(scores["mig"])
        intervals.append(jackknife_intervals(mig, scores, codes, factors, seed=seed)["mig"])
    expected = np.mean(values)
    covered = sum(low < expected < high for low, high in intervals)
    assert covered >= 0.87 * samples  # binomial: fewer than 53 of 60 has probability .03
    assert np.mean([high - low for low, high in intervals]) < 10 * np.std(values)


def test_pairs_of_each_factor_are_dealt_evenly():
    factors, changed = draw_design(50, 50, 10)
    seen = []

    def count(codes, factors, changed):
        assert codes.first.shape == factors.second.shape
        seen.append(np.bincount(changed).tolist())
        return {"n": len(codes.train)}

    jackknife_intervals(count, {"n": 50}, perfect_code(factors), factors, changed)
    assert seen == [[8, 8, 8]] * 5
    with pytest.raises(ValueError, match="at least 2 groups"):
        jackknife_intervals(count, {}, factors, factors, changed, resamples=1)


def test_more_rows_lower_the_floor_and_parts_are_nested():
    factors, changed = draw_design(3_000, 600, 60)
    codes = noisy_code(factors, np.random.default_rng(0))
    options = {"sizes": (300, 1_000, 3_000), "metrics": CHEAP}
    found = score_by_size(codes, factors, changed, **options)
    floors = [panel["mig"].floor for panel in found.values()]
    assert floors == sorted(floors, reverse=True)
    assert np.isnan(found[300]["mig"].low)
    assert [panel["mig"].n_test for panel in found.values()] == [60, 200, 600]
    assert [panel["mig"].n_pairs for panel in found.values()] == [18, 60, 180]
    whole = scored_panel(codes, factors, changed, metrics=CHEAP, resamples=0)
    assert found[3_000]["mig"].value == pytest.approx(whole["mig"].value)
    # Three pairs of each factor, the fewest that OMES takes: the part has as many of each.
    fewest = score_by_size(codes, factors, changed, sizes=[150], metrics=["omes"])
    assert fewest[150]["omes"].n_pairs == 9
    with pytest.raises(ValueError, match="3000 training rows"):
        score_by_size(codes, factors, changed, sizes=[4_000])


def test_same_seed_same_numbers():
    factors, changed = draw_design(300, 100, 20)
    codes = noisy_code(factors, np.random.default_rng(0))
    one, two, other = (
        scored_panel(codes, factors, changed, metrics=CHEAP, seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one["mig"].low != other["mig"].low


def test_reference_codes_are_what_they_are_called():
    factors, _ = draw_design(2_000, 100, 10)
    codes = reference_codes(factors, 4, np.random.default_rng(0))
    assert list(codes) == ["perfect", "rotated", "noisy", "duplicated", "merged", "noise"]
    doubled = duplicated_code(factors).train
    assert (doubled[:, :3] == doubled[:, 3:]).all()
    merged = merged_code(factors)
    assert merged.train.shape[1] == 2
    # Each pair of values has its own place, in every table the same.
    place = {tuple(row[:2]): z for row, z in zip(factors.train, merged.train[:, 0], strict=True)}
    assert len(set(place.values())) == 15
    assert all(
        place[tuple(row[:2])] == z for row, z in zip(factors.first, merged.first[:, 0], strict=True)
    )
    noise = codes["noisy"].train - codes["perfect"].train
    assert noise.std(axis=0) == pytest.approx([0.5] * 3, rel=0.05)


def test_a_rare_value_that_goes_with_one_group_leaves_no_interval_and_no_error():
    codes, factors = (np.arange(12.0)[:, None], np.eye(12, dtype=int)[:, :1])  # one row differs
    design = Design(codes, codes), Design(factors, factors)
    mig = scored_panel(*design, metrics=["mig"], resamples=3)["mig"]
    assert mig.value == pytest.approx(1)
    assert np.isnan([mig.low, mig.high]).all()


def test_one_row_cannot_be_left_out():
    design = Design(np.arange(4.0)[:, None], [[0.0]]), Design([[0], [1], [0], [1]], [[1]])
    mig = scored_panel(*design, metrics=["mig"], resamples=3)["mig"]
    assert np.isnan([mig.low, mig.high]).all()
