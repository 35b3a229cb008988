"""What a model is trained for: the losses of a batch, and what is known of a pair of images."""
