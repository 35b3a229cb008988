"""Disentanglement metrics: arrays in, numbers out; usable without the rest of fovscope.

Each metric is a function of codes and factors. `disentanglement_panel` computes them all,
`scored_panel` with floor, ceiling and interval, `udr_scores` compares models without labels.
"""

from fovscope.metrics.beta_vae import BETA_VAE_FAST, beta_vae_score
from fovscope.metrics.dci import dci_scores
from fovscope.metrics.dci_es import DCI_ES_FAST, dci_es_scores
from fovscope.metrics.edi import edi_scores
from fovscope.metrics.explicitness import explicitness_score
from fovscope.metrics.factor_vae import FACTOR_VAE_FAST, factor_vae_score
from fovscope.metrics.groups import TooFewRowsError
from fovscope.metrics.honesty import Score, score_by_size, scored_panel
from fovscope.metrics.infomec import infomec_scores
from fovscope.metrics.irs import irs_score
from fovscope.metrics.mig import mig_score
from fovscope.metrics.modularity import modularity_score
from fovscope.metrics.omes import omes_score
from fovscope.metrics.panel import METRICS, Design, Panel, disentanglement_panel
from fovscope.metrics.references import reference_codes
from fovscope.metrics.sap import sap_score
from fovscope.metrics.udr import informative_dimensions, udr_scores

__all__ = [
    "BETA_VAE_FAST",
    "DCI_ES_FAST",
    "FACTOR_VAE_FAST",
    "METRICS",
    "Design",
    "Panel",
    "Score",
    "TooFewRowsError",
    "beta_vae_score",
    "dci_es_scores",
    "dci_scores",
    "disentanglement_panel",
    "edi_scores",
    "explicitness_score",
    "factor_vae_score",
    "infomec_scores",
    "informative_dimensions",
    "irs_score",
    "mig_score",
    "modularity_score",
    "omes_score",
    "reference_codes",
    "sap_score",
    "score_by_size",
    "scored_panel",
    "udr_scores",
]
