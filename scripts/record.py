"""Write down what was asked for: the resolved configuration, or what features depend on."""

from pathlib import Path

import yaml

from fovscope.runtime.job import logged
from fovscope.runtime.provenance import replacing, write_json

with logged(snakemake):
    path, content = Path(snakemake.output[0]), snakemake.params.content
    if path.suffix == ".json":
        write_json(path, content)
    else:
        with replacing(path) as temporary:
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8")
