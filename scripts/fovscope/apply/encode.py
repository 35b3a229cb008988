"""New images through a fine-tuned model: the same preprocessing, backbone and encoder.

What a model needs lies in the results folder of its study: the preprocessing in the manifest
of its target, the backbone's identity in the manifest of its features, the population to
compare with in its latents. Images are streamed; only latents stay in memory.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

import fovscope
from fovscope import FovscopeError
from fovscope.apply.contact_sheet import contact_sheet
from fovscope.apply.population import Population, fit_population
from fovscope.backbones.networks import WeightsError, load_extractor, to_device
from fovscope.datasets.channel_files import (
    bag_size,
    channel_images,
    image_of,
    image_path,
    in_files,
    missing_channels,
)
from fovscope.datasets.layout import masks_of
from fovscope.datasets.listing import DataError, image_files, kinds_read, listed, require_folder
from fovscope.factors import bound_of
from fovscope.features.extract import batch_size, cut_batches, extract, reading
from fovscope.images.read import FolderImages, reading_options
from fovscope.models.storage import load_model
from fovscope.models.vae import VAE, encode
from fovscope.records import read_scores, read_table, representation_values
from fovscope.registry import Catalogue
from fovscope.runtime.devices import resolve_precision
from fovscope.runtime.provenance import read_json, replacing
from fovscope.study.config import load_study
from fovscope.study.expansion import Expansion
from fovscope.study.features import Backbone, Features
from fovscope.study.layout import SOURCE, recipe_name
from fovscope.study.section import ConfigError
from fovscope.tables.names import names as judged
from fovscope.verdict import judged_names, summary

logger = logging.getLogger(__name__)

THUMBNAIL = 112
"""Side of the images on a contact sheet, pixels."""

_READERS = 4
_IDENTITY = ("model", "weights_digest", "pooling", "transform")
"""What of a feature manifest must be the same for new images."""


@dataclass(frozen=True)
class Options:
    """What of a study's config a model is applied with.

    Attributes
    ----------
    backbone, features
        Sections of the config; the backbone is that of the model.
    probes : mapping of str to mapping
        Options by probe.
    active_sd : float
        A dimension with a smaller SD counts as inactive.
    seed : int
        Of the model, and of its probe.
    target : str
        Of the model.
    facts : mapping
        By which the names of its family are judged, as tables have them.
    catalogue : Catalogue
        Where models and probes are registered.
    """

    backbone: Backbone
    features: Features
    probes: Mapping[str, Mapping[str, Any]]
    active_sd: float
    seed: int
    target: str
    facts: Mapping[str, Any]
    catalogue: Catalogue


def find_model(model: Path) -> tuple[dict[str, Path], list[Path], Options]:
    """Return the files that belong to a model of a target, its evidence, and how it is applied.

    Parameters
    ----------
    model : Path
        ``<results>/models/<backbone>/<recipe>/seed<n>/<target>.safetensors``. Of a recipe without
        fine-tuning that is the source model, by either name.

    Returns
    -------
    files : dict of str to Path
        By what they are.
    evidence : list of Path
        Scores by which its names are judged.
    options : Options
        From the config of its study.

    Raises
    ------
    FovscopeError
        If the path is another one, or one of the files is not there.
    """
    parts = model.absolute().parts
    if len(parts) < 6 or parts[-5] != "models" or model.suffix != ".safetensors":
        raise FovscopeError(
            f"{model} is not a model of a study; give "
            "<results>/models/<backbone>/<recipe>/seed<n>/<target>.safetensors"
        )
    root = model.absolute().parents[4]
    backbone, recipe, seed = parts[-4:-1]
    jobs = _expansion(root)
    for kind, name, known in (
        ("backbone", backbone, jobs.backbones),
        ("recipe", recipe, jobs.recipes),
    ):
        if name not in known:
            raise FovscopeError(
                f"{root}/config.yaml has no {kind} '{name}'; put it back into the study"
            )
    target = model.stem
    if target == SOURCE and recipe not in jobs.tuned:
        target = jobs.target_of(recipe) or target
    if target == SOURCE:
        beside = ", ".join(f"{name}.safetensors" for name in jobs.targets)
        raise FovscopeError(f"{model} has no target; give its name in the place of it: {beside}")
    named = f"{backbone}/{recipe_name(recipe)}/{seed}/{target}"
    files = jobs.files_of_model(named)
    evidence = [Path(file) for file in files.pop("evidence")]
    files = {key: Path(file) for key, file in files.items()}
    _require([files["model"]])
    study = jobs.study
    return (
        files,
        evidence,
        Options(
            study.backbones[backbone],
            study.features,
            study.probes,
            study.metrics.active_sd,
            int(seed.removeprefix("seed")),
            target,
            jobs.judging(named),
            jobs.catalogue,
        ),
    )


def _expansion(root: Path) -> Expansion:
    """Return the study of a results folder, wherever that lies now."""
    config = root / "config.yaml"
    _require([config])
    try:
        study = load_study(yaml.safe_load(config.read_text("utf-8")))
    except ConfigError as error:
        raise FovscopeError(f"{config} is of another version of fovscope: {error}") from error
    # The images of its targets are not wanted, and held-out classes are read off them.
    here = study.model_copy(update={"results": str(root), "open_set": {}})
    return Expansion(here, Path(fovscope.__file__).parents[1])


def verdicts_on(scores: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the verdict on each name of a family of models on one target.

    Parameters
    ----------
    scores : DataFrame
        Rows of the kinds of the table ``names``, of these models and this target alone.
    facts : mapping
        By which names are judged, as tables have them.

    Returns
    -------
    dict of str to str
        Verdict by factor, of the last stage: fine-tuned where the recipe is.
    """
    rows = judged(scores, facts).long
    tuned = rows["stage"] == "finetuned"
    rows = rows[tuned] if tuned.any() else rows
    return dict(zip(rows["factor"], rows["verdict"], strict=True))


def open_folder(folder: Path, masks: Path | None, preprocessing: dict[str, Any]) -> FolderImages:
    """Return the images below a folder, prepared as those of a target, each read once.

    Parameters
    ----------
    folder : Path
        Images at any depth.
    masks : Path, optional
        Folder of masks with the same relative paths, any image suffix.
    preprocessing : dict
        Of the target: ``background``, ``white_level``, ``mask``, ``channels``.

    Returns
    -------
    FolderImages
        As thumbnails.

    Raises
    ------
    DataError
        If there are no images, one cannot be read, or a mask is missing; all are named.
    """
    require_folder(folder, "folder of images")
    if preprocessing["mask"] and masks is None:
        raise DataError("the target of this model is masked; give the masks of the new images too")
    if masks is not None:
        require_folder(masks, "folder of masks")
        if not preprocessing["mask"]:
            logger.info("the target of this model is not masked: masks are left out, no more")
    files = image_files(folder, without=masks)  # masks may lie in the folder itself
    if not files:
        raise DataError(f"{folder} holds no images ({kinds_read()})")
    channels, mask_paths = preprocessing.get("channels"), None
    paths, names = files, [name.rpartition(".")[0] for name in files]
    if in_files(channels):
        found = channel_images(files, channels, str(folder))
        lacking = {name: missing_channels(those, channels) for name, those in found.items()}
        missing = [f"{name}: {', '.join(those)}" for name, those in lacking.items() if those]
        _raise_if_any("images without the file of a channel; add it or remove them", missing)
        names = list(found)
        paths = [image_path(name, those, channels) for name, those in found.items()]
    if preprocessing["mask"]:
        problems: dict[str, list[str]] = defaultdict(list)
        inside = {name: name for name in image_files(masks)}
        found = list(masks_of(names, names, inside, masks, problems))
        for kind, cases in problems.items():
            _raise_if_any(kind, cases)
        mask_paths = tuple(masks / name for name in found)
    images = FolderImages(
        tuple(folder / path for path in paths),
        size=THUMBNAIL,
        interpolation="bilinear",
        masks=mask_paths,
        **reading_options(preprocessing),
    )
    with ThreadPoolExecutor(_READERS) as pool:
        problems = pool.map(partial(_problem, images), range(len(images)))
        kind = "images that cannot be used; repair or remove them"
        _raise_if_any(kind, list(filter(None, problems)))
    return images


def encode_images(
    images: FolderImages,
    files: Mapping[str, Path],
    options: Options,
    *,
    device: torch.device,
    workers: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the posteriors of images under a fine-tuned model.

    Parameters
    ----------
    images : FolderImages
        Of any size; they are read in that of the backbone.
    files : mapping of str to Path
        As `find_model` returns.
    options : Options
        Config of the study.
    device : torch.device
        Where the networks run.
    workers : int
        Processes that read images; 0 reads in this one, with the network's threads.

    Returns
    -------
    mean, logvar : float32 arrays of shape (N, d)

    Raises
    ------
    FovscopeError
        If the model is of another version, or the backbone is not that of its features.
    """
    model = _load(files, options.catalogue)
    stored = read_json(files["features"])
    bag = bag_size(len(images.channels["use"])) if images.channels else 0
    extractor, identity = load_extractor(options.backbone, options.features, bag=bag)
    _require_same(identity, stored, read_json(files["info"]), files)
    transform = extractor.transform
    images = replace(images, size=transform.size, interpolation=transform.interpolation)
    precision = resolve_precision(stored["precision"], device)
    hidden = not sys.stderr.isatty()
    with reading(images, device=device, workers=workers) as read:
        model.to(device)  # from here on CUDA is in use
        to_device(extractor, device, precision)
        at_a_time = batch_size(
            extractor, options.features, images, device=device, precision=precision
        )
        batches = cut_batches([(0, len(images))], at_a_time)
        features = extract(extractor, read(batches), device=device, precision=precision)
        posteriors = [
            encode(model, batch.astype(stored["dtype"]))
            for batch in tqdm(features, "encode", len(batches), unit="batch", disable=hidden)
        ]
    mean, logvar = zip(*posteriors, strict=True)
    return np.concatenate(mean), np.concatenate(logvar)


def training_population(
    files: Mapping[str, Path],
    options: Options,
    verdicts: Mapping[str, str],
    *,
    probe: str,
    threads: int,
) -> Population:
    """Return the training images of a model's target, from its stored latents.

    Dimensions are called as the verdicts on their names allow.
    """
    manifest = read_table(files["manifest"])
    codes = representation_values(read_table(files["latents"]), manifest)
    return fit_population(
        manifest,
        codes,
        dimensions=judged_names(codes.shape[1], bound_of(read_json(files["info"])), verdicts),
        active_sd=options.active_sd,
        probe=probe,
        options=options.probes[probe],
        catalogue=options.catalogue,
        seed=options.seed,
        threads=threads,
    )


def encode_folder(
    files: Mapping[str, Path],
    evidence: Sequence[Path],
    options: Options,
    folder: Path,
    *,
    masks: Path | None,
    probe: str,
    table: Path,
    sheet: Path,
    device: torch.device,
    threads: int = 1,
) -> None:
    """Encode the images of a folder; write what the model says of them, and a contact sheet.

    Parameters
    ----------
    files, evidence, options
        As `find_model` returns.
    folder, masks : Path
        As in `open_folder`.
    probe : str
        What predicts the class.
    table, sheet : Path
        Where to write the CSV (as `Population.describe`, one row per image) and the HTML.
    device : torch.device
        Where the networks run.
    threads : int
        Threads of the probe, and on a GPU processes that read images.

    Raises
    ------
    FovscopeError
        If a file of the model is missing or does not belong to it, or images cannot be used.
    """
    _require([*files.values(), *evidence])
    for output in (table, sheet):
        _require_writable(output)
    images = open_folder(folder, masks, read_json(files["data_info"])["preprocessing"])
    kinds = options.catalogue.entry("table", "names").declared["kinds"]
    verdicts = verdicts_on(read_scores(evidence, *kinds), options.facts)
    logger.info("names on %s %s", options.target, summary(verdicts) or "none")
    population = training_population(files, options, verdicts, probe=probe, threads=threads)
    # Without a GPU the network itself wants the cores.
    workers = threads if device.type == "cuda" else 0
    codes, _ = encode_images(images, files, options, device=device, workers=workers)
    names = [path.relative_to(folder).as_posix() for path in images.paths]
    if in_files(images.channels):
        names = [image_of(name, images.channels) for name in names]
    described = population.describe(names, codes)
    model = "/".join(files["model"].with_suffix("").parts[-4:])
    html = contact_sheet(
        described,
        images,
        population,
        title=folder.resolve().name,
        model=model,
        verdicts=summary(verdicts),
    )
    with replacing(table) as temporary:
        described.to_csv(temporary, index=False, float_format="%.6g")
    with replacing(sheet) as temporary:
        temporary.write_text(html, encoding="utf-8")
    unusual = (described["outlier_percentile"] > 99).sum()
    logger.info(
        "%d images -> %s, %s; %d are less like any class than 99 %% of the training images",
        *(len(described), table, sheet, unusual),
    )


def _require(files: Iterable[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise FovscopeError(
                f"{file} is not there, and the model cannot be applied without it; ask Snakemake "
                "for that file, or keep the results folder whole when you copy it"
            )


def _require_writable(file: Path) -> None:
    """Raise unless a file can be written; its folders need not be there yet."""
    place = file if file.exists() else next(p for p in file.absolute().parents if p.exists())
    if not os.access(place, os.W_OK) or (place != file and not place.is_dir()):
        raise FovscopeError(f"{file} cannot be written: look at {place}, or choose another place")


def _raise_if_any(kind: str, cases: Sequence[object]) -> None:
    if cases:
        raise DataError(listed(kind, cases))


def _problem(images: FolderImages, row: int) -> str | None:
    try:
        images[row]
    except (DataError, OSError) as error:
        return str(error)
    return None


def _load(files: Mapping[str, Path], catalogue: Catalogue) -> VAE:
    written_by = read_json(files["info"])["versions"]["fovscope"]
    try:
        return load_model(files["model"], catalogue=catalogue)
    except (FovscopeError, ValueError, RuntimeError) as error:  # the file, options, shapes
        if written_by == fovscope.__version__:
            raise
        raise FovscopeError(
            f"{files['model']} cannot be read by fovscope {fovscope.__version__} (it was written "
            f"by {written_by}): {error}; or install that version"
        ) from error


def _require_same(
    identity: Mapping[str, Any],
    stored: Mapping[str, Any],
    info: Mapping[str, Any],
    files: Mapping[str, Path],
) -> None:
    """Raise unless backbone, cached features and model belong together."""
    for key in _IDENTITY:
        if identity[key] != stored[key]:
            raise WeightsError(
                f"the backbone here is not that of {files['features']}: {key} is {identity[key]}, "
                f"there {stored[key]}; use the same config and weights"
            )
    if info["provenance"]["weights_digest"] != stored["weights_digest"]:
        raise WeightsError(
            f"{files['model']} was trained on features of other weights than {files['features']} "
            "has; run the workflow again"
        )
