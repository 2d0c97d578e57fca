"""Training examples to a checkpoint."""
