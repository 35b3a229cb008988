"""A trained model on new images: latents, class, place in the training population, outliers."""
