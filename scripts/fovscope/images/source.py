"""What everything that reads images expects of them: to be there by number, in one size."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ImageSource(Protocol):
    """Images by row number; picklable, because worker processes read it."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """Return image `row`, uint8 (H, W, C)."""
        ...
