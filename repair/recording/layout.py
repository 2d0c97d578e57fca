"""Layout of a recording on disk: the names of its folders and files.

Tested by `tests/repair/recording/test_reader.py`.
"""

from pathlib import Path
from typing import Any

EVENTS_FOLDER, PROJECTS_FILE = "events", "projects.parquet"


PARQUET: dict[str, Any] = {"compression": "zstd", "row_group_size": 8192}
"""Rows of a project are together, so that small groups can be passed over by their statistics."""


def is_recording(folder: Path) -> bool:
    """Whether `folder` has the layout of a recording."""
    return (folder / PROJECTS_FILE).is_file() and (folder / EVENTS_FOLDER).is_dir()
