"""Images of a made-up target as the explorer is given them, with names that want care."""

import numpy as np
import pandas as pd

from fovscope.factors import Factor, bind
from fovscope.figures.given import Given

CLASSES = ('<a> & "b"', "plain, or not", "</script><b>")
PLACE = {"dataset": "cells", "backbone": "lite0", "recipe": "named@cells", "seed": "0"}
PLACE |= {"stage": "transferred", "family": "named, named2"}
FACTORS = [Factor(name="Size", limits=(0.0, 1.0)), Factor(name="Scale", limits=(0.0, 1.0))]
VERDICTS = {"Size": "holds", "Scale": "does not hold"}


def names_of(verdicts, **place):
    """The long table of names, as far as the explorer reads it."""
    here = {"target": "cells", "input": "lite0", "recipe": "named, named2"}
    here |= {"stage": "transferred"} | place
    return pd.DataFrame([here | {"factor": f, "verdict": v} for f, v in verdicts.items()])


def given_images(count=40, dimensions=4, classes=CLASSES, images=None, names=None, **place):
    """What the explorer is given of a target: grey levels that tell the images apart."""
    rng = np.random.default_rng(0)
    ids = [f"well {k:05}, field.png" for k in range(count)]
    table = pd.DataFrame({"image_id": ids, "split": rng.choice(["train", "val", "test"], count)})
    if classes:
        table["label"] = rng.choice(classes, count)
    codes = rng.standard_normal((count, dimensions)).astype(np.float32)
    return Given(
        place=PLACE | place,
        image_table=table,
        values=codes * np.arange(1, dimensions + 1, dtype=np.float32),
        bound=bind(FACTORS, angles=False),
        tables={"names": names_of(VERDICTS)} if names is None else names,
        open_images=images or grey_images(count),
        options={"active_sd": 0.1},
    )


def grey_images(count):
    """Images of one grey each: that of image k is k of `count`."""

    class Greys:
        def __init__(self, side):
            self.side = side

        def __getitem__(self, row):
            return np.full((self.side, self.side, 3), 255 * row // count, np.uint8)

    return Greys
