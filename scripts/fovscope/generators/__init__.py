"""Generators of images with known factors of variation, one file each; see `base`."""
