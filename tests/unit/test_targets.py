"""Manifests: every layout, every complaint, and a digest that follows the content alone."""

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from fovscope.datasets.listing import DataError, read_info, write_info
from fovscope.datasets.manifest import build_manifest, manifest_from_table
from fovscope.datasets.remarks import warn_of_classes_alike, warn_of_garbled_classes
from fovscope.factors import Factor
from fovscope.images.read import FolderImages
from fovscope.study.config import Target

SHARED = Path(__file__).parents[3] / "shared/data"


def save(path, seed, size=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def save_mask(path, size=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask[1:4, 1:4] = 255
    Image.fromarray(mask).save(path)


def class_folders(root, classes=("round", "long"), n=5):
    for i, name in enumerate(classes):
        for j in range(n):
            save(root / name / f"{j}.png", 100 * i + j)
    return root


def split_folders(root, splits=("train", "test"), n=5):
    for k, split in enumerate(splits):
        for i, name in enumerate(("round", "long")):
            for j in range(n):
                save(root / split / name / f"{j}.png", 1000 * k + 100 * i + j)
    return root


def write_table(root, rows):
    pd.DataFrame(rows).to_csv(root / "table.csv", index=False)
    return Target(table=str(root / "table.csv"))


def table_rows(root, n=5, **columns):
    class_folders(root, n=n)
    paths = [f"{name}/{j}.png" for name in ("round", "long") for j in range(n)]
    return {"path": paths, "label": [path.split("/")[0] for path in paths], **columns}


def complaint(options, **kwargs):
    with pytest.raises(DataError) as error:
        build_manifest(options, **kwargs)
    return str(error.value)


# Layouts ----------------------------------------------------------------------------------


def test_class_folders(tmp_path):
    class_folders(tmp_path / "cells", n=10)
    save(tmp_path / "cells/round/deeper/x.png", 999)
    options = Target(folder="cells", background=9)
    manifest = build_manifest(options, root=tmp_path, workers=2)
    table = manifest.table
    assert list(table["image_id"]) == sorted(table["image_id"])
    assert len(table) == 21
    row = table.set_index("image_id").loc["round/deeper/x.png"]
    assert (row["label"], row["width"], row["height"]) == ("round", 8, 6)
    assert manifest.info["classes"] == ["long", "round"]
    assert manifest.info["counts"]["long"] == {"test": 2, "train": 6, "val": 2}
    assert manifest.info["preprocessing"] == {"background": 9, "white_level": None, "mask": False}
    assert Path(manifest.info["root"]) == (tmp_path / "cells").resolve()
    assert table[["group", "mask_path", "mask_sha256"]].isna().all(axis=None)


def test_a_project_that_is_moved_finds_its_images(tmp_path, monkeypatch):
    class_folders(tmp_path / "old/cells")
    monkeypatch.chdir(tmp_path / "old")
    manifest, info = build_manifest(Target(folder="cells")), Path("results/data/cells.json")
    write_info(info, manifest.info)
    monkeypatch.chdir(tmp_path)
    Path("old").rename("new")
    root = Path(read_info(Path("new") / info)["root"])
    assert root == Path("new/cells")
    assert all((root / path).exists() for path in manifest.table["path"])
    write_info(info, manifest.info | {"root": "/data/cells"})
    assert read_info(info)["root"] == "/data/cells"


def test_manifest_survives_parquet(tmp_path):
    table = build_manifest(Target(folder=str(class_folders(tmp_path / "cells")))).table
    table.to_parquet(tmp_path / "manifest.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "manifest.parquet"), table)


def test_split_folders_are_respected_and_validation_comes_from_train(tmp_path):
    options = Target(folder=str(split_folders(tmp_path / "a")))
    table = build_manifest(options).table
    is_test = table["path"].str.startswith("test/")
    assert (table["split"][is_test] == "test").all()
    assert table["split"][~is_test].value_counts().to_dict() == {"train": 8, "val": 2}

    with_val = Target(folder=str(split_folders(tmp_path / "b", ("train", "val", "test"))))
    table = build_manifest(with_val).table
    assert (table["split"] == table["path"].str.split("/").str[0]).all()

    no_val = options.model_copy(update={"val_fraction": 0.0})
    assert set(build_manifest(no_val).table["split"]) == {"train", "test"}


def test_hidden_and_other_files_are_ignored_and_counted(tmp_path, caplog):
    root = class_folders(tmp_path / "cells")
    (root / "round/Thumbs.db").write_text("x")
    (root / "round/._0.png").write_text("x")
    (root / "notes.txt").write_text("x")
    save(root / ".cache/x/0.png", 5)
    with caplog.at_level(logging.INFO):
        manifest = build_manifest(Target(folder=str(root)))
    assert len(manifest.table) == 10
    assert "ignored 3 files (.txt: 1, hidden: 2)" in caplog.text


def test_masks_lie_under_the_same_name_with_any_suffix(tmp_path):
    root = class_folders(tmp_path / "cells")
    for image in root.rglob("*.png"):
        save_mask((tmp_path / "masks" / image.relative_to(root)).with_suffix(".bmp"))
    options = Target(folder="cells", masks="masks", mask=True, background=7)
    manifest = build_manifest(options, root=tmp_path)
    assert manifest.table["mask_path"][0] == "../masks/long/0.bmp"
    assert manifest.table["mask_sha256"].nunique() == 1
    images = FolderImages.from_manifest(
        manifest.table,
        Path(manifest.info["root"]),
        manifest.info["preprocessing"],
        size=8,
        interpolation="nearest",
    )
    assert (images[0][5:] == 7).all()


def test_a_folder_of_masks_inside_the_folder_is_no_class(tmp_path):
    root = class_folders(tmp_path / "cells")
    for image in list(root.rglob("*.png")):
        save_mask(root / "masks" / image.relative_to(root))
    for masks in ("cells/masks", str(root / "masks"), "cells/../cells/masks"):
        manifest = build_manifest(Target(folder="cells", masks=masks), root=tmp_path)
        assert manifest.info["classes"] == ["long", "round"]
        assert manifest.table["mask_path"][0] == "masks/long/0.png"


def test_table_with_masks_splits_groups_and_factors(tmp_path):
    rows = table_rows(tmp_path / "images", n=6)
    save_mask(tmp_path / "images/mask.png")
    rows |= {
        "mask": ["mask.png"] * 12,
        "group": [f"{j % 3:03d}" for j in range(12)],
        "radius": np.arange(12) / 4,
        "stain": ["blue", "red"] * 6,
        "remark": [""] * 12,
    }
    options = write_table(tmp_path / "images", rows)
    options = options.model_copy(update={"factors": ("radius", "stain"), "mask": True})
    table = build_manifest(options).table.set_index("image_id")
    assert table.loc["round/4.png", "factor_radius"] == 1
    assert table.loc["round/1.png", "factor_stain"] == "red"
    assert table.loc["round/1.png", "group"] == "001"
    assert [Factor.from_json(factor) for factor in build_manifest(options).info["factors"]] == [
        Factor(name="radius", limits=(0.0, 2.75)),
        Factor(name="stain", values=("blue", "red"), nominal=True),
    ]
    assert (table["mask_path"] == "mask.png").all()
    assert "remark" not in " ".join(table)
    assert (table.groupby("group")["split"].nunique() == 1).all()


def test_table_text_stays_text(tmp_path):
    rows = table_rows(tmp_path, n=4)
    rows["label"] = ["NA"] * 4 + ["007"] * 4
    assert build_manifest(write_table(tmp_path, rows)).info["classes"] == ["007", "NA"]


def test_table_in_memory_with_factors_of_a_generator(tmp_path):
    rows = pd.DataFrame(table_rows(tmp_path))
    rows["size"] = np.linspace(0, 1, 10)
    rows["path"] = [tmp_path / path for path in rows["path"]]
    options = Target(generator="synthetic_cells")
    size = Factor(name="size", limits=(0, 2), counterparts=("area",))
    manifest = manifest_from_table(rows, tmp_path, options, factors=(size,))
    assert manifest.table["path"][0] == "long/0.png"
    assert manifest.table["factor_size"].sum() == pytest.approx(5)
    assert manifest.info["factors"] == [size.to_json()]


def test_provided_splits_of_a_table(tmp_path):
    rows = table_rows(tmp_path) | {"split": ["train", "train", "train", "val", "test"] * 2}
    table = build_manifest(write_table(tmp_path, rows)).table
    assert table["split"].value_counts().to_dict() == {"train": 6, "val": 2, "test": 2}


def test_provided_splits_that_tear_groups_apart_are_a_warning(tmp_path, caplog):
    rows = table_rows(tmp_path) | {"split": ["train", "train", "train", "val", "test"] * 2}
    rows["group"] = ["one", "one", "two", "three", "two"] + [f"g{j}" for j in range(5)]
    table = build_manifest(write_table(tmp_path, rows)).table
    assert table["split"].value_counts().to_dict() == {"train": 6, "val": 2, "test": 2}
    assert "groups in several of the provided splits (1)" in caplog.text
    assert "\n  two (test, train)" in caplog.text


def test_groups_of_a_pattern_stay_together(tmp_path):
    for i, name in enumerate(("round", "long")):
        for j in range(24):
            save(tmp_path / name / f"slide{j % 6}_{j}.png", 100 * i + j)
    options = Target(folder=str(tmp_path), group_pattern=r"(slide\d+)_")
    table = build_manifest(options).table
    assert set(table["group"]) == {f"slide{i}" for i in range(6)}
    assert (table.groupby("group")["split"].nunique() == 1).all()


def test_copies_share_a_split(tmp_path):
    root = class_folders(tmp_path, n=12)
    for j in range(6):
        shutil.copy(root / f"round/{j}.png", root / f"round/copy{j}.png")
    for seed in range(5):
        table = build_manifest(Target(folder=str(root), split_seed=seed)).table
        assert (table.groupby("sha256")["split"].nunique() == 1).all()


def test_one_schema_for_all_image_tables(tmp_path):
    manifest = build_manifest(Target(folder=str(class_folders(tmp_path)), citation="Me 2020"))
    table = manifest.table
    files = ["path", "mask_path", "sha256", "mask_sha256", "width", "height"]
    pairs = ["image_id", "split", "role", "pair", "member", "changed"]
    assert list(table) == [*pairs, "label", "group", *files]
    assert (table["role"] == "image").all()
    assert (table[["pair", "member"]] == [-1, 0]).all(axis=None)
    assert table["pair"].dtype == np.int64
    assert (table["changed"] == "").all()
    assert manifest.info["factors"] == []
    assert manifest.info["citation"] == "Me 2020"


def test_metadata_of_a_table_travels_along(tmp_path):
    rows = table_rows(tmp_path) | {
        "Metadata_Plate": [f"P{j % 2}" for j in range(10)],
        "Metadata_Dose": np.arange(10) / 4,
        "Metadata_Site": np.arange(10),
        "remark": ["x"] * 10,
    }
    options = write_table(tmp_path, rows)
    table = build_manifest(options).table.set_index("image_id")
    for j, path in enumerate(rows["path"]):
        assert table.loc[path, "Metadata_Plate"] == f"P{j % 2}"
        assert table.loc[path, "Metadata_Dose"] == j / 4
        assert table.loc[path, "Metadata_Site"] == j
    assert "remark" not in table
    without = {name: rows[name] for name in ("path", "label")}
    plain = build_manifest(write_table(tmp_path, without)).info
    assert plain["images_digest"] == build_manifest(options).info["images_digest"]


# Without labels ---------------------------------------------------------------------------------


def test_images_directly_in_a_folder_are_a_set_without_labels(tmp_path):
    for j in range(25):
        save(tmp_path / f"{j:02d}.png", j)
    manifest = build_manifest(Target(folder=str(tmp_path)))
    assert "label" not in manifest.table
    assert manifest.info["classes"] == []
    assert manifest.info["counts"] == {"image": {"test": 5, "train": 16, "val": 4}}
    # The second draw is another one: splits are drawn, not cut.
    again = build_manifest(Target(folder=str(tmp_path), split_seed=1)).table
    assert (again["split"] != manifest.table["split"]).any()


def test_labels_can_be_left_out(tmp_path):
    root = class_folders(tmp_path / "a", n=10)
    manifest = build_manifest(Target(folder=str(root)), labelled=False)
    assert len(manifest.table) == 20
    assert "label" not in manifest.table
    options = write_table(root, table_rows(root, n=10))
    assert "label" not in build_manifest(options, labelled=False).table
    assert build_manifest(options).info["digest"] != manifest.info["digest"]
    assert build_manifest(options).info["images_digest"] == manifest.info["images_digest"]
    assert "label" in build_manifest(options, labelled=True).table


def test_split_folders_without_class_folders(tmp_path):
    for split, n in (("train", 10), ("test", 3)):
        for j in range(n):
            save(tmp_path / split / f"{j}.png", 100 * n + j)
    table = build_manifest(Target(folder=str(tmp_path))).table
    assert table["split"].value_counts().to_dict() == {"train": 8, "val": 2, "test": 3}
    assert "label" not in table
    save(tmp_path / "stray.png", 7)
    message = complaint(Target(folder=str(tmp_path)), labelled=False)
    assert "images outside of a split folder (1); move or remove them:\n  stray.png" in message


@pytest.mark.parametrize("label", [None, ""])
def test_a_table_without_labels(tmp_path, label):
    rows = table_rows(tmp_path) | {"label": [label] * 10}
    if label is None:
        del rows["label"]
    options = write_table(tmp_path, rows)
    assert "label" not in build_manifest(options).table
    wanted = "no column ['label']" if label is None else "rows of the table without 'label' (10)"
    assert wanted in complaint(options, labelled=True)
    provided = write_table(tmp_path, rows | {"split": ["train"] * 10})
    assert "provided splits without images (1); add some:\n  test" in complaint(provided)


def test_groups_and_copies_stay_together_without_labels(tmp_path):
    for j in range(24):
        save(tmp_path / f"slide{j % 6}_{j}.png", j)
    shutil.copy(tmp_path / "slide0_0.png", tmp_path / "slide1_copy.png")
    table = build_manifest(Target(folder=str(tmp_path), group_pattern=r"(slide\d+)_")).table
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert (table.groupby("sha256")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "val", "test"}


def test_too_few_images_without_labels(tmp_path):
    save(tmp_path / "a.png", 0)
    save(tmp_path / "b.png", 1)
    message = complaint(Target(folder=str(tmp_path)))
    assert "the data set has 2 different images, needs at least 3" in message


# Digest ---------------------------------------------------------------------------------------


def test_digest_follows_the_content_and_not_the_place(tmp_path):
    root = class_folders(tmp_path / "cells")
    options = Target(folder="cells")
    first = build_manifest(options, root=tmp_path)

    for image in root.rglob("*.png"):
        os.utime(image, (1, 1))
    assert build_manifest(options, root=tmp_path).info["digest"] == first.info["digest"]

    shutil.copytree(root, tmp_path / "elsewhere/cells")
    copied = build_manifest(options, root=tmp_path / "elsewhere", workers=2)
    assert copied.info["digest"] == first.info["digest"]
    pd.testing.assert_frame_equal(copied.table, first.table)


def test_digest_changes_with_a_pixel_a_label_a_split_a_mask_and_the_preprocessing(tmp_path):
    rows = table_rows(tmp_path / "cells")
    save_mask(tmp_path / "cells/mask.png")
    rows |= {"mask": ["mask.png"] * 10, "split": ["train", "train", "train", "test", "test"] * 2}

    def digest(rows, **changes):
        options = write_table(tmp_path / "cells", rows)
        return build_manifest(options.model_copy(update=changes)).info["digest"]

    digests = [digest(rows)]
    digests.append(digest(rows, background=1))
    digests.append(digest(rows, white_level=200.0))
    digests.append(digest(rows, mask=True))
    digests.append(digest(rows | {"size": np.arange(10)}, factors=("size",)))
    digests.append(digest(rows | {"label": ["round"] * 4 + ["long"] * 6}, val_fraction=0.0))
    digests.append(digest(rows, val_fraction=0.0))
    digests.append(digest(rows | {"split": ["train", "test", "train", "train", "test"] * 2}))
    image = tmp_path / "cells/round/0.png"
    pixels = np.array(Image.open(image))
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(image)
    digests.append(digest(rows))
    Image.fromarray(np.ones((6, 8), np.uint8)).save(tmp_path / "cells/mask.png")
    digests.append(digest(rows))
    assert len(set(digests)) == len(digests)


def test_order_of_the_table_does_not_matter(tmp_path):
    rows = pd.DataFrame(table_rows(tmp_path, n=20))
    options = write_table(tmp_path, rows)
    first = build_manifest(options)
    write_table(tmp_path, rows.sample(frac=1, random_state=3))
    second = build_manifest(options)
    pd.testing.assert_frame_equal(second.table, first.table)
    assert second.info == first.info


# Complaints ---------------------------------------------------------------------------------


def test_missing_folder_proposes_its_neighbour(tmp_path):
    class_folders(tmp_path / "plankton15")
    message = complaint(Target(folder=str(tmp_path / "plakton15")))
    assert message.endswith("does not exist; did you mean 'plankton15'?")
    assert "did you mean" not in complaint(Target(folder=str(tmp_path / "xyz")))


def test_empty_folder_and_images_without_class_folder(tmp_path):
    assert "holds no images" in complaint(Target(folder=str(tmp_path)))
    save(tmp_path / "a.png", 0)
    message = complaint(Target(folder=str(tmp_path)), labelled=True)
    assert "images lie directly in" in message
    assert "put them into one folder per class" in message
    class_folders(tmp_path)
    message = complaint(Target(folder=str(tmp_path)))
    assert "images outside of a class folder (1); move or remove them:\n  a.png" in message


def test_one_class_is_not_enough(tmp_path):
    class_folders(tmp_path / "above/cells")
    assert "too few classes (1); two are needed:\n  cells" in complaint(
        Target(folder=str(tmp_path / "above"))
    )


def test_all_problems_come_at_once_with_file_names(tmp_path):
    root = class_folders(tmp_path, n=30)
    for j in range(25):
        (root / f"round/{j}.png").write_text(f"broken {j}")
    save(root / "rare/0.png", 5000)
    message = complaint(Target(folder=str(root), group_pattern="(round|rare)"))
    assert "files that cannot be read (25); repair or remove them:" in message
    assert "round/0.png: is not an image" in message
    assert "  and 5 more" in message
    assert "image paths without a match of group_pattern '(round|rare)' (30); correct" in message
    assert "  long/0.png" in message
    message = complaint(Target(folder=str(root)))
    assert "class 'rare' has 1 different images, needs at least 3" in message


def test_masks_that_are_missing_doubled_or_of_another_size(tmp_path):
    root = class_folders(tmp_path / "cells")
    masks = tmp_path / "masks"
    for image in root.rglob("*.png"):
        save_mask(masks / image.relative_to(root))
    (masks / "long/0.png").unlink()
    save_mask(masks / "long/1.bmp")
    save_mask(masks / "round/2.png", size=(4, 5))
    (masks / "round/3.png").write_text("broken")
    message = complaint(Target(folder=str(root), masks=str(masks)))
    assert f"images without a mask in {masks} (1); add it or remove them:\n  long/0.png" in message
    assert "images with several masks (1); keep one:\n  long/1.png: 1." in message
    assert "round/2.png: image is 8×6, its mask 5×4 pixels" in message
    assert "masks/round/3.png: is not an image" in message
    assert "did you mean 'masks'" in complaint(
        Target(folder=str(root), masks=str(tmp_path / "mask"))
    )
    assert "'mask: true' needs masks" in complaint(Target(folder=str(root), mask=True))


def test_one_image_in_two_provided_splits(tmp_path):
    root = split_folders(tmp_path)
    shutil.copy(root / "train/round/1.png", root / "test/round/7.png")
    message = complaint(Target(folder=str(root)))
    assert "test/round/7.png (test) = train/round/1.png (train)" in message


def test_incomplete_and_unknown_split_folders(tmp_path):
    message = complaint(Target(folder=str(split_folders(tmp_path / "a", ("train", "val")))))
    assert "classes without images in the provided 'test' split (2); add some" in message
    root = split_folders(tmp_path / "b", ("train", "vall", "test"))
    message = complaint(Target(folder=str(root)))
    assert "unknown split folder 'vall'; did you mean 'val'?" in message
    shutil.rmtree(root / "vall")
    shutil.rmtree(root / "train/long")
    message = complaint(Target(folder=str(root)))
    assert "classes without images in the provided 'train' split (1); " in message


def test_tables_that_cannot_be_used(tmp_path):
    assert "does not exist" in complaint(Target(table=str(tmp_path / "none.csv")))
    rows = table_rows(tmp_path)
    options = write_table(tmp_path, {"file": rows["path"], "label": rows["label"]})
    message = complaint(options)
    assert "no column ['path']; columns there: file, label" in message
    factors = write_table(tmp_path, rows).model_copy(update={"factors": ("size",)})
    assert "no column ['size']" in complaint(factors)
    message = complaint(write_table(tmp_path, rows | {"split": ["tset", "train"] * 5}))
    assert "unknown split 'tset'; did you mean 'test'?" in message
    message = complaint(write_table(tmp_path, rows | {"split": ["Train", "TEST"] * 5}))
    assert "unknown split 'TEST'; did you mean 'test'?" in message
    message = complaint(write_table(tmp_path, rows | {"split": ["test"] * 10}))
    assert "classes without images in the provided 'train' split (2)" in message
    assert "the table lists no images" in complaint(
        write_table(tmp_path, {"path": [], "label": []})
    )
    (tmp_path / "table.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    assert "not a CSV in UTF-8" in complaint(options)


def test_factors_that_nothing_can_be_measured_with(tmp_path):
    rows = table_rows(tmp_path) | {
        "same": [3] * 10,
        "endless": [1, 2] * 4 + [1, np.inf],
        "mixed": ["0.5", "1.5", "n/a", "2.5", "3"] * 2,
        "named": ["1", "a", "b", "c", "2"] * 2,
    }
    factors = ("same", "endless", "mixed", "named")
    options = write_table(tmp_path, rows).model_copy(update={"factors": factors})
    assert complaint(options).splitlines()[1:] == [
        "factors with one value only (1); leave them out:",
        "  same",
        "factors with infinite values (1); correct them:",
        "  endless",
        "values of factor 'mixed' that are no numbers, unlike most (1); correct them:",
        "  'n/a' (2 rows)",
    ]


def test_table_rows_that_cannot_be_used(tmp_path):
    rows = table_rows(tmp_path)
    rows["path"][3] = "round/gone.png"
    rows["path"][9] = rows["path"][8]
    rows["label"][1] = ""
    rows["mask"] = ["round/0.png"] * 5 + [None] * 5
    rows["size"] = [1.0, None] * 5
    options = write_table(tmp_path, rows).model_copy(update={"factors": ("size",)})
    message = complaint(options)
    assert (
        f"listed files that do not exist (1); correct the table:\n  {tmp_path / 'round/gone.png'}"
        in message
    )
    assert "images listed more than once (1); keep one row of each:\n  long/3.png" in message
    assert (
        "rows of the table without 'label' (1); fill it in or remove them:\n  round/1.png"
        in message
    )
    assert "rows of the table without 'mask' (5)" in message
    assert "rows of the table without 'size' (5)" in message


@pytest.mark.parametrize(
    ("column", "named"), [("label", "round/3.png"), ("path", "row 4 below the names")]
)
@pytest.mark.parametrize("others", [{}, {"split": ["train", "test"] * 5}])
def test_an_empty_cell_of_a_table_is_all_that_is_said_of_its_row(tmp_path, column, named, others):
    rows = table_rows(tmp_path) | others
    rows[column][3] = ""
    message = complaint(write_table(tmp_path, rows)).partition("cannot be used:\n")[2]
    assert (
        message
        == f"rows of the table without '{column}' (1); fill it in or remove them:\n  {named}"
    )


def test_a_table_without_any_path_and_a_copy_without_a_label_are_named_as_such(tmp_path, caplog):
    rows = table_rows(tmp_path)
    message = complaint(write_table(tmp_path, rows | {"path": [""] * 10}))
    assert message.count(";") == 1
    assert "rows of the table without 'path' (10)" in message
    shutil.copy(tmp_path / rows["path"][0], tmp_path / rows["path"][1])
    rows["label"][1] = ""
    assert "without 'label' (1)" in complaint(write_table(tmp_path, rows))
    assert "two labels" not in caplog.text


def test_one_image_with_two_labels_is_a_warning(tmp_path, caplog):
    root = class_folders(tmp_path)
    shutil.copy(root / "round/0.png", root / "long/9.png")
    build_manifest(Target(folder=str(root)))
    assert (
        "images with two labels (1); keep the right one:\n  long/9.png (long) = round/0.png (round)"
        in caplog.text
    )


def test_groups_that_leave_next_to_nothing_to_test_on_are_a_warning(tmp_path, caplog):
    for k in range(200):
        plate = f"plate{k}" if k < 4 else f"big{k % 2}"
        save(tmp_path / "ab"[k % 2] / plate / f"{k}.png", k)
    info = build_manifest(Target(folder=str(tmp_path), group_pattern="([a-z]+[0-9]+)/")).info
    assert info["counts"]["a"]["test"] == 1
    assert "class 'a': 1 of 100 images (1.0%) in 'test' instead of 20%" in caplog.text


def test_numbers_of_a_table_in_other_notations(tmp_path):
    rows = table_rows(tmp_path) | {
        "comma": [f"{j},25" for j in range(10)],
        "Metadata_Dose": [f"{j},5" for j in range(10)],
        "Metadata_Well": [f"{j},500" for j in range(1, 11)],
    }
    options = write_table(tmp_path, rows).model_copy(update={"factors": ("comma",)})
    table = build_manifest(options).table.set_index("image_id").loc[rows["path"]]
    assert table["factor_comma"].tolist() == [j + 0.25 for j in range(10)]
    assert table["Metadata_Dose"].tolist() == [j + 0.5 for j in range(10)]
    assert table["Metadata_Well"].tolist() == rows["Metadata_Well"]
    for values in (["1,500", "2,250"], ["1.234,5", "2,5"], ["1 234", "5"], ["50 %", "60 %"]):
        options = write_table(tmp_path, rows | {"comma": values * 5})
        message = complaint(options.model_copy(update={"factors": ("comma",)}))
        assert "values of factor 'comma' that are numbers, but not written as such" in message
        assert f"write them like -1234.5:\n  {values[0]}" in message


def test_a_table_of_a_spreadsheet_is_read_as_any_other(tmp_path):
    rows = table_rows(tmp_path)
    plain = build_manifest(write_table(tmp_path, rows))
    lines = ["Path; Label ;"]
    for path, label in zip(rows["path"], rows["label"], strict=True):
        lines.append(path.replace("/", "\\") + f"; {label} ;;")
    (tmp_path / "table.csv").write_bytes("\r\n".join([*lines, ";;", ""]).encode("utf-16"))
    spreadsheet = build_manifest(Target(table=str(tmp_path / "table.csv")))
    pd.testing.assert_frame_equal(spreadsheet.table, plain.table)
    assert spreadsheet.info == plain.info


def test_listed_files_with_backslashes_that_do_not_exist_are_named_so(tmp_path):
    rows = table_rows(tmp_path)
    rows["path"][0] = r"C:\images\0.png"
    assert "neither as written nor with '/' for each backslash" in complaint(
        write_table(tmp_path, rows)
    )


def test_a_link_to_nothing_is_no_fault_of_a_table(tmp_path):
    root = class_folders(tmp_path)
    (root / "round/gone.png").symlink_to("nowhere.png")
    message = complaint(Target(folder=str(root)))
    assert "links to files that do not exist (1); mend or remove them:" in message


def test_what_may_be_mistyped_in_a_table_is_a_warning(tmp_path, caplog):
    rows = table_rows(tmp_path) | {"groups": ["x"] * 10}
    rows["label"] = ["Round", "round", "round_", "Long A", "LongA"] * 2
    build_manifest(write_table(tmp_path, rows).model_copy(update={"val_fraction": 0.0}))
    assert "column 'groups' of the table means nothing; did you mean 'group'?" in caplog.text
    assert "(2); merge them if they are one:" in caplog.text
    assert "'Long A' and 'LongA'\n  'Round' and 'round' and 'round_'" in caplog.text


@pytest.mark.parametrize(
    "names",
    [
        *["1 01 1.0 2", "a-b a_b ab c", "cell cell\u200b x", "Round|round (1)|round - Copy|x"],
        *["a \u0430 b", "PAC \u0420\u0410\u0421 \u03a1ac x", "\uff41b ab x", "Körper KÃ¶rper x"],
    ],
)
def test_classes_that_hardly_differ_are_named_whatever_makes_them_differ(caplog, names):
    labels = names.split("|") if "|" in names else names.split()
    warn_of_classes_alike(pd.Series(labels))
    (record,) = caplog.records
    assert record.message.endswith(" and ".join(f"'{name}'" for name in sorted(labels[:-1])))


def test_classes_with_garbled_names_are_named_with_what_they_may_be(caplog):
    plain = [
        "Körper",
        "Größe",
        "naïve",
        "β cells",
        "B cells",
        "клетка",
        "細胞",
        "Åse",
        "l’été",
        "ÄÖÜ",
    ]
    warn_of_garbled_classes(pd.Series(plain))
    warn_of_classes_alike(pd.Series(plain))
    assert caplog.text == ""
    garbled = [name.encode().decode(wrong) for name in plain[:2] for wrong in ("cp1252", "cp437")]
    warn_of_garbled_classes(pd.Series([*garbled, "K\ufffdrper", "x"]))
    (record,) = caplog.records
    for name, meant in zip(garbled, np.repeat(plain[:2], 2), strict=True):
        assert f"'{name}', for '{meant}'?" in record.message
    assert "'K\ufffdrper'" in record.message
    assert "(5); rename them" in record.message


@pytest.mark.parametrize(
    ("column", "meant"), [("class", "label"), ("Cell type", "label"), ("fold", "split")]
)
def test_columns_in_other_words_are_a_warning(tmp_path, caplog, column, meant):
    rows = table_rows(tmp_path)
    del rows["label"]
    build_manifest(write_table(tmp_path, rows | {column: ["x", "y"] * 5}))
    assert f"column '{column}' of the table means nothing; did you mean '{meant}'?" in caplog.text


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        *[("set", "train test"), ("dataset", "trn val tst"), ("split_name", "обучение тест")],
        *[("Usage", "Training PublicTest PrivateTest"), ("class", "train test")],
    ],
)
def test_a_column_of_splits_is_named_whatever_it_is_called(tmp_path, caplog, column, cells):
    rows = table_rows(tmp_path) | {column: (cells.split() * 10)[:10], "Metadata_a": ["train"] * 10}
    message = f"column '{column}' of the table means nothing; did you mean 'split'?"
    build_manifest(write_table(tmp_path, rows))
    assert message in caplog.text
    caplog.clear()
    for no_splits in (["train", "bus"] * 5, ["test1", "test2"] * 5, ["train"] * 10):
        build_manifest(write_table(tmp_path, rows | {column: no_splits}))
    factor = write_table(tmp_path, rows).model_copy(update={"factors": (column,)})
    build_manifest(factor)
    assert "did you mean 'split'" not in caplog.text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("s3://bucket/1.png", "listed addresses, which are not read; download the files"),
        ("https://a.org/1.png", "listed addresses, which are not read; download the files"),
        ("~/cells/1.png", "paths are to be completed (~, $); write them out"),
        ("$DATA/1.png", "paths are to be completed (~, $); write them out"),
        ("C:/cells/1.png", "listed files that do not exist; correct the table"),
    ],
)
def test_paths_that_lead_to_no_file_here_are_named_so(tmp_path, path, words):
    rows = table_rows(tmp_path)
    rows["path"][3] = path
    with pytest.raises(DataError) as error:
        build_manifest(write_table(tmp_path, rows))
    assert words.replace(";", " (1);") in str(error.value)


def test_masks_of_several_images_and_images_as_masks_are_a_warning(tmp_path, caplog):
    rows = table_rows(tmp_path)
    rows["mask"] = [rows["path"][0]] * 2 + rows["path"][2:]
    build_manifest(write_table(tmp_path, rows))
    assert f"its own:\n  {rows['path'][0]}" in caplog.text
    assert "masks that are the image itself (9); correct the table:\n  long/0.png" in caplog.text


def test_what_a_folder_lacks_is_a_warning(tmp_path, caplog):
    root = class_folders(tmp_path)
    (root / "empty").mkdir()
    (root / "scans").mkdir()
    (root / "scans/1.czi").touch()
    build_manifest(Target(folder=str(root)))
    assert "left out (2):\n  empty (empty)\n  scans (.czi: 1)" in caplog.text


@pytest.mark.parametrize(
    ("dtype", "brightest", "white_level", "warning"),
    [
        (np.uint16, 4000, 4095, "set white_level, e.g. to 4095"),  # almost black as 16 bit
        (np.float32, 200, 255, "float images reach 200, but white is 1"),
    ],
)
def test_a_white_level_that_cannot_be_meant_is_a_warning(
    tmp_path, caplog, dtype, brightest, white_level, warning
):
    for i, name in enumerate(("round", "long")):
        for j in range(4):
            (tmp_path / name).mkdir(exist_ok=True)
            pixels = np.full((4, 4), brightest - 10 * i - j, dtype)
            tifffile.imwrite(tmp_path / name / f"{j}.tif", pixels)
    build_manifest(Target(folder=str(tmp_path), white_level=white_level))
    assert not caplog.records
    build_manifest(Target(folder=str(tmp_path)))
    assert warning in caplog.text


# Real images --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "classes"), [("plankton15", 15), ("chula_rbc12", 12)])
def test_real_images(name, classes):
    if not (SHARED / name).is_dir():
        pytest.skip(f"../shared/data/{name} is not here")
    manifest = build_manifest(Target(folder=str(SHARED / name)), workers=2)
    assert len(manifest.table) == 100 * classes
    assert len(manifest.info["classes"]) == classes
    leaky = manifest.table.groupby("sha256")["split"].nunique().max()
    assert leaky == 1
    for counts in manifest.info["counts"].values():
        assert abs(counts["test"] - 20) <= 1
        assert abs(counts["val"] - 16) <= 1


def test_masks_that_went_through_jpeg_and_masks_of_everything_are_a_warning(tmp_path, caplog):
    disc = np.hypot(*np.mgrid[-16:16, -16:16]) < 9
    for number in range(10):
        name = f"{('round', 'long')[number % 2]}/{number}.png"
        save(tmp_path / "images" / name, number, disc.shape)
        mask = Image.fromarray(np.uint8(255 * disc if number else np.full_like(disc, 255)))
        path = (tmp_path / "masks" / name).with_suffix(".jpg" if number == 1 else ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        mask.save(path)
    build_manifest(Target(folder=str(tmp_path / "images"), masks=str(tmp_path / "masks")))
    said = {record.getMessage() for record in caplog.records if "masks" in record.getMessage()}
    assert len(said) == 2
    grey, everything = sorted(said, key=lambda line: "cover" in line)
    assert "cut at half of their maximum:" in grey
    assert "masks/long/1.jpg" in grey
    assert "more than 95 %" in everything
    assert "masks/round/0.png" in everything


def test_images_of_twelve_bits_are_white_at_4095(tmp_path, caplog):
    rng = np.random.default_rng(0)
    for number in range(10):
        place = tmp_path / ("round", "long")[number % 2]
        place.mkdir(exist_ok=True)
        pixels = rng.integers(0, 4096, (16, 16), np.uint16)
        tifffile.imwrite(place / f"{number}.tif", pixels, bitspersample=12)
    build_manifest(Target(folder=str(tmp_path)))
    assert "white_level" not in caplog.text
