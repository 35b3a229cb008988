"""What the folders of a data set mean: classes, splits or neither; the standard library only.

Layouts: one folder per class; folders of splits with class folders in them, or class folders
with folders of splits; images without labels, with or without folders of splits. Folders of
splits have many names. Where they can be nothing else they are read as what they say; where they
could be classes too, an error or a warning says so.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fovscope.datasets.channel_files import (
    ChannelOptions,
    channel_files,
    channel_images,
    image_path,
    in_files,
    missing_channels,
)
from fovscope.datasets.listing import (
    SPLITS,
    STORE_SUFFIX,
    DataError,
    Found,
    composed,
    find_images,
    kinds_read,
    listed,
    relative,
    require_folder,
)
from fovscope.datasets.mask_names import (
    image_names,
    is_images,
    is_masks,
    masked_names,
    may_be_masks,
)
from fovscope.registry import unknown_name

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trainings", "trn", "trainval", "learning"), "train"),
    **dict.fromkeys(("entrenamiento", "entrainement", "entraînement", "apprentissage"), "train"),
    **dict.fromkeys(("treino", "treinamento", "addestramento", "训练", "訓練", "学習"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "val"),
    **dict.fromkeys(("tune", "tuning", "validierung", "validierungs", "validación"), "val"),
    **dict.fromkeys(("validacion", "validação", "validazione", "验证", "驗證", "検証"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "heldout", "holdout", "teste"), "test"),
    **dict.fromkeys(("prueba", "pruebas", "prova", "测试", "測試", "テスト"), "test"),
    **dict.fromkeys(("обучение", "обучающая", "тренировка", "навчання", "trening"), "train"),
    **dict.fromkeys(("валидация", "проверка", "валідація", "перевірка", "walidacja"), "val"),
    **dict.fromkeys(("тест", "тесты", "тестирование", "тестовая", "тестування"), "test"),
    **dict.fromkeys(("opleiding", "träning", "træning", "eğitim", "trainieren"), "train"),
    **dict.fromkeys(("validatie", "validering", "doğrulama", "validieren"), "val"),
    **dict.fromkeys(("toets", "testen"), "test"),
    **dict.fromkeys(("학습", "훈련", "تدريب", "التدريب"), "train"),
    **dict.fromkeys(("검증", "تحقق", "التحقق"), "val"),
    **dict.fromkeys(("테스트", "시험", "اختبار", "الاختبار"), "test"),
    **dict.fromkeys(("eval", "evaluation", "evaluate"), "eval"),  # either of the two
}
_AROUND_SPLIT_WORDS = re.compile(
    r"^(\d+|(data|images?|imgs?)(?=[\W_]))|[\W_]+"
    r"|(data|daten|images?|imgs?|bilder|samples|folder)?(sets?|集|\d{4})?$"
)
"""``01_Training-Set``, ``test images`` and ``val2017`` are ``training``, ``test`` and ``val``."""

_COUNT = re.compile(r"\d+|(?<=[a-z\W_])[A-Z]$|(?<=[\W_])[a-z]$")
"""What tells ``plate1`` from ``plate2``, ``plateA`` from ``plateB``, ``well_a`` from ``well_b``."""

_HINT_OF_SPLITS = re.compile(r"train|test|valid")

_UNREAD_SUFFIXES = frozenset(
    {
        *(".webp", ".gif", ".heic", ".heif", ".avif", ".jfif", ".jp2", ".j2k", ".jxl", ".svg"),
        *(".czi", ".lif", ".nd2", ".oib", ".oif", ".vsi", ".lsm", ".stk", ".zvi", ".ims", ".dv"),
        *(".svs", ".ndpi", ".mrxs", ".scn", ".dcm", ".nii", ".fits", ".pgm", ".ppm", ".pbm"),
        *(".npy", ".npz", ".h5", ".hdf5", ".raw", ".cr2", ".nef", ".dng", ".pdf", ".ozx"),
        *(".jpe", ".jls", ".jxr", ".wdp", ".exr", ".psd", ".xcf", ".tga", ".arw", ".orf", ".rw2"),
        *(".btf", ".tf2", ".tf8", ".qptiff", ".bif", ".c01", ".flex", ".ics", ".ids", ".mrc"),
        *(".dm3", ".dm4", ".obf", ".msr", ".sld", ".nrrd", ".mha", ".avi", ".mp4", ".mov"),
    }
)
"""Of files that hold images too."""

Cases = dict[str, list[str]]
"""By kind, which cases there are; a remedy may follow the kind after a semicolon."""


@dataclass(frozen=True)
class FolderListing:
    """What a folder of images says of them by their places.

    Attributes
    ----------
    columns : dict of str to list
        By name one entry per image, sorted by path: ``path``, relative to the folder with
        forward slashes; ``label`` where there are class folders; ``split`` where there are
        split folders; ``mask``, relative to the folder, where masks are given; ``image_id`` where
        each channel is a file, and ``path`` has ``{channel}`` in it.
    files : frozenset of str
        All image and mask files, relative to the folder, those that are not in place too.
    problems : dict of str to list of str
        What is wrong, by kind: the cases with their file names.
    remarks : dict of str to list of str
        What may not be meant, likewise.
    """

    columns: dict[str, list[str | None]]
    files: frozenset[str]
    problems: Cases
    remarks: Cases


@dataclass(frozen=True)
class _Layout:
    """Which of the folders above an image mean something.

    Attributes
    ----------
    depth : int
        How many do.
    label : int, optional
        Which of them is the class.
    split : int, optional
        Which of them is the split.
    splits : mapping of str to str
        The split that the name of a folder stands for.
    """

    depth: int
    label: int | None
    split: int | None
    splits: Mapping[str, str]


def list_folder(
    folder: Path,
    masks: Path | None = None,
    *,
    labelled: bool | None = None,
    channels: ChannelOptions | None = None,
) -> FolderListing:
    """List the images of a folder: of class folders or not, of split folders or not.

    Parameters
    ----------
    folder : Path
        Folder of images.
    masks : Path, optional
        Folder with a mask for each image, at the same relative path whatever its suffix. It may
        lie in `folder`, where masks are neither images nor a class.
    labelled : bool, optional
        Whether images lie in class folders: True requires them, False takes them for no
        classes. By default they are classes where there are any.
    channels : mapping, optional
        The section `channels` of a target, as plain values. Where each channel is a file, images
        are called by what stands for ``{image}``, and its folders are those of classes and splits.

    Raises
    ------
    DataError
        If a folder does not exist or holds no images, there are no class folders and there
        must be, folders of splits cannot be told from those of classes, or no file belongs to a
        channel.
    """
    require_folder(folder, "folder")
    if masks is not None:
        require_folder(masks, "folder of masks")
    found = find_images(folder, without=masks)
    if not found.images:
        raise DataError(f"{folder} {_no_images(folder, found)}")
    problems, remarks = defaultdict(list), defaultdict(list)
    paths: dict[str, str] = {}
    if in_files(channels):
        paths = _of_channels(found, channels, folder, problems)
        # Folders of channels and of images are neither classes nor splits without an image.
        found = replace(found, images=list(paths), folders={})
    above = {image: tuple(image.split("/")[:-1]) for image in found.images}
    layout = _layout(folder, above, labelled, problems, remarks)
    placed = [image for image, folders in above.items() if len(folders) >= layout.depth]
    astray = [image for image, folders in above.items() if len(folders) < layout.depth]
    if astray:
        innermost = "class" if layout.label == layout.depth - 1 else "split"
        problems[f"images outside of a {innermost} folder; move or remove them"] += astray
    columns: dict[str, list[str | None]] = {"path": list(placed)}
    if not in_files(channels):
        _check_for_masks(placed, above, problems, remarks)
    if layout.label is not None:
        columns["label"] = [composed(above[image][layout.label]) for image in placed]
        _check_classes(above, folder, layout, problems)
        _remark_on_folders_of_every_class(above, layout, remarks)
    if layout.split is not None:
        splits = layout.splits
        columns["split"] = [splits.get(name := above[i][layout.split], name) for i in placed]
        if set(splits.values()) == {"train", "val"}:
            kind = "folders of splits without one to test on; rename the other one to 'test', or"
            kind += " move the images out of them, and splits are drawn"
            problems[kind] += sorted(splits)
    _remark_on_what_is_left_out(found, set(above.values()), layout.depth, remarks)
    files = set(found.images)
    if in_files(channels):
        files = {file for path in paths.values() for file in channel_files(path, channels)}
    if masks is not None:
        inside = relative(masks, folder)
        in_masks = find_images(masks).images
        by_name = {name: name if inside == "." else f"{inside}/{name}" for name in in_masks}
        stems = placed if in_files(channels) else [name.rpartition(".")[0] for name in placed]
        columns["mask"] = list(masks_of(placed, stems, by_name, masks, problems))
        files.update(by_name.values())
    if in_files(channels):
        columns["image_id"] = placed
        columns["path"] = [paths[image] for image in placed]
    return FolderListing(columns, frozenset(files), dict(problems), dict(remarks))


def _of_channels(
    found: Found, channels: ChannelOptions, folder: Path, problems: Cases
) -> dict[str, str]:
    """Return the paths of images whose channels are the files there; name those that lack some."""
    paths: dict[str, str] = {}
    for image, files in channel_images(found.images, channels, str(folder)).items():
        missing = missing_channels(files, channels)
        if missing:
            kind = "images without the file of a channel; add it, or remove the image"
            problems[kind].append(f"{image}: {', '.join(missing)}")
        else:
            paths[image] = image_path(image, files, channels)
    if not paths:
        raise DataError("\n".join(listed(kind, cases) for kind, cases in problems.items()))
    return paths


# Classes and splits -------------------------------------------------------------------------


def _layout(
    folder: Path,
    above: Mapping[str, tuple[str, ...]],
    labelled: bool | None,
    problems: Cases,
    remarks: Cases,
) -> _Layout:
    """Read which folders are splits and which are classes."""
    first = {folders[0] for folders in above.values() if folders}
    splits = _split_folders(first, folder, problems, remarks)
    depth = int(bool(splits))
    if not splits and labelled is not False:
        inner = _splits_of_classes(above, folder)
        if inner:
            return _Layout(2, 0, 1, inner)
    if labelled is not False:
        flat = max(map(len, above.values())) <= depth
        if labelled and flat:
            place = (folder / next(iter(above))).parent
            raise DataError(f"images lie directly in {place}: put them into one folder per class")
        labelled = not flat
    label = depth if labelled else None
    return _Layout(depth + bool(labelled), label, 0 if splits else None, splits)


def _split_folders(
    names: Collection[str], folder: Path, problems: Cases, remarks: Cases
) -> dict[str, str]:
    """Return which of some folders beside each other are which split; none are where empty."""
    meant = _split_words(names)
    found = set(meant.values())
    if len(meant) < len(names) and not ("train" in found and len(found) > 1):
        if meant:
            kind = "folders that are read as classes, though they are named like splits"
            remarks[kind] += list(meant)
        return {}
    if "eval" in found:
        if ("val" in found) == ("test" in found):
            raise DataError(
                f"{folder}: {_quoted(meant)} do not say which images to test on; call the folders "
                "of splits 'train', 'val' and 'test'"
            )
        the_other = "test" if "val" in found else "val"
        meant = {name: the_other if word == "eval" else word for name, word in meant.items()}
    for split, count in Counter(meant.values()).items():
        if count > 1:
            twice = _quoted(name for name, word in meant.items() if word == split)
            raise DataError(f"{folder}: {twice} both mean '{split}'; merge them, or rename one")
    for name in sorted(set(names) - set(meant)):
        by_word = {word: name for name, word in meant.items()}
        beside = f"{by_word['train']!r} and {by_word.get('test') or by_word['val']!r}"
        problems[f"folders beside {beside}; rename or move them"].append(
            unknown_name("split folder", name, SPLITS)
        )
    return meant


def _split_words(names: Collection[str]) -> dict[str, str]:
    """Return the split that names stand for, of those that stand for one.

    What all have in common does not count: ``cells_train`` and ``cells_test`` are two splits.
    """
    plain = {name: composed(name).casefold() for name in sorted(names)}
    words = {name: re.findall(r"[^\W\d_]+|\d+", text) for name, text in plain.items()}
    shared = set.intersection(*map(set, words.values())) if len(words) > 1 else set()
    found = {
        name: _split_word(name) or _split_word(" ".join(word for word in own if word not in shared))
        for name, own in words.items()
    }
    return {name: word for name, word in found.items() if word}


def _split_word(name: str) -> str | None:
    return _SPLIT_WORDS.get(_AROUND_SPLIT_WORDS.sub("", composed(name).casefold()))


def are_splits(names: Collection[str]) -> bool:
    """Return whether names, all of them, say of splits which they are, and not all the same."""
    found = set()
    for name in names:
        hint = _HINT_OF_SPLITS.search(name.casefold())
        split = _split_word(name) or (hint and hint[0])
        if not split:
            return False
        found.add(split)
    return len(found) > 1


def _splits_of_classes(above: Mapping[str, tuple[str, ...]], folder: Path) -> dict[str, str]:
    """Return which folders in class folders are which split; none are where empty."""
    inner = {folders[1] for folders in above.values() if len(folders) > 1}
    meant = _split_words(inner)
    words = set(meant.values())
    if len(meant) < len(inner) or "train" not in words or len(words) < 2:
        return {}
    outer = sorted({folders[0] for folders in above.values() if len(folders) > 1})
    if len(outer) == 1 or max(map(len, above.values())) > 2:
        raise DataError(
            f"{folder}: the folders of splits lie in {_quoted(outer)}; give a folder in which they "
            f"lie, e.g. {folder / outer[0]}, or make them the outermost"
        )
    return _split_folders(inner, folder, {}, {})


def _quoted(names: Collection[str] | Iterator[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def _check_classes(
    above: Mapping[str, tuple[str, ...]], folder: Path, layout: _Layout, problems: Cases
) -> None:
    """Note a folder, or folders in each other, that hold everything, or all of a split."""
    placed = {folders for folders in above.values() if len(folders) > layout.label}
    below: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for folders in placed:
        below[folders[: layout.label]].add("/".join(folders[layout.label :]))
    everywhere = set().union(*below.values())
    in_all = os.path.commonpath(everywhere)
    shared = {outer: in_all or os.path.commonpath(inner) for outer, inner in below.items()}
    deeper = {
        outer: (everywhere if in_all else below[outer]) != {one} for outer, one in shared.items()
    }
    if all(shared.values()) and all(deeper.values()):
        kind = "a single folder that holds everything, whose own folders may be the classes"
        problems[f"{kind}; give it as the folder, or take it out"] += sorted(
            Path(folder, *outer, one).as_posix() for outer, one in shared.items()
        )


def _check_for_masks(
    images: Sequence[str],
    above: Mapping[str, tuple[str, ...]],
    problems: Cases,
    remarks: Cases,
) -> None:
    """Note masks that would be images: in folders, or beside images, with the names of these."""
    folders = set(above.values())
    called = {name for inside in folders for name in inside if masked_names(name)}
    if called:
        paths = [image.rpartition(".")[0].split("/") for image in images]
        for place in range(max(map(len, folders))):
            names = {inside[place] for inside in folders if len(inside) > place}
            masks = _beside_images_only(folders, place) | _folders_of_masks(
                names & called, place, [path for path in paths if len(path) > place]
            )
            if masks:
                kind = "folders of masks that would be classes; set 'masks' to them, where each "
                kind += "has the name of its image, and 'folder' to that of the images, or move "
                kind += "them away"
                problems[kind if place == 0 else kind.replace("classes", "images")] += sorted(masks)
            doubtful = {name for name in names & called - masks if may_be_masks(name)}
            if doubtful and names - called:
                kind = "folders that are called like masks, and are read as classes or images"
                remarks[f"{kind}; if they are masks, move them away"] += sorted(doubtful)
    beside = sorted(_masks_beside_images(images))
    if beside:
        kind = "files called like masks of images beside them; move them to a folder of their own"
        problems[f"{kind}, under the names of the images, and set 'masks' to it"] += beside


def _beside_images_only(folders: Collection[tuple[str, ...]], place: int) -> set[str]:
    """Return folders of masks of which all neighbours are called like folders of images."""
    beside: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for inside in folders:
        if len(inside) > place:
            beside[inside[:place]].add(inside[place])
    found: set[str] = set()
    for names in beside.values():
        masks = {name for name in names if masked_names(name)}
        if masks < names and all(map(is_images, names - masks)):
            found |= masks
    return found


def _folders_of_masks(
    called: Collection[str], place: int, paths: Sequence[Sequence[str]]
) -> set[str]:
    """Return folders of masks that hold an image under the name of one elsewhere.

    A folder that is called after another one as well (``cell masks``) has to be that one's: else it
    is a class of masks of cells, as its images may be numbered as those of any other class.
    """
    if not called:
        return set()
    inside: dict[str, set[tuple]] = defaultdict(set)
    whole: set[tuple] = set()
    for *folders, stem in paths:
        own = image_names(stem)
        whole |= {(*folders, words) for words in own}
        if len(folders) > place:
            name = folders.pop(place)
            own |= masked_names(stem) if name in called else set()
            inside[name] |= {(*folders, words) for words in own}

    def images_of(masks: str) -> Iterator[set[tuple]]:
        if is_masks(masks):
            yield whole
        for other, held in inside.items():
            if other != masks and (is_masks(masks) or masked_names(masks) & image_names(other)):
                yield held

    return {name for name in called if any(inside[name] & held for held in images_of(name))}


def _masks_beside_images(images: Sequence[str]) -> Iterator[str]:
    """Yield files, without a suffix, that are called like masks of images in the same folder."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for image in images:
        folder, slash, name = image.rpartition("/")
        by_folder[folder + slash].append(name.rpartition(".")[0])
    for folder, stems in by_folder.items():
        masks = {stem: names for stem in stems if (names := masked_names(stem))}
        if masks:
            others = (image_names(stem) for stem in stems if stem not in masks)
            known = set().union(*others)
            yield from (folder + stem for stem, names in masks.items() if names & known)


def _remark_on_folders_of_every_class(
    above: Mapping[str, tuple[str, ...]], layout: _Layout, remarks: Cases
) -> None:
    """Name folders in classes that may be the classes.

    They lie in folders that are only counted (``fold1``, ``plateA``), or are not counted
    themselves: patients and splits in any language hold the same classes, classes the same
    patients.
    """
    inner: dict[str, set[str]] = defaultdict(set)
    for folders in above.values():
        if len(folders) > layout.depth:
            inner[folders[layout.label]].add(folders[layout.depth])
        elif len(folders) == layout.depth:
            inner[folders[layout.label]].add("")
    if len(inner) < 2:
        return
    shared = set.intersection(*inner.values()) - {""}
    if all(masked_names(name) or is_images(name) for name in shared):  # images and masks of each
        return
    named = {_COUNT.sub("", name) for name in shared}
    counted = len({_COUNT.sub("", label) for label in inner}) == 1
    counted = counted or any(_HINT_OF_SPLITS.search(label.casefold()) for label in inner)
    counted = counted and all(one - {""} == shared for one in inner.values())
    direct = any("" in one for one in inner.values())
    if len(shared) > 1 and (counted or (len(named) > 1 and not direct)):
        kind = "folders that lie in every class, and may be the classes; if so, make them the"
        kind += " outermost, call those around them 'train', 'val' and 'test' if they are splits,"
        remarks[f"{kind} or write a table"] += sorted(shared)


# What is left out ---------------------------------------------------------------------------


def _remark_on_what_is_left_out(
    found: Found, above: Collection[tuple[str, ...]], depth: int, remarks: Cases
) -> None:
    """Name folders of classes and splits, and formats, of which no image is read."""
    holding = {"/".join(folders[:n]) for folders in above for n in range(1, depth + 1)}
    empty: list[str] = []
    for name, remark in sorted(found.folders.items()):
        outer = name.rpartition("/")[0]
        if name.count("/") >= depth or name in holding or (outer and outer not in holding):
            continue
        empty.append(f"{name} ({remark or _counted(found.passed_over(name)) or 'empty'})")
    if empty:
        remarks["folders without an image that can be read, which are left out"] += empty
    for suffix, count in sorted(found.passed_over().items()):
        if suffix.lower() in _UNREAD_SUFFIXES:
            kind = "formats of images that are not read; convert them to PNG or TIFF if they belong"
            remarks[f"{kind} to the data"].append(f"{suffix} ({count} files)")


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))


def _no_images(folder: Path, found: Found) -> str:
    """Say of a folder that it holds no images, or is one."""
    if folder.name.lower().endswith(STORE_SUFFIX):
        return (
            "is OME-Zarr, one image or a plate of many; give the folder in which images lie, or "
            "list those of a plate in a table"
        )
    there = _counted(found.passed_over())
    return f"holds no images ({kinds_read()})" + (
        f"; other files are there ({there}): convert them if they are images" if there else ""
    )


# Masks --------------------------------------------------------------------------------------


def masks_of(
    images: Sequence[str],
    stems: Sequence[str],
    masks: Mapping[str, str],
    folder: Path,
    problems: Cases,
) -> Iterator[str | None]:
    """Yield the mask of each image, None where there is not exactly one.

    Parameters
    ----------
    images, stems : sequence of str
        Paths of images, and what their masks are called without a suffix.
    masks : mapping of str to str
        By their paths in the folder of masks, what is to be yielded.
    folder : Path
        That folder, for messages.
    problems : dict of str to list of str
        Gets what is wrong, by kind.
    """
    by_name: dict[str, list[str]] = defaultdict(list)
    for mask in masks:
        by_name[composed(mask.rpartition(".")[0])].append(mask)
    for image, stem in zip(images, stems, strict=True):
        found = by_name[composed(stem)]
        if len(found) == 1:
            yield masks[found[0]]
            continue
        if found:
            names = " and ".join(mask.rpartition("/")[2] for mask in found)
            problems["images with several masks; keep one"].append(f"{image}: {names}")
        else:
            kind = f"images without a mask in {folder}; add it or remove them"
            problems[kind].append(image)
        yield None
