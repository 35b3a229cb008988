"""Apply a fine-tuned model to a folder of new images: table and contact sheet."""

from pathlib import Path

from fovscope.apply.encode import Options, encode_folder
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import logged
from fovscope.study.evaluation import Encoding
from fovscope.study.features import Backbone, Features

with logged(snakemake) as job:
    use_cores(snakemake.threads)
    what = snakemake.params.job
    encoding = Encoding.model_validate(what["encoding"])
    *_, seed, target = encoding.model.split("/")
    files = dict(snakemake.input.items())
    evidence = files.pop("evidence")
    encode_folder(
        {key: Path(file) for key, file in files.items()},
        [Path(file) for file in evidence],
        Options(
            backbone=Backbone.model_validate(what["backbone"]),
            features=Features.model_validate(what["features"]),
            probes=what["probe"],
            active_sd=what["active_sd"],
            seed=int(seed.removeprefix("seed")),
            target=target,
            facts=what["facts"],
            catalogue=job.catalogue,
        ),
        Path(encoding.images),
        masks=Path(encoding.masks) if encoding.masks else None,
        probe=encoding.probe,
        table=Path(snakemake.output.table),
        sheet=Path(snakemake.output.sheet),
        device=resolve_device(),
        threads=snakemake.threads,
    )
