"""What latent dimensions mean, on objects measured by hand and on classes held out."""
