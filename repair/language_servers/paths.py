"""Path validation: which workspaces can be written to a folder without leaving it.

Tested by `tests/repair/text/test_paths.py`.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from repair.language_servers.errors import UnencodableTextError, UnsafePathError
from repair.messages import shown
from repair.text.paths import path_fault


def encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    """`files` as path -> UTF-8 bytes, in the order of their paths.

    Raises `UnsafePathError` for a path that is not safe, or names a file and a folder at once;
    `UnencodableTextError` for a lone surrogate.
    """
    result: dict[str, bytes] = {}
    for path in sorted(files):
        if fault := path_fault(path):
            raise UnsafePathError(f"{path[:80]!r}: expected a plain relative path, but {fault}")
        for parent in PurePosixPath(path).parents:
            if str(parent) in files:
                raise UnsafePathError(
                    f"{shown(path)}: {shown(str(parent))} is a file of the same workspace;"
                    " one of them has to go"
                )
        try:
            result[path] = files[path].encode()
        except UnicodeEncodeError as error:
            raise UnencodableTextError(f"{path}: {error}; decode the file's bytes as UTF-8 before") from None
    return result
