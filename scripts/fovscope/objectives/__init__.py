"""What a model is trained for: loss terms, and what is known of a pair of images."""
