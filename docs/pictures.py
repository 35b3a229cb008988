"""Draws the pictures of the documentation from a finished demo, small: `make docs-pictures`."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

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


def draw(figures: Path, folder: Path) -> None:
    """Write each picture as WebP, as wide as `LARGEST` allows."""
    for name, figure in PICTURES.items():
        with Image.open(figures / figure) as opened:
            picture = opened.convert("RGB")
        # A long sheet shows as much in its first rows.
        picture = picture.crop((0, 0, picture.width, min(picture.height, 2 * picture.width)))
        for width in (1200, 1000, 800, 600):
            small = picture.copy()
            small.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
            small.save(folder / f"{name}.webp", quality=82, method=6)
            if (folder / f"{name}.webp").stat().st_size <= LARGEST:
                break


if __name__ == "__main__":
    draw(Path(sys.argv[1]) / "figures", Path(__file__).parent / "pictures")
