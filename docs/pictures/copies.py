"""Copy figures of the demo into the documentation, small, and draw a sheet of its edited cells.

``make pictures`` runs it after ``make demo``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from fovscope.apply.look import draw_edits

RESULTS = Path("results")
HERE = Path(__file__).parent

LARGEST = 300_000
"""Bytes of a picture, at most."""

PICTURES = {
    "samples": "samples_synthetic_cells.png",
    "samples_rendered": "samples_rendered@synthetic_cells.png",
    "samples_edited": "samples_edited@synthetic_cells.png",
    "masks": "masks_synthetic_cells.png",
    "disentanglement": "disentanglement.png",
    "correlation": "correlation_synthetic_cells_lite0.png",
    "sizes": "sizes_rendered@synthetic_cells_lite0_named@synthetic_cells_seed0.png",
    "movement": "movement_synthetic_cells_lite0_named@synthetic_cells_seed0.png",
    "traversal": "traversal_synthetic_cells_lite0_named@synthetic_cells_seed0.png",
    "scatter": "scatter_synthetic_cells_lite0_named@synthetic_cells_seed0.png",
    "classes": "classes_synthetic_cells_lite0_named@synthetic_cells_seed0.png",
    "pairs": "pairs_synthetic_cells_lite0_named@synthetic_cells_seed0.png",
}
"""Which figure of the demo stands under which name; reading.md shows those of a figure's name."""


EDITED = RESULTS / "data/edited@synthetic_cells"
"""The source whose sheet of edits is drawn, as `fovscope look` draws it."""


def main() -> None:
    """Write all pictures."""
    for name, figure in PICTURES.items():
        write(RESULTS / "figures" / figure, name, 1200)
    with TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.png"
        draw_edits(EDITED, sheet, rows=4)
        write(sheet, "interventions", 1600)


def write(picture: Path, name: str, widest: int) -> None:
    """Write a picture as WebP, as wide as `widest` and `LARGEST` allow, in pixels and bytes."""
    with Image.open(picture) as opened:
        whole = opened.convert("RGB")
    # A long sheet shows as much in its first rows.
    whole = whole.crop((0, 0, whole.width, min(whole.height, 2 * whole.width)))
    for width in (widest, 1000, 800, 600):
        small = whole.copy()
        small.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
        small.save(HERE / f"{name}.webp", quality=82, method=6)
        if (HERE / f"{name}.webp").stat().st_size <= LARGEST:
            break


if __name__ == "__main__":
    main()
