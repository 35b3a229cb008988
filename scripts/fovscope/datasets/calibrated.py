"""A rendered source within the limits of a target: its sizes, colours, background, noise, blur."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from fovscope.datasets.base import Followed
from fovscope.datasets.manifest import Manifest
from fovscope.datasets.prepare import prepare_design, sizes_of
from fovscope.generators.calibration import calibrate, measure_background
from fovscope.generators.declared import GeneratorError
from fovscope.images.channels import rgb_view
from fovscope.registry import Catalogue, origin
from fovscope.study.data import Source

CALIBRATION = "calibration"
"""The option of a generator that takes limits of what it leaves to chance."""


@origin("calibrated")
def calibrated(
    options: Mapping[str, Any],
    folder: Path,
    catalogue: Catalogue,
    workers: int,
    followed: Mapping[str, Any],
) -> Manifest:
    """Draw the design of a source within the limits of the target that it follows.

    Raises
    ------
    GeneratorError
        If the generator cannot be calibrated.
    """
    del folder
    source = Source.model_validate(dict(options))
    entry = catalogue.entry("generator", source.generator)
    if CALIBRATION not in entry.options:
        raise GeneratorError(
            f"generator '{entry.name}' cannot be calibrated: it has no option '{CALIBRATION}'; "
            "leave 'calibrate' out"
        )
    limits = measured_limits(Followed(**followed), workers=workers)
    return prepare_design(
        entry, source.options | {CALIBRATION: limits}, limits=limits, **sizes_of(source)
    )


def measured_limits(followed: Followed, *, workers: int) -> dict[str, list[float]]:
    """Return the limits that a target's training images give a generator, without labels."""
    objects = followed.objects_of("train")
    with ThreadPoolExecutor(workers) as pool:
        looks = pool.map(followed.look, objects["image_id"])
        backgrounds = pd.DataFrame([measure_background(rgb_view(i), mask) for i, mask in looks])
    return calibrate(objects, backgrounds.assign(image_id=objects["image_id"]))
