"""Path validation: which workspaces can be written to a folder without leaving it."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from repair.language_servers.errors import UnencodableTextError, UnsafePathError

_LONGEST_NAME = 255  # bytes, what Linux file systems allow
_LONGEST_PATH = 2048  # bytes; Linux allows 4096 for the whole, our folder is in front


def encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    """`files` as path -> UTF-8 bytes, in the order of their paths.

    Raises `UnsafePathError` for a path that is absolute, leads upwards, is not in its plain form, names a
    file and a folder at once or is too long for a file system; `UnencodableTextError` for a lone surrogate.
    """
    result: dict[str, bytes] = {}
    for path in sorted(files):
        _check(path)
        for parent in PurePosixPath(path).parents:
            if str(parent) in files:
                raise UnsafePathError(
                    f"{path!r}: {str(parent)!r} is a file of the same workspace; one of them has to go"
                )
        try:
            result[path] = files[path].encode()
        except UnicodeEncodeError as error:
            raise UnencodableTextError(f"{path}: {error}; decode the file's bytes as UTF-8 before") from None
    return result


def _check(path: str) -> None:
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        raise UnsafePathError(f"{path!r}: has no UTF-8 form") from None
    names = path.split("/")
    if not path or any(name in ("", ".", "..") for name in names):
        raise UnsafePathError(f"{path!r}: expected a plain relative path with forward slashes")
    if any(ord(point) < 32 or point in "\\\x7f" for point in path):
        raise UnsafePathError(f"{path!r}: holds a control character or a backslash")
    if len(raw) > _LONGEST_PATH or any(len(name.encode()) > _LONGEST_NAME for name in names):
        raise UnsafePathError(f"{path[:80]!r}...: longer than a file system takes")
