"""An extraction job finds the images of a data set by what its facts say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.prepare import prepare_design
from fovscope.features.job import ExtractionJob, run_job
from fovscope.features.store import open_store, seal_store
from fovscope.registry import Catalogue, RegistryError
from fovscope.runtime.parquet import write_table
from fovscope.runtime.provenance import read_json, write_json
from fovscope.study.config import Backbone, Features, Target

LAB = """
from dataclasses import replace

import numpy as np

from fovscope.factors import Factor
from fovscope.generators.base import Drawing, Generator
from fovscope.registry import generator

FACTORS = (Factor(name="Level", values=200),)


@generator("greys", factors=FACTORS)
class Greys(Generator):
    '''Images of one grey level.'''

    factors = FACTORS

    def render(self, factors, rng):
        return Drawing(np.full((32, 32, 3), factors["Level"], np.uint8))
"""


@pytest.fixture
def job(tmp_path):
    task = {
        "backbone": Backbone(model="pixels", size=32).model_dump(),
        "features": Features(batch_size=4, shard_rows=8).model_dump(),
        "code": {},
    }
    write_json(tmp_path / "task.json", task)
    return ExtractionJob(
        manifest=str(tmp_path / "store/manifest.json"),
        task=str(tmp_path / "task.json"),
        table=str(tmp_path / "table.parquet"),
        info=str(tmp_path / "info.json"),
        part=1,
        parts=1,
        threads=1,
        log="",
    )


def features_of(job, manifest):
    write_table(job.table, manifest.table)
    write_json(job.info, manifest.info)
    run_job(job)
    seal_store(job.manifest, 1)
    return open_store(job.manifest)[:]


def test_images_of_a_generator_in_a_plugin(job, tmp_path):
    lab = tmp_path / "greys_of_a_test.py"
    lab.write_text(LAB)
    entry = Catalogue([lab]).entry("generator", "greys")
    sizes = {"train_pairs": 5, "iid_train": 5, "iid_test": 5, "pairs_per_factor": 1}
    manifest = prepare_design(entry, {}, seed=0, **sizes)
    task = read_json(job.task)
    write_json(job.task, task | {"code": {str(lab): "0123"}})
    features = features_of(job, manifest)
    levels = manifest.table["factor_Level"].to_numpy()
    np.testing.assert_array_equal(features, np.repeat(levels[:, None], 32 * 32 * 3, axis=1))
    write_json(job.task, task)
    with pytest.raises(RegistryError, match="unknown generator 'greys'"):
        run_job(replace(job, manifest=str(tmp_path / "other/manifest.json")))


def test_images_of_files(job, tmp_path):
    for level in range(5):
        Image.new("RGB", (32, 32), (level,) * 3).save(tmp_path / f"{level}.png")
    features = features_of(job, build_manifest(Target(folder=str(tmp_path))))
    np.testing.assert_array_equal(features[:, 0], pd.RangeIndex(5))
