"""Corpus of correct Python texts for the simulated typist: the standard library, folders, installed packages.

A folder and an installed package give whole modules of moderate size, and small programs that are cut out of
the others (`programs`). The standard library gives whole modules only: it is what the demo types.
"""

import ast
import re
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from random import Random

from repair.curation.licence_expressions import permitted_expression
from repair.errors import ConfigurationError
from repair.sources.licences import is_licence_file, project_licence
from repair.sources.simulated.edits import parses
from repair.sources.simulated.main_part import main_part
from repair.sources.simulated.programs import imports_standard_library_only, programs

MINIMUM_LINES, MAXIMUM_LINES = 40, 180
MINIMUM_FUNCTIONS = 3

WITH_MAIN_PART, MAIN_LINES = 0.7, 30
"""How many of the programs that are cut out of modules have a main part, and its most lines."""

_NAME = re.compile(r"[\w.-]+", re.ASCII)

# Not a program that somebody would write: test data, generated tables, code of other platforms and of
# installed packages, and modules that hold Python 2.
_LEFT_OUT = frozenset(
    {"test", "tests", "idlelib", "lib2to3", "turtledemo", "encodings", "pydoc_data", "ensurepip", "distutils"}
    | {"site-packages", "dist-packages", "msilib", "macholib", "__pycache__", "node_modules", "venv"}
    | {"_vendor", "vendor", "vendored", "_vendored", "extern", "externals"}
)
_OTHER_PLATFORMS = frozenset(
    {"_aix_support", "_bootsubprocess", "windows_utils", "windows_events", "nturl2path"}
)


@dataclass(frozen=True, slots=True)
class Module:
    """A Python text of the corpus."""

    name: str
    """A name for its file, without `.py`: it shadows no module of the standard library."""
    text: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Modules in the order of their names, and their licence."""

    name: str
    """Letters, digits, `.`, `_` and `-`; empty for the standard library."""
    modules: tuple[Module, ...]
    licence: str | None
    """SPDX expression; null: its licence files do not permit, or there are none."""


@cache
def standard_library() -> Corpus:
    """The interpreter's own modules: equal for one patch release of Python, nearly so for its neighbours."""
    root = Path(sysconfig.get_path("stdlib"))
    texts = ((path, text) for path, text in _texts(root, root) if _fits(text))
    return Corpus("", tuple(_named(texts)), "PSF-2.0")


def corpus_of(description: str) -> Corpus:
    """The corpus of `NAME=FOLDER`, `NAME=FOLDER:LICENCE`, `FOLDER` or an installed package's name.

    The licence, an SPDX expression, is that of the licence files, unless it is named. Raises
    ConfigurationError.
    """
    name, equals, place = description.partition("=")
    if not equals:
        return folder(Path(name)) if Path(name).is_dir() or "/" in name else installed(name)
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"corpus {description}: a name has letters, digits, '.', '_' and '-'")
    path, colon, licence = place.rpartition(":")
    if not colon or Path(place).is_dir():
        return folder(Path(place), name)
    permitted = permitted_expression(licence)
    if permitted is None:
        raise ConfigurationError(
            f"corpus {description}: {licence} is no SPDX expression of a permissive licence"
        )
    return replace(folder(Path(path), name), licence=permitted)


def folder(root: Path, name: str | None = None) -> Corpus:
    """Every fitting text under `root`; the licence is that of the licence files in `root`."""
    if not root.is_dir():
        raise ConfigurationError(f"corpus {root} is not a folder: give a folder with Python files below it")
    found = [*root.iterdir(), *root.glob("*/*")]
    texts = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in found
        if is_licence_file(path.relative_to(root).as_posix()) and path.is_file()
    }
    label = re.sub(r"[^\w.-]", "-", root.resolve().name) if name is None else name
    return _corpus(label, str(root), [(root, root)], project_licence(texts).licence)


def installed(name: str) -> Corpus:
    """The packages of an installed distribution; the licence is that of its own licence files."""
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise ConfigurationError(
            f"corpus {name} is neither a folder nor an installed package: give FOLDER, NAME=FOLDER or "
            "NAME=FOLDER:LICENCE, or install the package"
        ) from error
    files = _files(distribution)
    base = Path(str(distribution.locate_file("")))
    tops = sorted(
        {
            path.relative_to(base).parts[0]
            for path in files
            if path.suffix == ".py" and path.is_relative_to(base)
        }
    )
    roots = [(base / top, base) for top in tops if (base / top).is_dir()]
    return _corpus(name, name, roots, installed_licence(name))


def installed_licence(name: str) -> str | None:
    """SPDX expression of an installed distribution, from the licence files beside its metadata."""
    texts = {
        path.name: path.read_text(encoding="utf-8", errors="replace")
        for path in _files(metadata.distribution(name))
        if ".dist-info/" in path.as_posix() and is_licence_file(path.name) and path.is_file()
    }
    return project_licence(texts).licence


def _files(distribution: metadata.Distribution) -> list[Path]:
    return [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]


def _corpus(name: str, shown: str, roots: Sequence[tuple[Path, Path]], licence: str | None) -> Corpus:
    def texts() -> Iterator[tuple[str, str]]:
        for root, base in roots:
            for stem, text in _texts(root, base):
                if _fits(text):
                    yield stem, text
                else:
                    yield from ((stem, program) for program in _programs(text))

    modules = tuple(_named(texts()))
    if not modules:
        raise ConfigurationError(
            f"corpus {shown} has no fitting module: it needs UTF-8 Python files of {MINIMUM_LINES} to "
            f"{MAXIMUM_LINES} lines with {MINIMUM_FUNCTIONS} functions, or functions that reach nothing but "
            "the standard library"
        )
    return Corpus(name, modules, licence)


def _named(texts: Iterable[tuple[str, str]]) -> Iterator[Module]:
    names: set[str] = set()
    for stem, text in texts:
        short = "my_" + stem.rpartition("/")[2].strip("_").lower()
        name = (
            short
            if short not in names
            else "my_" + "_".join(part.strip("_").lower() for part in stem.split("/"))
        )
        number = 2
        while name in names:
            name, number = f"{short}_{number}", number + 1
        names.add(name)
        yield Module(name, text)


def _texts(root: Path, base: Path) -> Iterator[tuple[str, str]]:
    """The texts under `root`, each with its path below `base` without the suffix."""
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        parts = path.relative_to(root).with_suffix("").parts
        if _LEFT_OUT & set(parts) or _OTHER_PLATFORMS & set(parts) or any("-" in part for part in parts):
            continue
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (UnicodeDecodeError, OSError):
            continue
        # Offsets are counted by "\n" alone.
        if "\r" in text or "\ufeff" in text or not parses(text):
            continue
        named = path.parent if path.stem == "__init__" else path.with_suffix("")
        yield named.relative_to(base).as_posix(), text


def _fits(text: str) -> bool:
    """Whether a whole module is a program that somebody would write, without its neighbours."""
    if not MINIMUM_LINES <= text.count("\n") <= MAXIMUM_LINES:
        return False
    tree = ast.parse(text)
    functions = sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))
    return functions >= MINIMUM_FUNCTIONS and imports_standard_library_only(tree)


def _programs(text: str) -> Iterator[str]:
    """The programs cut out of a module, most of them with a main part."""
    for program in programs(text):
        random = Random(int.from_bytes(sha256(program.encode()).digest()[:8]))  # noqa: S311  # keeps no secret
        ending = main_part(random, MAIN_LINES) if random.random() < WITH_MAIN_PART else ""
        if parses(program):
            yield f"{program}\n\n{ending.lstrip(chr(10))}" if ending else program
