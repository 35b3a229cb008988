"""Simple classifiers on frozen representations, their scores and baselines."""

from fovscope.probes.baselines import majority_class, pca_codes
from fovscope.probes.classifiers import predict_with_probes
from fovscope.probes.scores import classification_scores, confusion_shares

__all__ = [
    "classification_scores",
    "confusion_shares",
    "majority_class",
    "pca_codes",
    "predict_with_probes",
]
