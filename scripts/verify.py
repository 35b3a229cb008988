"""Compare everything that the study wrote with the digests of then."""

from pathlib import Path

from fovscope import FovscopeError
from fovscope.runtime.job import logged
from fovscope.runtime.verify import verify_study

with logged(snakemake):
    problems = verify_study(Path(snakemake.params.results))
    if problems:
        raise FovscopeError("\n".join([f"{len(problems)} do not match:", *problems]))
