"""Apply a fine-tuned model to a folder of new images: table and contact sheet."""

from pathlib import Path

from fovscope.apply.encode import Options, encode_folder
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import logged
from fovscope.study.config import Backbone, Encoding, Features, Probes

with logged(snakemake):
    use_cores(snakemake.threads)
    params = snakemake.params
    encoding = Encoding.model_validate(dict(params.encoding))
    encode_folder(
        {key: Path(file) for key, file in snakemake.input.items()},
        Options(
            backbone=Backbone.model_validate(dict(params.backbone)),
            features=Features.model_validate(dict(params.options["features"])),
            probes=Probes.model_validate(dict(params.options["probes"])),
            seed=int(encoding.model.split("/")[2].removeprefix("seed")),
            **params.what,
        ),
        Path(encoding.images),
        masks=Path(encoding.masks) if encoding.masks else None,
        probe=encoding.probe,
        table=Path(snakemake.output.table),
        sheet=Path(snakemake.output.sheet),
        device=resolve_device(),
        threads=snakemake.threads,
    )
