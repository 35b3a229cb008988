"""What jobs do not import: what takes long and is not used. Each has a Python of its own."""

import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "scipy.optimize", "scipy.stats", "sklearn", "torch", "xgboost")
"""To import the first two takes a quarter of a second each, the others half a second to two."""

ENTRIES = "from fovscope.registry import Catalogue\nfor each in Catalogue()['{}'].values():\n    {}"
MODEL = """
import torch
from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.scaling import FeatureScaling
from fovscope.study.models import Model
FeatureVAE(4, Model(), FeatureScaling(torch.zeros(4), torch.ones(4)), seed=0)
"""

CASES = {
    "tables": (ENTRIES.format("table", "each.load()"), HEAVY),
    # Of pictures only those of screens are made with t-SNE.
    "figures": (ENTRIES.format("figure", "each.file.stem == 'screen' or each.load()"), HEAVY[1:]),
    "models": (MODEL, ("sympy", "timm", "torch._dynamo", "torchvision", "sklearn", "matplotlib")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_used_is_not_imported(case):
    code, heavy = CASES[case]
    code += f"\nimport sys\nsys.exit(', '.join(sorted({set(heavy)!r} & sys.modules.keys())) or 0)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
