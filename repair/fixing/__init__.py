"""Fixes for one's own code: a model answers each diagnostic, and what verifies is shown, or nothing."""
