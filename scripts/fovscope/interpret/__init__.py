"""What latent dimensions mean: objects measured by hand, and how codes go with them."""
