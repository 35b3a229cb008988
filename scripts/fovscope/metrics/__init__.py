"""Disentanglement metrics: arrays in, numbers out; usable without the rest of fovscope.

Each metric is a function of codes and factors. `disentanglement_panel` computes them all,
`scored_panel` with floor, ceiling and interval, `udr_scores` compares models without labels.

Names are imported from their files when they are first asked for, so that `metrics.presets` can be
used without NumPy. Code of the package imports from the files themselves: a job then depends on
the metrics that it uses, and on no other.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Design": "work",
    "Panel": "panel",
    "Score": "honesty",
    "TooFewRowsError": "groups",
    "beta_vae_score": "beta_vae",
    "dci_es_scores": "dci_es",
    "dci_scores": "dci",
    "disentanglement_panel": "panel",
    "edi_scores": "edi",
    "explicitness_score": "explicitness",
    "factor_vae_score": "factor_vae",
    "infomec_scores": "infomec",
    "informative_dimensions": "udr",
    "irs_score": "irs",
    "mig_score": "mig",
    "modularity_score": "modularity",
    "omes_score": "omes",
    "reference_codes": "references",
    "sap_score": "sap",
    "score_by_size": "honesty",
    "scored_panel": "honesty",
    "udr_scores": "udr",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Return a public name, imported from its file."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return what can be imported from here."""
    return sorted({*globals(), *_HOMES})
