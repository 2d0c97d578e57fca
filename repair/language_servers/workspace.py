"""A snapshot of a project, ready to be written to a folder and asked about."""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from repair.imports import reached
from repair.language_servers.configuration import pyright_configuration
from repair.language_servers.errors import UnknownFileError
from repair.language_servers.paths import encoded, is_python

# What pyright's command line leaves out of a project that has no configuration of its own.
_LEFT_OUT = ("node_modules", "__pycache__")
# Up to so many Python files all are looked at: to leave some out spares little.
_FEW = 16
_ENVIRONMENT_MARKS = ("/pyvenv.cfg", "/bin/activate", "/Scripts/activate", "/conda-meta/")


@dataclass(frozen=True, slots=True)
class Workspace:
    """`files` by path, as text and as bytes; `targets`: the paths whose diagnostics are wanted.

    `configuration` is pyright's own configuration of the project, cleaned; None where it has none.
    """

    texts: Mapping[str, str]
    data: Mapping[str, bytes]
    targets: tuple[str, ...]
    explicit: bool
    configuration: str | None

    @classmethod
    def of(
        cls, files: Mapping[str, str], paths: Iterable[str] | None, edited: Collection[str] | None = None
    ) -> "Workspace":
        """Raises `UnsafePathError`, `UnencodableTextError`, `UnknownFileError`."""
        data = encoded(files)
        if paths is None:
            targets = tuple(path for path in data if is_python(path))
            if edited is not None and len(targets) > _FEW:
                wanted = reached(files, edited)
                targets = tuple(path for path in targets if path in wanted)
        else:
            targets = tuple(dict.fromkeys(paths))
            for path in targets:
                if path not in data or not is_python(path):
                    raise UnknownFileError(
                        f"{path!r} is no Python file of the workspace, which has {len(data)} files"
                    )
        return cls(files, data, targets, paths is not None, pyright_configuration(files))

    @property
    def pyright_targets(self) -> tuple[str, ...]:
        """The targets that pyright's command line would check, in its order.

        The order is part of the answer: what is inferred where imports are circular depends on it.
        """
        if self.explicit:
            return self.targets
        environments = {_owner(path) for path in self.data} - {None}
        kept = (path for path in self.targets if not _left_out(path))
        return tuple(sorted((path for path in kept if not environments & _folders(path)), key=_place))

    def digest(self, *more: str) -> str:
        """SHA-256 over the files, the effective configuration, the targets and `more`."""
        parts = [
            part.encode() for part in (*more, self.configuration or "", str(self.explicit), *self.targets)
        ]
        for path, data in self.data.items():
            parts += [path.encode(), data]
        total = hashlib.sha256()
        for part in parts:
            total.update(b"%d:" % len(part))
            total.update(part)
        return total.hexdigest()


def _place(path: str) -> list[tuple[bool, bytes]]:
    """A folder's files come before its folders, names in the order of JavaScript's strings."""
    *folders, name = (part.encode("utf-16-be") for part in path.split("/"))
    return [*((True, folder) for folder in folders), (False, name)]


def _folders(path: str) -> set[str | None]:
    """The folders above `path`; the root is the empty name."""
    parts = path.split("/")
    return {"/".join(parts[:count]) for count in range(len(parts))}


def _owner(path: str) -> str | None:
    """The folder that `path` marks as a Python environment, which pyright leaves out; None if it does not."""
    for mark in _ENVIRONMENT_MARKS:
        head, found, tail = f"/{path}".rpartition(mark)
        if found and (not tail or mark.endswith("/")):
            return head[1:]
    return None


def _left_out(path: str) -> bool:
    return any(name in _LEFT_OUT or name.startswith(".") for name in path.split("/"))


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes `files` below `folder`."""
    made: set[str] = set()
    root = str(folder)
    for path, data in files.items():
        target = f"{root}/{path}"
        parent = target.rpartition("/")[0]
        if parent not in made:
            os.makedirs(parent, exist_ok=True)  # noqa: PTH103 (strings: this is the hot path)
            made.add(parent)
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(data)
