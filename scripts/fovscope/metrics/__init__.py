"""Disentanglement metrics: arrays in, numbers out."""

from fovscope.metrics.beta_vae import BETA_VAE_FAST, beta_vae_score
from fovscope.metrics.dci import dci_scores
from fovscope.metrics.dci_es import DCI_ES_FAST, dci_es_scores
from fovscope.metrics.explicitness import explicitness_score
from fovscope.metrics.factor_vae import FACTOR_VAE_FAST, factor_vae_score
from fovscope.metrics.groups import TooFewRowsError
from fovscope.metrics.irs import irs_score
from fovscope.metrics.mig import mig_score
from fovscope.metrics.modularity import modularity_score
from fovscope.metrics.omes import omes_score
from fovscope.metrics.panel import disentanglement_panel
from fovscope.metrics.sap import sap_score

__all__ = [
    "BETA_VAE_FAST",
    "DCI_ES_FAST",
    "FACTOR_VAE_FAST",
    "TooFewRowsError",
    "beta_vae_score",
    "dci_es_scores",
    "dci_scores",
    "disentanglement_panel",
    "explicitness_score",
    "factor_vae_score",
    "irs_score",
    "mig_score",
    "modularity_score",
    "omes_score",
    "sap_score",
]
