"""What folders and tables say of images: one reading for all who ask."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovscope.datasets.classes import class_names
from fovscope.datasets.layout import list_folder
from fovscope.datasets.listing import DataError, find_images, image_files
from fovscope.datasets.stores import content, digest_of
from fovscope.datasets.tables import listed_path, listed_paths, read_columns, with_decimal_points


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


# Folders ------------------------------------------------------------------------------------


LEFT_OVERS = [
    *("a/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", "#recycle/a/1.png", "#snapshot/a/1.png"),
    *("@Recycle/1.png", "a/.@__thumb/s1.jpg", "@Recently-Snapshot/a/1.png", "~snapshot/a/1.png"),
    *(".snapshot/a/1.png", "$RECYCLE.BIN/1.png", "System Volume Information/1.png"),
    *("lost+found/1.png", ".Trash-1000/files/1.png", "__MACOSX/a/._1.png", "a/._1.png"),
    *("a/.ipynb_checkpoints/1-checkpoint.png", ".Trashes/501/1.png", "@sharesnap/a/1.png"),
    *("Papierkorb/1.png", "_gsdata_/_saved_/a/1.png", "a/Corbeille/1.png", "trashbox/1.png"),
]


def test_what_systems_leave_behind_is_no_image_and_no_class(tmp_path):
    folder = folder_of(tmp_path, "a/1.png", "b/2.PNG", *LEFT_OVERS, "a/Thumbs.db")
    assert image_files(folder) == ["a/1.png", "b/2.PNG"]
    listing = list_folder(folder)
    assert (listing.columns["label"], listing.remarks) == (["a", "b"], {})


def test_each_real_folder_is_entered_once_whatever_links_there_are(tmp_path):
    folder = folder_of(tmp_path / "images", "a/1.png", "b/deep/2.png")
    other = folder_of(tmp_path / "other", "3.png")
    for link, to in {
        **{"a/self": ".", "a/up": "..", "b/up": "..", "a/b": "../b", "b/a": "../a"},  # mutual
        **{"a/out": "../..", "b/root": "/", "loop": "loop", "0first": "a", "broken": "gone"},
        **{"c": "../other", "d": "../other", "a/file.png": "1.png"},
    }.items():
        (folder / link).symlink_to(to)
    (other / "back").symlink_to(folder)
    assert image_files(folder) == ["a/1.png", "a/file.png", "b/deep/2.png", "c/3.png"]
    remark = list_folder(folder).remarks
    cases = remark["folders without an image that can be read, which are left out"]
    assert [case.partition(" (a link")[0] for case in cases] == ["0first", "d"]


def test_a_folder_that_is_left_out_is_so_by_any_of_its_names(tmp_path):
    folder = folder_of(tmp_path / "images", "a/1.png", "masks/a/1.png")
    (tmp_path / "alias").symlink_to(folder / "masks")
    found = find_images(folder, without=tmp_path / "alias")
    assert (found.images, [*found.folders]) == (["a/1.png"], ["a"])


def test_pipes_are_no_images_and_links_to_files_are(tmp_path):
    folder = folder_of(tmp_path, "a/1.png", "b/2.png")
    os.mkfifo(folder / "a/pipe.png")
    for link, to in {
        "a/3.png": "1.png",
        "b/gone.png": "nowhere",
        "b/to.png": "../a/pipe.png",
    }.items():
        (folder / link).symlink_to(to)
    found = find_images(folder)
    assert found.images == ["a/1.png", "a/3.png", "b/2.png", "b/gone.png"]
    assert found.passed_over() == {"pipe or device": 2}
    for read in (content, digest_of):  # as a table may list it
        with pytest.raises(DataError, match=r"pipe\.png is a pipe or a device; list a file"):
            read(folder / "a/pipe.png")


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    folder_of(tmp_path, "a/1.png", "b/2.png")
    scandir = os.scandir

    def deny(path):
        if os.fspath(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(DataError, match=r"folder .*/b cannot be read: Permission denied"):
        image_files(tmp_path)


@pytest.mark.parametrize("place", [b"caf\xe9/1.png", b"a/caf\xe9.png"])
def test_a_name_that_is_not_utf8_is_spelled_out(tmp_path, place):
    folder_of(tmp_path, "a/1.png")
    path = os.path.join(os.fsencode(tmp_path), place)  # noqa: PTH118
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    open(path, "wb").close()  # noqa: PTH123
    with pytest.raises(DataError, match=r"not UTF-8 \(1\); rename them(.|\n)*caf\\xe9") as error:
        list_folder(tmp_path)
    str(error.value).encode()
    plain = folder_of(tmp_path / "plain", "a/1.png")
    name = os.path.join(os.fsencode(plain), b"notes \xe9.txt")  # noqa: PTH118
    open(name, "wb").close()  # noqa: PTH123
    assert image_files(plain) == ["a/1.png"]  # what is no image may be called anything


def test_forms_of_unicode_make_neither_classes_nor_masks_different(tmp_path):
    nfd = unicodedata.normalize("NFD", "Zün")
    names = [f"train/Zün/{nfd}.png", f"test/{nfd}/2.png", "train/a/1.png", "test/a/1.png"]
    folder = folder_of(tmp_path / "images", *names)
    masks = folder_of(
        tmp_path / "masks", "train/Zün/Zün.png", "test/Zün/2.png", "train/a/1.png", "test/a/1.png"
    )
    listing = list_folder(folder, masks)
    assert listing.columns["path"] == sorted(names)
    assert set(listing.columns["label"]) == {"Zün", "a"}
    assert listing.problems == {}


# Splits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        *[("Training", "Validation", "Testing"), ("TRAIN", "VAL", "TEST")],
        *[("train", "valid", "test"), ("train_set", "dev-set", "test set")],
        *[("train_images", "val_images", "test_images"), ("01_train", "02_val", "03_test")],
        *[("train", "eval", "held-out"), ("train", "val", "evaluation")],
        *[("train2017", "val2017", "test2017"), ("images_train", "images_val", "images_test")],
        *[("cells_train", "cells_val", "cells_test"), ("split-train", "split-val", "split-test")],
        *[("train 1", "val 1", "test 1"), ("Trainingsdaten", "Validierungsdaten", "Testdaten")],
        *[("entrenamiento", "validación", "prueba"), ("训练集", "验证集", "测试集")],
        *[
            ("Обучение", "Проверка", "Тест"),
            ("학습", "검증", "테스트"),
            ("تدريب", "تحقق", "اختبار"),
        ],
        *[("opleiding", "validatie", "toets"), ("eğitim", "doğrulama", "test")],
    ],
)
@pytest.mark.parametrize("place", ["{split}/{label}/1.png", "{label}/{split}/1.png"])
def test_splits_in_other_words_are_no_classes(tmp_path, train, val, test, place):
    words = {train: "train", val: "val", test: "test"}
    names = [place.format(split=word, label=label) for word in words for label in ("a", "b")]
    listing = list_folder(folder_of(tmp_path, *names))
    assert listing.problems == {}
    for path, label, split in zip(*listing.columns.values(), strict=True):
        word = next(word for word in words if word in path.split("/"))
        assert (label in path.split("/"), split) == (True, words[word])
    target = {"folder": str(tmp_path), "table": None, "masks": None}
    assert class_names(target) == ["a", "b"]


def test_splits_in_other_words_without_classes(tmp_path):
    listing = list_folder(folder_of(tmp_path, "Training/1.png", "Testing/2.png"))
    assert listing.columns == {
        "path": ["Testing/2.png", "Training/1.png"],
        "split": ["test", "train"],
    }


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("train/a", "eval/a"), "'eval' and 'train' do not say which images to test on"),
        (("train/a", "Training/a", "test/a"), "'Training' and 'train' both mean 'train'"),
        (("all/train/a", "all/test/a"), "folders of splits lie in 'all'; give .*/all"),
        (("fold1/train/a", "fold1/test/a", "fold2/train/a"), "lie in 'fold1' and 'fold2'; give"),
    ],
)
def test_splits_that_can_be_meant_in_two_ways_are_an_error(tmp_path, folders, words):
    with pytest.raises(DataError, match=words):
        list_folder(folder_of(tmp_path, *(f"{folder}/1.png" for folder in folders)))


def test_a_folder_beside_those_of_splits_and_splits_without_a_test(tmp_path):
    folder = folder_of(tmp_path / "a", *(f"{n}/a/1.png" for n in ("Training", "Testing", "more")))
    (kind,) = list_folder(folder).problems
    assert kind == "folders beside 'Training' and 'Testing'; rename or move them"
    folder = folder_of(tmp_path / "b", "train/a/1.png", "validation/a/1.png")
    (kind,) = list_folder(folder).problems
    assert "without one to test on; rename the other one to 'test'" in kind


def test_classes_that_are_called_like_splits_are_not_taken_for_them_without_a_word(tmp_path):
    folder = folder_of(tmp_path, "control/1.png", "test/2.png")
    listing = list_folder(folder)
    assert listing.columns["label"] == ["control", "test"]
    assert [*listing.remarks.values()] == [["test"]]
    plain = folder_of(tmp_path / "x", "testis/1.png", "trainer/2.png", "values/3.png")
    assert list_folder(plain).remarks == {}


def test_images_one_folder_too_deep_and_beside_inner_splits_are_named(tmp_path):
    folder = folder_of(tmp_path / "a", "data/a/1.png", "data/b/2.png")
    ((kind, cases),) = list_folder(folder).problems.items()
    assert "a single folder that holds everything" in kind
    assert cases == [str(folder / "data")]
    folder = folder_of(tmp_path / "c", "x/y/train/a/1.png", "x/y/test/a/2.png")
    assert [*list_folder(folder).problems.values()] == [[str(folder / "x/y")]]
    folder = folder_of(tmp_path / "d", "train/images/a/1.png", "test/images/b/2.png")
    assert [*list_folder(folder).problems.values()] == [
        [str(folder / "test/images"), str(folder / "train/images")]
    ]
    folder = folder_of(tmp_path / "b", "a/train/1.png", "a/test/2.png", "b/train/3.png", "b/4.png")
    assert [*list_folder(folder).problems.values()] == [["b/4.png"]]


def test_folders_without_an_image_that_can_be_read_are_named(tmp_path):
    folder = folder_of(tmp_path, "a/1.png", "b/deep/2.png", "w/1.webp", "w/2.WEBP", "c/x/1.czi")
    folder_of(folder, "b/notes.txt", "c/notes.txt")
    (folder / "empty/deeper").mkdir(parents=True)
    (folder / "a/inner").mkdir()  # means nothing
    remarks = list(list_folder(folder).remarks.values())
    left_out = ["c (.czi: 1, .txt: 1)", "empty (empty)", "w (.WEBP: 1, .webp: 1)"]
    assert remarks == [left_out, [".WEBP (1 files)", ".czi (1 files)", ".webp (1 files)"]]
    split = folder_of(tmp_path / "split", "train/a/1.png", "train/b/1.png", "test/a/1.png")
    (split / "test/b").mkdir()
    (split / "val").mkdir()
    ((_, cases),) = list_folder(split).remarks.items()
    assert cases == ["test/b (empty)", "val (empty)"]
    with pytest.raises(
        DataError, match=r"holds no images \(.*\); other files are there \(\.czi: 1.*\): convert"
    ):
        list_folder(tmp_path / "c")


# Tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_how_spreadsheets_write_a_table_does_not_count(tmp_path, encoding, delimiter, end):
    rows = [["Path", " label ", "Größe"], ["a/1.png", " Körper", "1,5 "], ["b/2.png", "b c", ""]]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in rows]
    lines = [delimiter.join(row) for row in quoted] + [delimiter * 3]
    text = end.join(lines)
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "t.csv").write_bytes((mark + text).encode(encoding))
    columns = {"path": ["a/1.png", "b/2.png"], "label": ["Körper", "b c"], "Größe": ["1,5", ""]}
    assert read_columns(tmp_path / "t.csv") == columns
    (tmp_path / "t.csv").write_bytes(f"sep={delimiter}\r\n{text}".encode())
    assert read_columns(tmp_path / "t.csv") == columns


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            "path,label\n1.png,a\n2.png,Körper\n".encode("cp1252"),
            "line 3: byte 0xf6, which is 'ö'.*'CSV UTF-8'",
        ),
        ("path,label\n1.png,a\n".encode("utf-16-le"), "UTF-8: it holds bytes of 0"),
        (b"PK\x03\x04rest", "but a workbook; in Excel, save it"),
        (b"path,label\n1.png,a, b\n", "line 2: 3 cells .* quote cells with a comma in them"),
        (b"path;label\n\n1.png;a;b\n", "line 3: 3 cells .* quote cells with a semicolon"),
        (b"path, path \n1.png,1.png\n", "names columns twice: path"),
        (b'"path,label"\n"1.png,a"\n', "has quotes around each line, .* take them out"),
        (b'"file;PATH"\n"a;1.png"\n', "has quotes around each line, .* take them out"),
        (b"path  label\n1.png a\n2.png b\n", "has blanks between its cells; .* by commas"),
    ],
)
def test_tables_that_must_be_saved_otherwise_say_how(tmp_path, data, words):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(DataError, match=words):
        class_names({"table": str(tmp_path / "t.csv"), "folder": None, "masks": None})


def test_one_column_whose_name_has_two_words_is_one_column(tmp_path):
    (tmp_path / "t.csv").write_text("image path\n1.png\nmy 2.png\n")
    assert read_columns(tmp_path / "t.csv") == {"image path": ["1.png", "my 2.png"]}


def test_a_column_is_found_in_any_case_unless_there_is_one_as_written(tmp_path):
    (tmp_path / "t.csv").write_text("PATH,Label,label,Mask\n1.png,x,y,\n")
    assert [*read_columns(tmp_path / "t.csv")] == ["path", "Label", "label", "mask"]


def test_a_listed_path_is_found_with_backslashes_and_in_any_form_of_unicode(tmp_path):
    nfc, nfd = (unicodedata.normalize(form, "Zü/ä ö.png") for form in ("NFC", "NFD"))
    mixed = f"{nfc.partition('/')[0]}/{nfd.partition('/')[2]}"
    for root, there, listed in (
        *((tmp_path / "1", nfc, nfd), (tmp_path / "2", nfd, nfc), (tmp_path / "3", mixed, nfc)),
        *((tmp_path / "4", "a/b/1.png", r"a\b\1.png"), (tmp_path / "5", "a/1.png", r".\a\1.png")),
        *((tmp_path / "6", r"a\1.png", r"a\1.png"), (tmp_path / "7", nfd, nfc.replace("/", "\\"))),
    ):
        folder_of(root, there)
        assert listed_paths([listed, ""], root) == [there, ""]
    both = folder_of(tmp_path / "8", nfc, nfd)  # each is what is written
    assert listed_paths([nfc, nfd], both) == [nfc, nfd]
    assert listed_paths([r"C:\x\1.png", "ü.png"], both) == [r"C:\x\1.png", "ü.png"]


def test_files_whose_names_look_the_same_are_not_guessed(tmp_path):
    marks = ["q\u0323\u0307.png", "q\u0307\u0323.png"]  # dots above and below, in both orders
    try:
        folder_of(tmp_path, f"d/{marks[1]}", "d/q\u0307\u0323\u0301.png")
    except OSError:
        pytest.skip("this file system composes names")
    assert listed_paths([f"d/{marks[0]}"], tmp_path) == [f"d/{marks[1]}"]
    triple = ["\u1e69.png", "s\u0323\u0307.png", "s\u0307\u0323.png"]
    folder_of(tmp_path / "e", *triple[1:])
    with pytest.raises(DataError, match="differ in their Unicode form only"):
        listed_paths([triple[0]], tmp_path / "e")


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 2)), min_size=1))
def test_decimal_commas_are_read_as_points(values):
    cells = [str(value) for value in values]
    assert with_decimal_points([cell.replace(".", ",") for cell in cells]) == cells


@pytest.mark.parametrize(
    "cells", [["1,500", "2,250"], ["1,5", "a"], ["1,5", "2.5"], ["1.234,5"], ["a, b"], ["1", ""]]
)
def test_what_may_be_no_decimal_comma_stays(cells):
    assert with_decimal_points(cells) == cells


def test_masks_beside_images_are_no_class(tmp_path):
    for kind in ("Images", "Masks"):
        for number in range(6):
            place = tmp_path / kind / f"{number}.png"
            place.parent.mkdir(exist_ok=True)
            place.touch()
    (problem,) = list_folder(tmp_path).problems.items()
    assert problem[0].startswith("folders of masks that would be classes; set 'masks'")
    assert problem[1] == ["Masks"]
    (tmp_path / "Masks").rename(tmp_path / "gt")
    assert list_folder(tmp_path / "Images", tmp_path / "gt").problems == {}
    for path in (tmp_path / "gt").iterdir():  # whatever they are called, beside images only
        path.rename(path.with_stem(f"other{path.stem}"))
    assert [*list_folder(tmp_path).problems.values()] == [["gt"]]
    (tmp_path / "Images").rename(tmp_path / "goat")  # a class, of that name
    listing = list_folder(tmp_path)
    assert (listing.problems, [*listing.remarks.values()]) == ({}, [["gt"]])


@pytest.mark.parametrize(
    ("image", "mask", "named"),
    [
        *[("images/{k}", "masks/{k}_mask", "masks"), ("image/img{k}", "mask/msk{k}", "mask")],
        *[("imagesTr/{k}_0000", "labelsTr/{k}", "labelsTr"), ("Raw/{k}", "seg/x{k}", "seg")],
        *[("images/{c}/{k}", "masks/{c}/{k}_mask", "masks"), ("{c}/{k}", "label_{c}/{k}", "label")],
        *[("{c}/images/{k}", "{c}/masks/m{k}", "masks"), ("{c}/{k}", "{c}_masks/{k}", "_masks")],
        *[("{c}/{k}", "masks/{c}/Mask of {k}", "masks"), ("{c}/{k}", "{c}/gt/gt{k}", "gt")],
        *[("{c}/{c} ({k})", "{c}/{c} ({k})_mask", "_mask"), ("{c}/{k}", "{c}/mask_{k}", "mask_")],
        *[("{c}/{c} ({k})", "{c}/{c} ({k})_mask_1", "_mask_1"), ("{c}/{k}", "{c}/{k}Mask", "Mask")],
        *[("{c}/{k}", "{c}/{k}_cp_masks", "_cp_masks"), ("{c}/{k}", "{c}/Mask of {k}", "Mask of")],
        *[("{c}/{c}_image{k}", "{c}/{c}_mask{k}", "_mask"), ("{c}/{k}_rgb", "{c}/{k}_gt", "_gt")],
        *[("{c}/img_{k}", "{c}/mask_{k}", "mask_"), ("{c}/{k}/image", "{c}/{k}/mask", "/mask")],
        *[("{c}/{k}", "ground truth/{c}/{k}", "ground truth"), ("{c}/{k}.", "{c}/{k}._seg", "seg")],
    ],
)
def test_masks_are_no_images_however_they_are_called(tmp_path, image, mask, named):
    names = [
        f"{name.format(c=c, k=k)}.png" for name in (image, mask) for c in "ab" for k in range(3)
    ]
    problems = list_folder(folder_of(tmp_path, *names)).problems
    cases = [case for kind, found in problems.items() if "set 'masks' to" in kind for case in found]
    assert cases
    assert all(named in case for case in cases)


@pytest.mark.parametrize(
    ("classes", "image", "remarked"),
    [
        *[(("masked palm civet", "cat"), "{k}", []), (("SEG", "BAND"), "{k}", [])],
        *[(("label 1", "label 2", "x"), "{k}", []), (("label", "seg", "x"), "{k}", [])],
        *[(("with_mask", "without_mask"), "{c}_{k}", []), (("masquerade", "a"), "mask{k}", [])],
        *[(("ski mask", "hat"), "{k}", ["ski mask"]), (("raw", "cooked"), "raw_{k}", [])],
        *[(("gt", "a"), "{c}{k}", ["gt"]), (("images of cells", "debris"), "{k}", [])],
    ],
)
def test_classes_that_are_called_like_masks_are_not_refused(tmp_path, classes, image, remarked):
    names = [f"{c}/{image.format(c=c, k=k)}.png" for c in classes for k in range(3)]
    listing = list_folder(folder_of(tmp_path, *names))
    assert listing.problems == {}
    assert set(listing.columns["label"]) == set(classes)
    assert [case for cases in listing.remarks.values() for case in cases] == remarked


def test_masks_within_classes_are_no_images(tmp_path):
    names = [f"{c}/{kind}/{c}{n}.png" for c in "ab" for kind in ("raw", "masks") for n in range(3)]
    (problem,) = list_folder(folder_of(tmp_path / "folders", *names)).problems.items()
    assert problem[0].startswith("folders of masks that would be images; set 'masks'")
    assert problem[1] == ["masks"]
    names = [f"{c}/{mask}{c}{n}.png" for c in "ab" for mask in ("", "masks/") for n in range(3)]
    (problem,) = list_folder(folder_of(tmp_path / "below", *names)).problems.items()
    assert problem[1] == ["masks"]


@pytest.mark.parametrize("ending", ["_mask", "-Segmentation", " label"])
@pytest.mark.parametrize("place", ["", "a/", "train/a/"])
def test_files_that_are_called_like_masks_of_others_are_no_images(tmp_path, ending, place):
    other = place.replace("train", "test").replace("a/", "b/")
    names = [
        f"{where}{n}{end}.png" for where in (place, other) for n in "12" for end in ("", ending)
    ]
    problems = list_folder(folder_of(tmp_path / "masks", *names)).problems
    (kind,) = (kind for kind in problems if "like masks" in kind)
    assert "set 'masks' to it" in kind
    assert set(problems[kind]) == {f"{where}{n}{ending}" for where in (place, other) for n in "12"}
    alone = [f"a/{n}{ending}.png" for n in "12"] + ["SEG/1.png"]  # so their images are called
    assert list_folder(folder_of(tmp_path / "alone", *alone, "b/1_x.png", "b/1.png")).problems == {}


def test_a_folder_that_holds_all_of_a_split_is_named(tmp_path):
    names = [f"seg_{split}/seg_{split}/{c}/1.png" for split in ("train", "test") for c in "ab"]
    ((kind, cases),) = list_folder(folder_of(tmp_path, *names)).problems.items()
    assert kind.startswith("a single folder that holds everything, whose own folders may")
    assert cases == [f"{tmp_path}/seg_{split}/seg_{split}" for split in ("test", "train")]


@pytest.mark.parametrize("outer", [("xtrain", "xtest"), ("private_test", "public_test")])
def test_folders_like_splits_that_hold_the_same_folders_are_named(tmp_path, outer):
    listing = list_folder(
        folder_of(tmp_path, *(f"{name}/{c}/1.png" for name in outer for c in "ab"))
    )
    assert listing.columns["label"] == sorted(2 * outer)
    (remark,) = listing.remarks.items()
    assert remark[0].startswith("folders that lie in every class, and may be the classes")


@pytest.mark.parametrize(
    "outer", [("fold0", "fold1", "fold2"), ("plateA", "plateB"), ("day_a", "day_b")]
)
def test_folders_that_lie_in_every_class_may_be_the_classes(tmp_path, outer):
    folder_of(tmp_path, *(f"{name}/{label}/1.png" for name in outer for label in ("round", "long")))
    (remark,) = list_folder(tmp_path).remarks.items()
    assert remark[0].startswith("folders that lie in every class, and may be the classes")
    assert remark[1] == ["long", "round"]
    (tmp_path / outer[0] / "long").rename(tmp_path / outer[0] / "only here")
    assert list_folder(tmp_path).remarks == {}


@pytest.mark.parametrize("outer", [("TR", "VA", "TE"), ("seen", "unseen"), ("smith", "lee")])
def test_folders_of_every_class_are_named_in_any_language_unless_they_are_counted(tmp_path, outer):
    def remarks(*inner):
        folder = tmp_path / "_".join(inner)
        names = [f"{label}/{name}/1.png" for label in outer for name in inner]
        return [*list_folder(folder_of(folder, *names)).remarks.values()]

    assert remarks("round", "spiky") == [["round", "spiky"]]
    for counted in (("donor1", "donor2"), ("2024-05-01", "2024-05-02"), ("1", "2"), ("wellA",)):
        assert remarks(*counted) == []
    assert remarks("images", "masks") == []  # which is an error
    folder_of(tmp_path / "round_spiky", f"{outer[0]}/1.png")  # which is of a class, beyond doubt
    assert remarks("round", "spiky") == []
