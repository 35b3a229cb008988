"""Write down a configuration, what features depend on, or what shards a full store has."""

from pathlib import Path

import yaml

from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json, replacing, write_json

LATENCY = 60.0  # seconds, as `latency-wait` of the profile for clusters

with logged(snakemake):
    path, params = Path(snakemake.output[0]), dict(snakemake.params.items())
    if "cut" in params:
        from fovscope.features.store import seal_store

        parts = len(snakemake.input)
        seal_store(path, parts=parts, patience=LATENCY)
        write_json(params["cut"], {"parts": parts, "images": params["images"]})
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
