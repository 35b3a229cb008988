"""Variational autoencoders, the scaling of their input, and their storage."""
