"""Disentangled representations of microscopy images.

The package is the *how* of the workflow: it knows nothing of Snakemake, takes and
returns arrays, tables and dataclasses, and imports torch only in the subpackages
that run a network (`features`, `models`, `training`).
"""

__version__ = "0.1.0"


class FovscopeError(ValueError):
    """A mistake in input or configuration; the message says what, where and what to do."""
