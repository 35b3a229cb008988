"""Training: one loop, used on source pairs and for fine-tuning on a target."""
