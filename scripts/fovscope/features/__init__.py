"""Streaming extraction of features, and the cache that keeps them."""
