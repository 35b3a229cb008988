"""A look at images: what a folder or a table holds, or what interventions make of a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovscope import FovscopeError
from fovscope.apply.overview import described, look_at, picture
from fovscope.datasets.design import BASE
from fovscope.datasets.listing import read_info
from fovscope.factors import Factor
from fovscope.images.read import read_image, reading_options
from fovscope.interpret.objects import decode_mask
from fovscope.interventions.edit import Subject
from fovscope.interventions.sheet import edit_sheet
from fovscope.records import read_table
from fovscope.runtime.provenance import replacing


def look(data: Path, sheet: Path, *, rows: int, workers: int = 1) -> str:
    """Draw images, and say what there is.

    Parameters
    ----------
    data : Path
        Folder or table of images, or ``<results>/data/<source>@<target>`` of interventions.
    sheet : Path
        PNG file to write.
    rows : int
        How many classes, or edited images, are drawn.
    workers : int
        Threads that read images.

    Raises
    ------
    FovscopeError
        If there is neither, or the picture would be one of the images.
    """
    if (data / "manifest.parquet").exists():  # of a study: images lie in folders of their own
        draw_edits(data, sheet, rows=rows)
        return f"edited images of {data}: {sheet}"
    if data.resolve() in sheet.resolve().parents:
        raise FovscopeError(
            f"{sheet} would lie among the images of {data}; give another place with --out"
        )
    seen = look_at(data, workers=workers)
    with replacing(sheet) as temporary:
        picture(seen, rows=rows).save(temporary, "PNG")
    return f"{described(seen)}\n\nPicture: {sheet}"


def draw_edits(data: Path, sheet: Path, *, rows: int, seed: int = 0) -> None:
    """Draw test images of a target as they are, and with one property set at a time.

    Parameters
    ----------
    data : Path
        Folder of a data set of interventions, ``<results>/data/<source>@<target>``; the command is
        run where the study was.
    sheet : Path
        PNG file to write.
    rows : int
        Number of images.
    seed : int
        Of their choice, and of noise on what is rebuilt.

    Raises
    ------
    FovscopeError
        If the folder is none of interventions.
    """
    table, facts = data / "manifest.parquet", read_info(data / "manifest.json")
    if "interventions" not in facts:
        raise FovscopeError(
            f"{data} has no interventions; give <results>/data/<source>@<target> of a source with "
            "'interventions' in the study"
        )
    how, factors = facts["interventions"], facts["factors"]
    images = read_table(table)
    test = images[images["split"] == "test"].drop_duplicates(BASE)
    order = np.random.default_rng(seed).permutation(len(test))[:rows]
    masks = read_table(how["masks"]).set_index("image_id")["mask"]
    reading = reading_options(how["preprocessing"])
    root, chosen = Path(how["root"]), test.iloc[order]
    subjects = (
        Subject(
            read_image(root / path, **reading),
            decode_mask(masks[base]),
            background=reading["background"],
        )
        for path, base in zip(chosen["base_path"], chosen[BASE], strict=True)
    )
    drawn = edit_sheet(subjects, [Factor.from_json(raw) for raw in factors], seed=seed)
    with replacing(sheet) as temporary:
        drawn.save(temporary, "PNG")
