"""Date x diagnostic type: the only place that makes or parses a partition key."""
