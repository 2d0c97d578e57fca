"""Data set: examples, splits by project, and the training mixture."""
