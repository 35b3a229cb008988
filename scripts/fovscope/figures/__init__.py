"""Figures: tables and latents in, pictures out."""
