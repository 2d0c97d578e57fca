"""Code location: Dagster's definitions, the demo, and the entry points of child processes."""
