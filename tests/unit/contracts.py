"""What the contract tests run over: everything registered, the example's and a user's too.

``FOVSCOPE_PLUGINS=my_lab.py pytest tests/unit -k contract`` adds the entries of a file.
"""

import os
from pathlib import Path

from fovscope.registry import Catalogue

LAB = Path(__file__).parents[2] / "examples/lab/my_lab.py"
PLUGINS = [plugin for plugin in os.environ.get("FOVSCOPE_PLUGINS", "").split(os.pathsep) if plugin]
CATALOGUE = Catalogue([LAB, *PLUGINS])
