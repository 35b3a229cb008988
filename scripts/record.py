"""Write down a configuration, what features depend on, or how a data set with a name was had."""

import json
from pathlib import Path

import yaml

from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json, replacing, write_json

with logged(snakemake):
    path, params = Path(snakemake.output[0]), dict(snakemake.params.items())
    if "named" in dict(snakemake.wildcards.items()):
        from fovscope.datasets.named import DataSet, Place
        from fovscope.datasets.retrieve import retrieve
        from fovscope.runtime.locks import writing

        row = DataSet.model_validate(json.loads(snakemake.resources.row))
        with writing(path):  # studies may share the folder
            write_json(path, retrieve(snakemake.wildcards.named, row, Place(path.parent)))
    elif path.suffix == ".json":
        content = params["content"]
        # Of data sets that have a name the content is known only once they are there.
        there = {Path(facts).parent.name: read_json(facts)["content"] for facts in snakemake.input}
        if there:
            content = content | {"images": content["images"] | {"retrieved": there}}
        write_json(path, content)
    else:
        with replacing(path) as temporary:
            text = yaml.safe_dump(params["content"], sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8")
