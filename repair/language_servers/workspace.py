"""A workspace that is ready to be written to a folder and checked."""

import hashlib
import json
import os
import platform
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repair.language_servers.configuration import pyright_configuration
from repair.language_servers.errors import UnknownFileError
from repair.language_servers.paths import encoded
from repair.language_servers.python_version import project_python
from repair.language_servers.ruff_settings import ruff_files
from repair.language_servers.targets import checked
from repair.messages import shown
from repair.text.paths import CONFIGURATION_FILES, is_python
from repair.text.python_imports import reached

_SETTINGS = frozenset(CONFIGURATION_FILES)


@dataclass(frozen=True, slots=True)
class PreparedWorkspace:
    """A validated workspace: its files by path, as text and as bytes; `targets`: the paths to check.

    `settings` are the project's pyright settings, filtered, with the Python version that it requires, and
    `configuration` their JSON, None where there are none; `ruff_files` replace the project's own for ruff;
    `ignored` lists the settings of both that were dropped.
    """

    texts: Mapping[str, str]
    data: Mapping[str, bytes]
    targets: tuple[str, ...]
    explicit: bool
    configuration: str | None
    settings: Mapping[str, Any]
    ruff_files: Mapping[str, bytes]
    ignored: tuple[str, ...]

    @classmethod
    def of(
        cls,
        files: Mapping[str, str],
        paths: Iterable[str] | None,
        edited: Collection[str] | None = None,
        python: str = platform.python_version(),
    ) -> "PreparedWorkspace":
        """`python` is the version of the environment's interpreter.

        Raises `UnsafePathError`, `UnencodableTextError`, `UnknownFileError`.
        """
        data = encoded(files)
        if paths is None:
            targets = tuple(path for path in data if is_python(path))
            if edited is not None:
                wanted = reached(files, edited)
                targets = tuple(path for path in targets if path in wanted)
        else:
            targets = tuple(dict.fromkeys(paths))
            for path in targets:
                if path not in data or not is_python(path):
                    raise UnknownFileError(
                        f"{shown(path)} is no Python file of the workspace, which has {len(data)} files"
                    )
        pyright = pyright_configuration(files)
        settings: dict[str, Any] = json.loads(pyright.text or "{}")
        if "pythonVersion" not in settings and (version := project_python(files, python)):
            settings["pythonVersion"] = version
        for_ruff, ignored = ruff_files(files)
        return cls(
            texts=files,
            data=data,
            targets=targets,
            explicit=paths is not None,
            configuration=json.dumps(settings, sort_keys=True) if settings else None,
            settings=settings,
            ruff_files=for_ruff,
            ignored=(*pyright.ignored, *ignored),
        )

    @property
    def python(self) -> str | None:
        """The version of Python that pyright is told; null: none, it is the running one."""
        version = self.settings.get("pythonVersion")
        return version if isinstance(version, str) else None

    @property
    def pyright_targets(self) -> tuple[str, ...]:
        """The targets that pyright checks, in its order: those that were requested by path, as in an editor,
        or those that its command line chooses."""
        return self.targets if self.explicit else checked(self.targets, self.data, self.settings)

    @property
    def pyright_files(self) -> Mapping[str, bytes]:
        """The files to write for pyright: none with settings, which it gets filtered (`settings`)."""
        return {path: data for path, data in self.data.items() if path.rpartition("/")[2] not in _SETTINGS}

    def digest(self, *more: str) -> str:
        """SHA-256 over the files, the effective configuration, the targets and `more`."""
        asked = f"{self.explicit} {len(self.targets)}"
        parts = [part.encode() for part in (*more, self.configuration or "", asked, *self.targets)]
        for path, data in self.data.items():
            parts += [path.encode(), data]
        total = hashlib.sha256()
        for part in parts:
            total.update(b"%d:" % len(part))
            total.update(part)
        return total.hexdigest()


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
