import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from fovscope import FovscopeError
from fovscope.features import store
from fovscope.features.store import (
    WHOLE,
    Layout,
    Part,
    SelectedRows,
    StoreError,
    fill_store,
    first_choice,
    join_parts,
    open_store,
    read_manifest,
    read_store,
    seal_store,
    verify_store,
)

LAYOUT = Layout(rows=700, columns=5, dtype="float32", shard_rows=256)


@pytest.fixture
def features(rng):
    return rng.standard_normal((LAYOUT.rows, LAYOUT.columns), dtype=np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def write_store(manifest, layout, identity, compute, parts=1):
    for part in WHOLE.cut(parts):
        fill_store(manifest, layout, identity, compute, part=part)
    seal_store(manifest, parts)
    for part in WHOLE.cut(parts):  # as Snakemake does
        manifest.with_name(part.note).unlink()


def computed(features):
    return lambda ranges: (features[start:stop] for start, stop in ranges)


def snapshot(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_round_trip_also_by_zarr_alone(tmp_path, features):
    write_store(tmp_path / "manifest.json", LAYOUT, {"model": "m"}, computed(features))
    np.testing.assert_array_equal(read_store(tmp_path / "manifest.json"), features)
    np.testing.assert_array_equal(
        read_store(tmp_path / "manifest.json", 100, 300), features[100:300]
    )
    np.testing.assert_array_equal(
        zarr.open_array(tmp_path / "features.zarr", mode="r")[:], features
    )
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["shape"] == [700, 5]
    assert manifest["model"] == "m"
    assert len(manifest["shards"]) == 3


@pytest.mark.parametrize("share", [0.0, 0.02, 0.8, 1.0])
def test_selected_rows_are_those_of_a_mask_whatever_is_asked_for_at_a_time(
    tmp_path, features, rng, share
):
    write_store(tmp_path / "manifest.json", LAYOUT, {}, computed(features))
    chosen = rng.random(LAYOUT.rows) < share
    rows = SelectedRows(open_store(tmp_path / "manifest.json"), chosen)
    assert (len(rows), rows.shape, rows.dtype) == (chosen.sum(), (chosen.sum(), 5), np.float32)
    blocks = [rows[start : start + 100] for start in range(0, LAYOUT.rows, 100)]
    np.testing.assert_array_equal(np.concatenate(blocks), features[chosen])


def test_half_precision_is_read_as_float32(tmp_path, features):
    layout = Layout(700, 5, "float16", 256)
    write_store(tmp_path / "manifest.json", layout, {}, computed(features))
    back = read_store(tmp_path / "manifest.json")
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, features.astype(np.float16).astype(np.float32))


@given(rows=st.integers(1, 40), shard=st.integers(1, 50))
def test_shards_cover_every_row_once(rows, shard):
    layout = Layout(rows, 1, "float32", shard)
    covered = [row for n in range(layout.shards) for row in range(*layout.bounds(n))]
    assert covered == list(range(rows))


class Killed(BaseException):
    """Stands for a kill: nothing in the code catches it."""


@pytest.mark.parametrize("finished", [0, 1, 2])
def test_restart_keeps_finished_shards_and_ends_byte_identical(tmp_path, features, finished):
    def dies(ranges):
        for n, (start, stop) in enumerate(ranges):
            if n == finished:
                raise Killed
            yield features[start:stop]

    asked = []

    def watched(ranges):
        asked.extend(ranges)
        return computed(features)(ranges)

    write_store(tmp_path / "whole/manifest.json", LAYOUT, {"a": 1}, computed(features))
    with pytest.raises(Killed):
        write_store(tmp_path / "cut/manifest.json", LAYOUT, {"a": 1}, dies)
    assert not (tmp_path / "cut/manifest.json").exists()
    write_store(tmp_path / "cut/manifest.json", LAYOUT, {"a": 1}, watched)
    assert asked == [LAYOUT.bounds(n) for n in range(finished, 3)]
    assert snapshot(tmp_path / "cut") == snapshot(tmp_path / "whole")


def test_shards_of_another_identity_or_damaged_ones_are_not_kept(tmp_path, features):
    def first_shard_only(ranges):
        yield features[slice(*ranges[0])] + 1
        raise Killed

    manifest = tmp_path / "manifest.json"
    with pytest.raises(Killed):
        write_store(manifest, LAYOUT, {"weights": "old"}, first_shard_only)
    write_store(manifest, LAYOUT, {"weights": "new"}, computed(features))
    np.testing.assert_array_equal(read_store(manifest), features)

    other = tmp_path / "damaged/manifest.json"
    with pytest.raises(Killed):
        write_store(other, LAYOUT, {}, first_shard_only)
    shard = tmp_path / "damaged/features.zarr/c/0/0"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x00")
    write_store(other, LAYOUT, {}, computed(features))
    np.testing.assert_array_equal(read_store(other), features)


@pytest.mark.parametrize(
    "damage",
    [
        lambda shard: shard.unlink(),
        lambda shard: shard.write_bytes(shard.read_bytes()[:-4]),
        lambda shard: shard.write_bytes(b"\xff" + shard.read_bytes()[1:]),
    ],
    ids=["deleted", "truncated", "flipped"],
)
def test_damage_is_found_and_named(tmp_path, features, damage):
    manifest = tmp_path / "manifest.json"
    write_store(manifest, LAYOUT, {}, computed(features))
    assert verify_store(manifest) == []
    damage(tmp_path / "features.zarr/c/1/0")
    (problem,) = verify_store(manifest)
    assert "features.zarr/c/1/0" in problem
    with pytest.raises(StoreError, match=r"c/1/0.*run the workflow again"):
        read_store(manifest)


def test_features_that_are_not_finite_are_named_and_never_written(tmp_path, features):
    features[300, 2] = np.nan
    with pytest.raises(StoreError, match=r"1 images are not finite \(rows 300 "):
        write_store(tmp_path / "manifest.json", LAYOUT, {}, computed(features))
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("value", [65_520.0, -7e4, 1e30])
def test_features_that_do_not_fit_into_half_precision_are_named(tmp_path, features, value):
    features[300, 2] = value
    with pytest.raises(
        StoreError, match=r"1 images are too large for float16 \(rows 300 .*float32"
    ):
        write_store(
            tmp_path / "manifest.json", Layout(700, 5, "float16", 256), {}, computed(features)
        )
    assert not (tmp_path / "manifest.json").exists()


def test_the_largest_number_of_half_precision_is_stored(tmp_path, features):
    features[300, 2] = 65_519  # rounds to 65504
    write_store(tmp_path / "manifest.json", Layout(700, 5, "float16", 256), {}, computed(features))
    assert read_store(tmp_path / "manifest.json")[300, 2] == 65_504


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
@pytest.mark.parametrize("value", [0, 3])
def test_rows_of_one_value_are_stored_like_any_others(tmp_path, dtype, value):
    rows = np.full((LAYOUT.rows, LAYOUT.columns), value, dtype)
    rows[300] = 7  # in the second of three shards
    layout = Layout(LAYOUT.rows, LAYOUT.columns, dtype, 256)
    manifest = tmp_path / "manifest.json"
    write_store(manifest, layout, {}, computed(rows))
    assert (read_store(manifest) == rows).all()
    assert verify_store(manifest) == []
    sizes = [(tmp_path / f"features.zarr/c/{n}/0").stat().st_size for n in range(layout.shards)]
    assert sizes[0] == sizes[1]

    def not_again(ranges):
        assert ranges == []
        return []

    fill_store(manifest, layout, {}, not_again)


def test_shards_that_zarr_cannot_cut_are_refused(tmp_path, features):
    with pytest.raises(ValueError, match="multiple of 256"):
        write_store(
            tmp_path / "manifest.json", Layout(700, 5, "float32", 300), {}, computed(features)
        )


@given(shards=st.integers(0, 60), parts=st.integers(1, 20), ranks=st.integers(1, 5))
def test_parts_and_their_parts_cover_every_shard_once(shards, parts, ranks):
    cut = [part.shards(shards) for part in WHOLE.cut(parts)]
    assert [shard for part in cut for shard in part] == list(range(shards))
    for part, shards_of_part in zip(WHOLE.cut(parts), cut, strict=True):
        finer = [shard for piece in part.cut(ranks) for shard in piece.shards(shards)]
        assert finer == list(shards_of_part)


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_store_does_not_depend_on_its_parts(tmp_path, features, parts):
    write_store(tmp_path / "one/manifest.json", LAYOUT, {"a": 1}, computed(features))
    write_store(tmp_path / "more/manifest.json", LAYOUT, {"a": 1}, computed(features), parts)
    assert snapshot(tmp_path / "more") == snapshot(tmp_path / "one")


def test_the_first_choice_holds_for_a_kind_of_device_and_a_content(tmp_path, features):
    manifest, numbers, chosen = tmp_path / "manifest.json", iter(range(10)), []

    def compute(ranges):
        devices = ("a", "b", "a")
        chosen.append([first_choice(manifest, name, partial(next, numbers)) for name in devices])
        return computed(features)(ranges)

    for identity in ({}, {}, {"model": "other"}):
        fill_store(manifest, LAYOUT, identity, compute)
    assert chosen == [[0, 1, 0], [0, 1, 0], [2, 3, 2]]


def test_another_cut_keeps_the_shards_of_the_first(tmp_path, features):
    asked = []

    def watched(ranges):
        asked.extend(ranges)
        return computed(features)(ranges)

    manifest = tmp_path / "manifest.json"
    fill_store(manifest, LAYOUT, {}, watched, part=Part(1, 2))
    fill_store(manifest, LAYOUT, {}, watched, part=Part(1, 1))
    seal_store(manifest)
    assert asked == [LAYOUT.bounds(shard) for shard in range(3)]
    assert [path.name for path in tmp_path.glob("part*of*")] == ["part1of1.json"]


def test_pieces_of_a_part_become_the_part(tmp_path, features):
    manifest = tmp_path / "manifest.json"
    for part in Part(2, 2).cut(2):
        fill_store(manifest, LAYOUT, {}, computed(features), part=part)
    join_parts(manifest, Part(2, 2), 2)
    assert [path.name for path in tmp_path.glob("part*of*")] == ["part2of2.json"]
    fill_store(manifest, LAYOUT, {}, computed(features), part=Part(1, 2))
    seal_store(manifest, 2)
    np.testing.assert_array_equal(read_store(manifest), features)


def test_a_store_with_a_part_of_other_content_is_not_sealed(tmp_path, features):
    manifest = tmp_path / "manifest.json"
    fill_store(manifest, LAYOUT, {"weights": "old"}, computed(features), part=Part(1, 2))
    fill_store(manifest, LAYOUT, {"weights": "new"}, computed(features), part=Part(2, 2))
    with pytest.raises(StoreError, match=r"different images, code or versions; delete part"):
        seal_store(manifest, 2)
    assert not manifest.exists()


def test_a_note_of_other_content_than_the_shards_seals_nothing(tmp_path, features):
    manifest = tmp_path / "manifest.json"
    fill_store(manifest, LAYOUT, {"weights": "old"}, computed(features))
    fill_store(manifest, LAYOUT, {"weights": "new"}, computed(features), part=Part(1, 2))
    with pytest.raises(StoreError, match="made from something else; delete part"):
        seal_store(manifest)
    assert not manifest.exists()


@pytest.mark.parametrize("late", ["features.zarr/c/1/0", "parts/000001.json"])
def test_a_shard_that_a_file_server_shows_late_is_waited_for(tmp_path, features, monkeypatch, late):
    manifest, seconds = tmp_path / "manifest.json", []
    fill_store(manifest, LAYOUT, {}, computed(features))
    content = (tmp_path / late).read_bytes()
    (tmp_path / late).unlink()

    def sleep(pause):
        seconds.append(pause)
        if sum(seconds) >= 30:
            (tmp_path / late).write_bytes(content)

    clock = SimpleNamespace(sleep=sleep, monotonic=lambda: sum(seconds))
    monkeypatch.setattr(store, "time", clock)
    with pytest.raises(StoreError, match="is missing"):
        seal_store(manifest, patience=20)
    assert not manifest.exists()
    seal_store(manifest, patience=20)  # as a plain rerun
    np.testing.assert_array_equal(read_store(manifest), features)


def test_a_store_with_a_lost_shard_is_not_sealed(tmp_path, features):
    manifest = tmp_path / "manifest.json"
    fill_store(manifest, LAYOUT, {}, computed(features))
    (tmp_path / "features.zarr/c/1/0").unlink()
    with pytest.raises(StoreError, match=r"c/1/0 is missing; run .* again; .* delete part\*of\*"):
        seal_store(manifest)
    (tmp_path / "parts/000001.json").unlink()
    with pytest.raises(StoreError, match="shard 1 is missing"):
        seal_store(manifest)
    assert not manifest.exists()


def test_other_content_takes_the_manifest_of_the_old_away_first(tmp_path, features):
    manifest = tmp_path / "manifest.json"
    write_store(manifest, LAYOUT, {"weights": "old"}, computed(features))
    fill_store(manifest, LAYOUT, {"weights": "new"}, computed(features), part=Part(1, 2))
    assert not manifest.exists()


@pytest.fixture
def small(tmp_path, features):
    """Return the manifest of a small whole store."""
    layout = Layout(20, 5, "float32", 8)
    write_store(tmp_path / "small/manifest.json", layout, {"model": "m"}, computed(features))
    return tmp_path / "small/manifest.json"


def flipped(path, place):
    data = path.read_bytes()
    path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
    return data


@pytest.mark.parametrize("file", ["zarr.json", "c/0/0", "c/2/0"])
def test_no_flipped_byte_of_a_payload_is_read(small, features, file):
    path = small.with_name("features.zarr") / file
    for place in range(0, path.stat().st_size, 7):
        data = flipped(path, place)
        with pytest.raises(StoreError, match=f"{file} has other content.*run the workflow again"):
            read_store(small)
        path.write_bytes(data)
    np.testing.assert_array_equal(read_store(small), features[:20])


@pytest.mark.parametrize("rows", [slice(3, 5), [3, 4], np.arange(20) < 2], ids=type)
def test_only_the_shards_of_the_rows_are_compared(small, features, rows):
    flipped(small.with_name("features.zarr") / "c/2/0", 3)
    np.testing.assert_array_equal(open_store(small).oindex[rows], features[:20][rows])
    for of_all in (slice(None), [0, 19], np.ones(20, bool)):
        with pytest.raises(StoreError, match="c/2/0 has other content"):
            open_store(small).oindex[of_all]


def test_a_shard_that_goes_while_the_store_is_open_is_no_row_of_zeros(small):
    store = open_store(small)
    (small.with_name("features.zarr") / "c/1/0").unlink()
    with pytest.raises(StoreError, match="c/1/0 is missing"):
        store[:]


def test_no_flipped_byte_of_a_manifest_is_believed(small):
    for place in range(small.stat().st_size):
        data = flipped(small, place)
        with pytest.raises(FovscopeError, match=r"damaged.*run the workflow again"):
            open_store(small)
        small.write_bytes(data)
    assert read_manifest(small)["model"] == "m"
    small.write_text(json.dumps(read_manifest(small)))  # by another hand, without a digest
    with pytest.raises(FovscopeError, match="damaged after it was written"):
        read_manifest(small)
