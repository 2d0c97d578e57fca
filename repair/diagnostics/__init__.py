"""Diagnostics: what one is, what its code means, what is style, when two are the same."""
