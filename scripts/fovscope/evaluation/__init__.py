"""Scores of codes on the images of a data set."""
