"""Frozen backbones, streaming extraction, and the feature cache."""
