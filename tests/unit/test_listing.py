"""What folders and tables say of images: one reading for all who ask."""

import pytest

from fovscope.datasets.layout import list_folder
from fovscope.datasets.listing import DataError
from fovscope.datasets.tables import listed_path, read_columns


def folder_of(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_class_folders_split_folders_and_masks(tmp_path):
    names = [f"{split}/{label}/deep/1.png" for split in ("train", "test") for label in "ba"]
    folder = folder_of(tmp_path / "images", *names)
    masks = folder_of(tmp_path / "masks", *(name.replace("png", "tif") for name in names))
    (masks / "train/a/deep/spare.png").touch()
    listing = list_folder(folder, masks)
    assert listing.columns["path"] == sorted(names)
    assert listing.columns["label"] == ["a", "b", "a", "b"]
    assert listing.columns["split"] == ["test", "test", "train", "train"]
    assert listing.columns["mask"][0] == "../masks/test/a/deep/1.tif"
    assert listing.problems == {}
    spare = "../masks/train/a/deep/spare.png"
    assert listing.files == {*names, *listing.columns["mask"], spare}


def test_images_without_class_folders_have_no_labels_unless_they_must(tmp_path):
    flat = folder_of(tmp_path / "flat", "1.png", "2.png")
    assert list_folder(flat).columns == {"path": ["1.png", "2.png"]}
    with pytest.raises(DataError, match=r"directly in .*flat: put them into one"):
        list_folder(flat, labelled=True)
    split = folder_of(tmp_path / "split", "train/1.png", "test/2.png")
    assert "label" not in list_folder(split).columns
    assert list_folder(split).columns["split"] == ["test", "train"]
    classes = folder_of(tmp_path / "classes", "a/1.png", "b/2.png", "3.png")
    assert list_folder(classes).columns == {"path": ["a/1.png", "b/2.png"], "label": ["a", "b"]}
    assert [*list_folder(classes).problems.values()] == [["3.png"]]
    assert list_folder(classes, labelled=False).columns["path"] == ["3.png", "a/1.png", "b/2.png"]
    assert list_folder(classes).files == {"3.png", "a/1.png", "b/2.png"}


def test_masks_that_are_missing_or_double_are_problems(tmp_path):
    folder = folder_of(tmp_path / "images", "a/1.png", "b/2.png")
    masks = folder_of(folder / "masks", "a/1.png", "a/1.tif")
    listing = list_folder(folder, masks)
    assert listing.columns["path"] == ["a/1.png", "b/2.png"]
    assert listing.columns["mask"] == [None, None]
    assert sorted(map(tuple, listing.problems.values())) == [
        ("a/1.png: 1.png and 1.tif",),
        ("b/2.png",),
    ]


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        list_folder(tmp_path)


def test_cells_are_text_and_how_a_table_is_written_does_not_count(tmp_path):
    expected = {"path": ["1.png", "2.png"], "label": ["007", 'NA, "x"'], "size": ["1.50", ""]}
    plain = 'path,label,size\n1.png,007,1.50\n2.png,"NA, ""x""",\n'
    spellings = [
        plain,
        "\ufeff" + plain.replace("\n", "\r\n"),
        plain.replace("\n", "\n\n"),
        'path,label,size,\n1.png,007,1.50,\n2.png,"NA, ""x"""\n',
    ]
    for text in spellings:
        (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
        assert read_columns(tmp_path / "t.csv") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "no line of names"),
        (b"path,label\n1.png,a\n2.png,b,c\n", "line 3: 3 cells in a row of a table of 2 columns"),
        (b"path,label,path\n1.png,a,b\n", "names columns twice: path"),
        (b'path,label\n1.png,"a\n', "is not a CSV in UTF-8"),
        ("path,label\n1.png,ä\n".encode("latin-1"), "is not a CSV in UTF-8"),
        (b"PK\x03\x04\x00\xff", "is not a CSV in UTF-8"),
    ],
)
def test_what_is_no_table_is_an_error_in_words(tmp_path, text, words):
    (tmp_path / "t.csv").write_bytes(text)
    with pytest.raises(DataError, match=words):
        read_columns(tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"did you mean 't\.csv'"):
        read_columns(tmp_path / "tt.csv")


def test_a_listed_path_has_one_form(tmp_path):
    root = tmp_path / "data"
    spelled = ["a/1.png", "./a//1.png", "b/../a/1.png", "../data/a/1.png", f"{root}/a/1.png"]
    assert {listed_path(cell, root) for cell in spelled} == {"a/1.png"}
    assert listed_path("../masks/1.png", root) == "../masks/1.png"
