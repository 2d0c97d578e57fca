"""The running source of `repair/` as one file, for processes on other machines."""

import hashlib
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import repair

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can hold


@cache
def source_archive() -> Path:
    """A zip file of the package, named by its content: equal sources give equal bytes, whenever and wherever.

    Workers unpack it: compiled loops and data files are read from disk.
    """
    package = Path(repair.__file__).parent
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    folder = Path(tempfile.mkdtemp(prefix="repair-source-"))
    waiting = folder / "waiting.zip"
    with zipfile.ZipFile(waiting, "w") as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), _EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(waiting.read_bytes()).hexdigest()[:16]
    return waiting.rename(folder / f"repair-{digest}.zip")
