"""The command `repair`, one file a command."""

from repair.cli.main import main

__all__ = ["main"]
