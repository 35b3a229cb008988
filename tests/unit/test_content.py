import os
import time
from pathlib import Path

import pytest

from fovscope.datasets import content
from fovscope.datasets.content import file_digests, path_content, target_content
from fovscope.datasets.listing import DataError

OLD = 1_000_000_000


def save(path, text, seconds=OLD):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))


@pytest.fixture
def folder(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        save(tmp_path / "images" / name, name)
    return tmp_path / "images"


@pytest.fixture
def read(monkeypatch):
    """The files that are read, as they are read."""
    files = []
    digest = content._digest
    monkeypatch.setattr(
        content, "_digest", lambda path: files.append(Path(path).name) or digest(path)
    )
    return files


def of(place, cache=None, **options):
    target = {"folder": str(place), "table": None, "masks": None} | options
    return target_content(target, cache or place.parent / "cache.json")


def test_unchanged_files_are_read_once(folder, read):
    first = of(folder)
    assert sorted(read) == ["1.png", "2.png", "3.png"]
    read.clear()
    assert of(folder) == first
    assert read == []


def test_touched_files_are_read_again_and_are_the_same(folder, read):
    first = of(folder)
    read.clear()
    os.utime(folder / "a/1.png", (OLD + 1, OLD + 1))
    assert of(folder) == first
    assert read == ["1.png"]


def test_a_file_that_is_younger_than_two_seconds_is_not_trusted(folder, read):
    save(folder / "a/1.png", "one", time.time())
    of(folder)
    read.clear()
    of(folder)
    assert read == ["1.png"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda f: save(f / "a/1.png", "a/x.png", OLD + 1),
        lambda f: save(f / "a/1.png", "a/x.png", OLD + 1e-3),
        lambda f: save(f / "a/1.png", "longer than before"),
        lambda f: save(f / "a/new.png", "new"),
        lambda f: (f / "a/1.png").unlink(),
        lambda f: (f / "a/1.png").rename(f / "b/1.png"),
        lambda f: (f / "a/1.png").rename(f / "a/0.png"),
    ],
    ids=["changed", "soon", "stamp kept", "added", "removed", "moved", "renamed in order"],
)
def test_content_counts(folder, edit):
    first = of(folder)
    edit(folder)
    assert of(folder) != first


def test_what_is_no_image_does_not_count(folder):
    first = of(folder)
    save(folder / "a/readme.txt", "hello")
    save(folder / "a/.hidden.png", "hello")
    assert of(folder) == first


def test_linked_folders_count(folder):
    (folder.parent / "elsewhere").mkdir()
    (folder / "c").symlink_to(folder.parent / "elsewhere")
    first = of(folder)
    save(folder.parent / "elsewhere/4.png", "new")
    assert of(folder) != first


def test_digests_that_cannot_be_kept_are_computed_each_time(folder, read):
    (folder.parent / "kept").symlink_to("nowhere")  # below it nothing can be written, by nobody
    cache = folder.parent / "kept/cache.json"
    assert of(folder, cache) == of(folder, cache)
    assert len(read) == 6


def test_another_place_with_the_same_content_is_the_same(folder):
    first = of(folder)
    folder.rename(folder.parent / "moved")
    assert of(folder.parent / "moved", folder.parent / "other.json") == first


def test_masks_count_and_a_damaged_cache_is_made_anew(folder):
    save(folder.parent / "masks/a/1.png", "mask")
    masks = str(folder.parent / "masks")
    first = of(folder, masks=masks)
    (folder.parent / "cache.json").write_text("{")
    assert of(folder, masks=masks) == first
    save(folder.parent / "masks/a/1.png", "other", OLD + 1)
    assert of(folder, masks=masks) != first


def test_of_a_table_its_text_and_the_files_that_it_lists_count(folder):
    table = folder / "table.csv"
    save(table, "path,label\na/1.png,x\na/2.png,y\n")

    def now():
        return of(folder, folder=None, table=str(table))

    first = now()
    save(folder / "b/3.png", "not listed", OLD + 1)
    assert now() == first
    save(folder / "a/1.png", "changed", OLD + 1)
    second = now()
    assert (second["sha256"] != first["sha256"], second["table_sha256"]) == (
        True,
        first["table_sha256"],
    )
    save(table, "path,label\na/1.png,y\na/2.png,y\n")
    third = now()
    assert {key for key in second if third[key] != second[key]} == {"table_sha256"}


def test_which_image_has_which_mask_counts_and_the_order_of_rows_does_not(folder):
    table = folder / "table.csv"

    def now(*rows):
        save(table, "\n".join(["path,mask,label", *rows]) + "\n")
        return of(folder, folder=None, table=str(table))["rows_sha256"]

    one, other = "a/1.png,a/2.png,x", "a/2.png,a/1.png,y"
    assert now(one, other) == now(other, one)
    assert now(one, other) != now("a/1.png,a/1.png,x", "a/2.png,a/2.png,y")


TABLE = "path,label,mask,note,size,Metadata_well\na/1.png,x,b/3.png,n,1,A1\na/2.png,y,,,2,A2\n"
SWAPPED = "note,size,label,path,mask,Metadata_well\nn,1,x,a/1.png,b/3.png,A1\n,2,y,a/2.png,,A2\n"


@pytest.mark.parametrize(
    ("written", "changed"),
    [
        ("\ufeff" + TABLE, set()),
        (TABLE.replace("\n", "\r\n"), set()),
        (SWAPPED, set()),
        (TABLE.replace(",n,", ",another note,").replace("note,", "remark,"), set()),
        (TABLE.replace("a/1.png", "./a//1.png"), set()),
        ("\n".join(TABLE.splitlines()[i] for i in (0, 2, 1)), set()),
        (TABLE.replace(",x,", ",z,"), {"table_sha256"}),
        (TABLE.replace(",2,", ",3,"), {"table_sha256"}),
        (TABLE.replace("A2", "B2"), {"table_sha256"}),
        (TABLE.replace("Metadata_well", "Metadata_plate"), {"table_sha256"}),
        (TABLE.replace("y,,", "y,b/3.png,"), {"table_sha256", "rows_sha256"}),
        (TABLE.replace("a/2", "b/3"), {"table_sha256", "rows_sha256", "sha256", "files"}),
    ],
)
def test_of_a_table_only_what_is_used_counts(folder, written, changed):
    table = folder / "table.csv"

    def now(text):
        table.write_text(text, encoding="utf-8", newline="")
        return of(folder, folder=None, table=str(table), factors=["size"])

    first, then = now(TABLE), now(written)
    assert {key for key in first if first[key] != then[key]} == changed


def test_of_a_folder_of_textures_only_what_is_read_counts(folder):
    for name in ("D11.tif", "d40.PNG", "D5.png", "deep/D40.png"):
        save(folder / name, name)

    def now():
        return path_content(str(folder), folder.parent / "cache.json", stems=("D11", "D40"))

    first = now()
    assert first["files"] == 2
    save(folder / "D5.png", "other", OLD + 1)
    save(folder / "deep/D40.png", "other", OLD + 1)
    (folder / "a/1.png").unlink()
    assert now() == first
    save(folder / "d40.PNG", "other", OLD + 1)
    assert now() != first


def test_the_masks_that_a_table_lists_count(folder):
    table = folder / "table.csv"
    save(table, "path,label,mask\na/1.png,x,b/3.png\n")
    first = of(folder, folder=None, table=str(table))
    save(folder / "b/3.png", "changed", OLD + 1)
    assert of(folder, folder=None, table=str(table)) != first


def test_a_listed_file_that_vanishes_is_noticed_even_if_it_was_young(folder):
    save(folder / "a/1.png", "young", time.time())
    cache = folder.parent / "cache.json"
    first = file_digests(folder, ["a/1.png"], cache)
    (folder / "a/1.png").unlink()
    assert file_digests(folder, ["a/1.png"], cache) != first


def test_a_missing_folder_is_named_with_its_neighbour(folder):
    with pytest.raises(DataError, match="did you mean 'images'"):
        of(folder.parent / "image")


def test_how_a_table_spells_a_path_does_not_count(folder):
    table = folder / "table.csv"
    save(table, "path,label\na/1.png,x\nb/3.png,y\n")
    first = of(folder, folder=None, table=str(table))
    save(table, "path;label\na\\1.png;x\n.\\b\\3.png; y\n;\n")
    assert of(folder, folder=None, table=str(table)) == first
    assert first["files"] == 2
