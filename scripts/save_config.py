"""Save the resolved configuration beside the results."""

from pathlib import Path

import yaml

from fovscope.runtime.job import logged
from fovscope.runtime.provenance import replacing

with logged(snakemake), replacing(snakemake.output[0]) as temporary:
    text = yaml.safe_dump(dict(snakemake.params.study), sort_keys=False, allow_unicode=True)
    Path(temporary).write_text(text, encoding="utf-8")
