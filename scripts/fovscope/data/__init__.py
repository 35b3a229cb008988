"""Data sets: folders and manifests, splits, and the two generated ones."""
