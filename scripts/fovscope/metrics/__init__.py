"""Disentanglement metrics: arrays in, numbers out."""

from fovscope.metrics.dci import dci_scores
from fovscope.metrics.mig import mig_score
from fovscope.metrics.omes import omes_score
from fovscope.metrics.panel import disentanglement_panel

__all__ = ["dci_scores", "disentanglement_panel", "mig_score", "omes_score"]
