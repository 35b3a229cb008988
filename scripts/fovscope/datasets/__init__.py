"""Data sets: image tables of folders, CSV files and generators; designs; splits; digests."""
