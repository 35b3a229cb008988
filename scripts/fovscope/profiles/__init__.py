"""Profiles of wells and treatments, from any representation of their cells, and their scores."""
