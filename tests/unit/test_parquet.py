"""A table that is read is the table that was written, or an error."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fovscope.runtime.parquet import TableError, read_table, write_table


@pytest.fixture
def table():
    """Return a table of every type that jobs write."""
    return pd.DataFrame(
        {
            "image_id": ["a/1.png", "b/ä.png", None],
            "mask_path": [None, None, None],
            "width": [1, 2, 3],
            "seed": pd.array([1, None, 3], "Int64"),
            "value": [1.5, np.nan, -0.0],
            "z0": np.array([1, 2, np.inf], np.float32),
            "active": [True, False, True],
            "decoded": [b"\x89PNG", b"", None],
            "when": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
        }
    )


def test_a_table_comes_back_also_to_a_user_of_pandas(tmp_path, table):
    path = tmp_path / "x=1/t.parquet"  # a name of which some readers make a column
    write_table(path, table)
    pd.testing.assert_frame_equal(read_table(path), table)
    pd.testing.assert_frame_equal(pd.read_parquet(path, partitioning=None), table)
    pd.testing.assert_frame_equal(read_table(path, ["z0", "image_id"]), table[["z0", "image_id"]])


def test_equal_tables_are_equal_files(tmp_path, table):
    for name, written in {"a": table, "b": table.copy(), "c": table.iloc[::-1].iloc[::-1]}.items():
        write_table(tmp_path / name, written)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b == c


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_few_rows(tmp_path, table, rows):
    write_table(tmp_path / "t.parquet", table.head(rows))
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "t.parquet"), table.head(rows), check_dtype=False
    )


def test_the_digest_does_not_depend_on_how_a_file_is_cut(tmp_path, table):
    long = pd.concat([table] * 50, ignore_index=True)
    write_table(tmp_path / "t.parquet", long)
    whole = pq.read_table(tmp_path / "t.parquet")
    pq.write_table(whole, tmp_path / "cut.parquet", row_group_size=7, compression="none")
    pd.testing.assert_frame_equal(read_table(tmp_path / "cut.parquet"), long)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(value=[1.5, np.nan, 0.0]),
        lambda t: t.assign(value=[1.5, 0.0, -0.0]),
        lambda t: t.assign(width=[1, 2, 4]),
        lambda t: t.assign(width=t["width"].astype("int32")),
        lambda t: t.assign(active=[True, True, True]),
        lambda t: t.assign(image_id=["a/1.pn", "gb/ä.png", None]),
        lambda t: t.assign(image_id=["a/1.png", "b/ä.png", ""]),
        lambda t: t.assign(decoded=[b"\x89PNG", None, b""]),
        lambda t: t.rename(columns={"z0": "z1"}),
        lambda t: t[[*t.columns[1:], "image_id"]],
        lambda t: t.iloc[::-1],
        lambda t: t.head(2),
    ],
)
def test_every_change_of_the_content_is_noticed(tmp_path, table, change):
    write_table(tmp_path / "t.parquet", table)
    metadata = pq.read_schema(tmp_path / "t.parquet").metadata
    changed = pa.Table.from_pandas(change(table), preserve_index=False)
    metadata = changed.schema.metadata | {b"fovscope.sha256": metadata[b"fovscope.sha256"]}
    pq.write_table(changed.replace_schema_metadata(metadata), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="damaged after it was written; delete it and run the"):
        read_table(tmp_path / "t.parquet")


def check_flips(path, table, places):
    """Assert that a flipped byte is an error or no change; return how many are errors."""
    data, errors = path.read_bytes(), []
    for place, mask in places:
        path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
        try:
            found = read_table(path)
        except TableError as error:
            errors.append(str(error))
        else:
            pd.testing.assert_frame_equal(found, table)
    assert all(str(path) in error and "run the workflow again" in error for error in errors)
    return len(errors)


def test_no_flipped_byte_of_a_table_gives_another_table(tmp_path, table):
    small = table[["image_id", "value", "active"]]
    write_table(tmp_path / "t.parquet", small)
    size = (tmp_path / "t.parquet").stat().st_size
    errors = check_flips(tmp_path / "t.parquet", small, [(place, 0xFF) for place in range(size)])
    assert errors > size / 2  # what remains are statistics and paddings that nobody reads


@pytest.mark.slow
def test_no_flipped_bit_of_a_larger_table_gives_another_table(tmp_path, table):
    rng = np.random.default_rng(0)
    larger = pd.concat([table] * 300, ignore_index=True)
    larger["z0"] = rng.standard_normal(len(larger)).astype(np.float32)
    write_table(tmp_path / "t.parquet", larger)
    size = (tmp_path / "t.parquet").stat().st_size
    places = [(int(rng.integers(size)), 1 << int(rng.integers(8))) for _ in range(2000)]
    assert check_flips(tmp_path / "t.parquet", larger, places) > 0


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet at all"])
def test_what_is_no_parquet_is_an_error_in_words(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(TableError, match=r"t\.parquet is damaged \(.*run the workflow again"):
        read_table(tmp_path / "t.parquet")


def test_a_table_without_a_digest_is_read_only_where_it_is_not_ours(tmp_path, table):
    table.to_parquet(tmp_path / "t.parquet", index=False)
    with pytest.raises(TableError, match="no digest"):
        read_table(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet", ours=False), table)


def test_a_file_that_is_not_there_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "t.parquet")


def test_what_cannot_be_compared_cannot_be_written(tmp_path):
    with pytest.raises(TypeError, match="list"):
        write_table(tmp_path / "t.parquet", pd.DataFrame({"a": [[1], [2]]}))
    assert list(tmp_path.iterdir()) == []
