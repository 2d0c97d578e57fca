"""The scheduled backfill: what is stale or missing is made again at night, newest first, within a budget."""
