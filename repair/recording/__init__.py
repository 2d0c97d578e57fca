"""A recording on disk: events and projects, written whole and read by time and project."""
