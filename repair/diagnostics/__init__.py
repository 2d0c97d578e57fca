"""Diagnostics of language servers: the record, codes and types, stylistic rules, matching."""
