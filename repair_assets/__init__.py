"""Session events to training examples: one file per stage, and the code location's definitions."""
