"""OT replay: the texts of a file and of a project at any moment."""

from repair.replay.engine import texts_at
from repair.replay.file import BadChecksum, ReplayError, VersionGap

__all__ = ["BadChecksum", "ReplayError", "VersionGap", "texts_at"]
