"""Zip archive of the running source of `repair/`, for processes on other machines.

Tested by `tests/resources/test_engine.py`.
"""

import hashlib
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import repair

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip file


@cache
def source_archive() -> Path:
    """A reproducible zip file of the package, named by its content hash: equal sources give equal bytes.

    Workers unpack it: compiled loops and data files are read from disk.
    """
    package = Path(repair.__file__).parent
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    folder = Path(tempfile.mkdtemp(prefix="repair-source-"))
    unnamed = folder / "waiting.zip"
    with zipfile.ZipFile(unnamed, "w") as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), _EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(unnamed.read_bytes()).hexdigest()[:16]
    return unnamed.rename(folder / f"repair-{digest}.zip")
