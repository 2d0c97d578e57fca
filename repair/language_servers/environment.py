"""Python environments: which third-party packages a workspace sees, those of a named environment or none."""

import json
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

from repair.errors import ConfigurationError
from repair.language_servers.programs import clean_variables, empty_environment

NONE = "none"
_SECONDS = 60.0
_SYSTEM_PREFIXES = (Path("/usr"), Path("/usr/local"))
# Run in isolated mode, as pyright does, and outside any project.
_PROBE = (
    "import json, platform, sys; "
    "print(json.dumps([platform.python_version(), sys.prefix, sys.base_prefix, sys.path]))"
)


@dataclass(frozen=True, slots=True)
class Environment:
    """A prepared virtual environment: a name for it, and its interpreter."""

    name: str
    python: str | Path


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that was inspected."""

    python: Path
    version: str
    """Of Python."""
    roots: tuple[Path, ...]
    """The folders below which its modules lie."""
    searched: tuple[Path, ...]
    """The environment's own folder, and those that its interpreter searches for modules."""
    label: str
    """`none`, or the environment's name and 12 hexadecimal digits: a hash over the names and versions of the
    installed distributions."""

    @property
    def visible(self) -> tuple[Path, ...]:
        """What pyright reads: `searched`, what links in it lead to, and the interpreter that it asks."""
        searched = [folder for folder in self.searched if folder not in _SYSTEM_PREFIXES]
        linked = [entry.resolve() for folder in searched for entry in folder.iterdir() if entry.is_symlink()]
        return (*searched, self.python, *linked)

    @property
    def files(self) -> tuple[Path, ...]:
        """`visible`, and what the interpreter needs to run."""
        # every link on the way to it: it looks for its library beside each
        chain = [self.python]
        while chain[-1].is_symlink():
            chain.append(chain[-1].parent / chain[-1].readlink())
        # of a system's folder, which holds much else, the libraries
        bases = [root / "lib" if root in _SYSTEM_PREFIXES else root for root in self.roots]
        return (*self.visible, *chain, *bases)


def nothing_installed(folder: Path) -> Installed:
    """Makes an empty environment in `folder`: the standard library of the running Python, no packages."""
    python = empty_environment(folder)
    # of the installation that the running environment is made from: its own packages are not seen
    base = {"platbase": sys.base_exec_prefix}
    library = {Path(sysconfig.get_path(name, vars=base)) for name in ("stdlib", "platstdlib")}
    searched = (folder, *sorted(path for path in library if path.is_dir()))
    roots = (folder, Path(sys.base_prefix))
    return Installed(python, platform.python_version(), roots, searched, NONE)


def installed(environment: Environment) -> Installed:
    """Inspects a prepared environment.

    Its interpreter is run once for its version and search paths; no package is imported. Raises
    `ConfigurationError` where that is not possible.
    """
    name, python = environment.name, Path(environment.python).absolute()
    if not name or name == NONE or name.split() != [name]:
        raise ConfigurationError(f"expected a name of one word, and not {NONE!r}, got {name!r}")
    try:
        probe = subprocess.run(
            [str(python), "-I", "-c", _PROBE],
            env=clean_variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        version, prefix, base_prefix, searched = json.loads(probe.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConfigurationError(
            f"environment {name!r}: {python} is no Python interpreter that runs ({error}); "
            "name the bin/python of a virtual environment"
        ) from None
    folders = [path for path in map(Path, searched) if path.is_dir()]
    roots = tuple(dict.fromkeys([Path(prefix), Path(base_prefix), *folders]))
    return Installed(python, version, roots, (Path(prefix), *folders), f"{name} {_identity(folders)}")


def _identity(folders: Sequence[Path]) -> str:
    found = {
        f"{distribution.metadata['Name'] or ''}=={distribution.metadata['Version'] or ''}".lower()
        for distribution in distributions(path=[str(folder) for folder in folders])
    }
    return sha256("\n".join(sorted(found)).encode()).hexdigest()[:12]
