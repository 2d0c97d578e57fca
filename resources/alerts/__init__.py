"""Alerts: what is told about failing checks and runs, to which channels, and the outbox between them."""
