"""A walk through the Dagster UI: `python -m tests.walk`."""
