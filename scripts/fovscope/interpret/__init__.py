"""What latent dimensions mean: objects measured by hand, held-out classes, how codes go with them."""
