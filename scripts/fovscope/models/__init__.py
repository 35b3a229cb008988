"""Models of features: the feature VAE, supervision by pairs, and their storage."""
