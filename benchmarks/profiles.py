"""How long profiles of a large screen take: 10⁶ cells × 256 values in 10⁴ wells by default.

Printed are the seconds of each step and the peak of memory, that of the cells included.

    PYTHONPATH=scripts python benchmarks/profiles.py
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from fovscope.profiles.batches import batch_scores
from fovscope.profiles.effects import effect_sizes
from fovscope.profiles.mechanism import bootstrap_mean, nearest_neighbours
from fovscope.profiles.normalisation import normalise
from fovscope.profiles.precision import activity, consistency
from fovscope.profiles.replication import percent_matching, percent_replicating
from fovscope.profiles.wells import pool_treatments, pool_wells

_WELLS_A_PLATE, _CONTROLS_A_PLATE, _PLATES_A_BATCH, _DOSES = 384, 32, 4, 6


def draw_cells(n_cells, n_wells, n_values, rng):
    """Return columns and values of the cells of a screen, three replicates of each treatment."""
    well = np.arange(n_wells)
    plate, place = well // _WELLS_A_PLATE, well % _WELLS_A_PLATE
    control = place < _CONTROLS_A_PLATE
    # A plate and the two after it hold the same treatments.
    treatment = np.where(control, -1, (plate // 3) * _WELLS_A_PLATE + place)
    compound = treatment // _DOSES
    wells = pd.DataFrame(
        {
            "plate": [f"P{k:03}" for k in plate],
            "well": [f"W{k:03}" for k in place],
            "batch": [f"B{k // _PLATES_A_BATCH:02}" for k in plate],
            "compound": np.where(control, "DMSO", [f"C{k}" for k in compound]),
            "concentration": np.where(control, np.nan, treatment % _DOSES + 1.0),
            "moa": np.where(control, None, [f"M{k % 40}" for k in compound]),
            "control": control,
        }
    )
    of_cell = rng.integers(n_wells, size=n_cells)
    moas = rng.standard_normal((41, n_values), dtype=np.float32) / 4
    values = rng.standard_normal((n_cells, n_values), dtype=np.float32)
    values += moas[np.where(control, 40, compound % 40)[of_cell]]
    return wells.iloc[of_cell].reset_index(drop=True), values


def main() -> None:
    """Time each step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--wells", type=int, default=10_000)
    parser.add_argument("--values", type=int, default=256)
    sizes = parser.parse_args()
    cells, values = draw_cells(sizes.cells, sizes.wells, sizes.values, np.random.default_rng(0))
    total = 0.0

    def timed(name, call):
        nonlocal total
        start, cpu = time.perf_counter(), time.process_time()
        result = call()
        seconds = time.perf_counter() - start
        total += seconds
        print(f"{name:<20} {seconds:7.1f} s ({time.process_time() - cpu:.1f} s of CPU)", flush=True)
        return result

    wells = timed("cells to wells", lambda: pool_wells(cells, values))
    for how in ("mad", "tvn", "tvn_coral"):
        normalised = timed(how, lambda how=how: normalise(wells, how))
    treatments = timed("wells to treatments", lambda: pool_treatments(normalised))
    for name, other_batch in (("NSC", False), ("NSCB", True)):
        found = timed(name, lambda b=other_batch: nearest_neighbours(treatments, other_batch=b))
        timed("  bootstrap", lambda found=found: bootstrap_mean(found.found["correct"]))
    timed("mAP, activity", lambda: activity(normalised))
    timed("mAP, consistency", lambda: consistency(treatments))
    timed("percent replicating", lambda: percent_replicating(normalised))
    timed("percent matching", lambda: percent_matching(treatments))
    timed("batch scores", lambda: batch_scores(normalised))
    timed("effect sizes", lambda: effect_sizes(wells, [f"z{k}" for k in range(sizes.values)]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{'all':<20} {total:7.1f} s; {len(treatments)} treatments; peak {peak:.1f} GB")


if __name__ == "__main__":
    main()
