"""Aggregation of scores to tables, and their views."""
