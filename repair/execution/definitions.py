"""Digest of the code that decides a result: the definitions that a function reaches, from the sources.

A definition is a top-level function, class (with its methods) or constant of a module. Those that a function
names are reached, and what they name in turn: through imports (also those inside functions, and through what
a package re-exports), attributes of modules, decorators, defaults, base classes and tables of functions.
What they use comes with them: data files beside a module and modules that a string names (children are
started by name), the versions of imported packages, and Python's own where its grammar is used. A definition
of the same module that nobody names counts for nothing.

What can't be resolved counts rather too much: a module that is passed around as an object, or asked for a
name that it does not define, is reached as a whole. Not seen: a class that only a caller hands in (name it as
a root), a name put together at run time, an import that matters for its side effect alone.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError
from repair.execution.source_index import Imported, ModuleIndex

FOLLOWED = ("repair", "repair_assets", "training_assets", "eval_assets", "code_location")

IGNORED = (
    "resources",
    "partitions",
    "dagster",
    "dagster_pipes",
    "repair.store",
    "repair.execution",
    "repair.extras",
    "repair.pipeline",
)
"""Where and when a stage runs, how its rows are kept, what is installed: none of it decides a row."""

PARTS_OF_THEIR_OWN = frozenset({"repair.diagnostics.types:TYPES"})
"""Constants of which a stage's fingerprint names the part that decides its partition."""

PYTHON_GRAMMAR = frozenset({"ast", "builtins", "keyword", "symtable", "token", "tokenize", "unicodedata"})
"""Standard modules whose results change with Python's minor version."""

DISTRIBUTIONS = {
    "composer": "mosaicml",
    "dspy": "dspy-ai",
    "google": "protobuf",
    "kingfisher_sdk": "kingfisher-secret-scanner",
    "phonenumbers": "phonenumberslite",
}
"""Packages whose distribution has another name."""

PYTHON_TABLES = frozenset({("sys", "stdlib_module_names"), ("sys", "builtin_module_names")})
PYTHON = "python"

_PACKAGE = "__init__.py"
_OUTSIDE = "="  # before the name of a package of others, among nodes
_LONGEST_PATH = 200
_DIGEST_CHARACTERS = 16
_STARTED = time.time()


@dataclass(frozen=True, slots=True)
class Definitions:
    """What was reached: `module:name`, data file or package -> what it says, hashed, or its version."""

    parts: Mapping[str, str]
    roots: tuple[str, ...]
    """By name, so that another process can look again."""
    without: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Equal for equal definitions, on every machine and in every folder."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def definitions_of(*roots: Any, without: Iterable[str] = ()) -> Definitions:
    """What `roots` reach in this project's packages.

    Args:
        roots: functions, classes, partials (with the functions and classes among their arguments), or names
            such as `package.module:function` and `package.module`.
        without: definitions (`package.module:name`) at which the search stops, such as a table of which one
            entry is used; that entry is then a root of its own.

    Raises:
        ConfigurationError: a root has no source.
    """
    return _own_sources().reached(*roots, without=without)


class Sources:
    """The modules of some packages as written, parsed when they are first reached."""

    def __init__(self, packages: Mapping[str, Path]) -> None:
        """`packages`: name of a top-level package or module -> its folder or file."""
        self._packages = dict(packages)
        self._modules: dict[str, ModuleIndex | None] = {}
        self._steps: dict[str, tuple[dict[str, str], list[str]]] = {}
        self._data: dict[Path, list[str]] = {}

    def reached(self, *roots: Any, without: Iterable[str] = ()) -> Definitions:
        """As `definitions_of`, in these packages."""
        named = sorted({node for root in roots for node in self._roots(root)})
        stops = sorted(without)
        pending = list(named)
        parts: dict[str, str] = {}
        seen = {*stops, *PARTS_OF_THEIR_OWN}
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            if node not in self._steps:
                self._steps[node] = self._step(node)
            found, following = self._steps[node]
            parts.update(found)
            pending.extend(following)
        return Definitions(parts, tuple(named), tuple(stops))

    def _roots(self, root: Any) -> Iterator[str]:
        if isinstance(root, str):
            module, _, name = root.partition(":")
            index = self._module(module)
            if index is None or (name and name not in index.bindings and name not in index.imports):
                raise ConfigurationError(f"{root} names nothing with a source to take a digest of")
            yield from self._named(index, name, ()) if name else [module]
        elif isinstance(root, partial):
            yield from self._roots(root.func)
            for value in (*root.args, *root.keywords.values()):
                if isinstance(value, partial | type) or hasattr(value, "__qualname__"):
                    yield from self._roots(value)
        else:
            yield self._definition_around(root)

    def _definition_around(self, root: Any) -> str:
        """The top-level definition that a function, method or class stands in."""
        module, name = getattr(root, "__module__", ""), getattr(root, "__qualname__", "").partition(".")[0]
        if self._module(module) is None and (file := getattr(sys.modules.get(module), "__file__", None)):
            self._packages[module] = Path(file)  # of no followed package: in a test or a program
            self._modules.pop(module)
        index = self._module(module)
        if index is None or name not in index.bindings:
            raise ConfigurationError(
                f"{root!r} has no source to take a digest of: give a function or a class"
            )
        return f"{module}:{name}"

    def _step(self, node: str) -> tuple[dict[str, str], list[str]]:
        """What a node adds to the digest, and the nodes that it reaches."""
        module, colon, name = node.partition(":")
        index = self._modules[module]
        if index is None:
            raise ConfigurationError(f"{node} has no source to take a digest of")
        if not colon:
            return {}, list(self._whole(index))
        definition = index.definition(name) if name else index.effect()
        following = [f"{module}:"] if name and index.effects else []
        parts: dict[str, str] = {}
        meanings: set[str] = set()
        for reference in definition.references:
            if reference.imported:
                found = self._imported(reference.imported, reference.attributes)
            else:
                found = self._named(index, reference.name, reference.attributes)
            for target in found:
                if target.startswith(_OUTSIDE):
                    package = target.removeprefix(_OUTSIDE)
                    parts[package] = _version(package)
                else:
                    following.append(target)
                    meanings.add(f"{reference.name} {reference.attributes} {target}")
        for text in definition.strings:
            following.extend(self._named_by(text))
            parts.update(self._data_files(module, text))
        written = "\n".join([definition.normal_form, *sorted(meanings)])
        parts[node] = _short(written.encode()) + self._late(module)
        return parts, following

    def _whole(self, index: ModuleIndex) -> Iterator[str]:
        yield from (f"{index.name}:{name}" for name in index.bindings)
        if index.effects:
            yield f"{index.name}:"
        if index.package == index.name:  # its face: what it imports is there to be asked for
            for targets in index.imports.values():
                for target in targets:
                    if target.name:
                        yield from (
                            node for node in self._imported(target, ()) if not node.startswith(_OUTSIDE)
                        )

    def _named(self, index: ModuleIndex, name: str, attributes: tuple[str, ...]) -> Iterator[str]:
        """What a name means at the top level of a module; nothing for one that is Python's own."""
        if name in index.bindings:
            yield f"{index.name}:{name}"
            if "__subclasses__" in attributes:
                yield index.name
        for target in index.imports.get(name, ()):
            if target == Imported(index.name, name):  # a package that imports a module of its own
                yield from self._imported(Imported(f"{index.name}.{name}"), attributes)
            else:
                yield from self._imported(target, attributes)
        if name in index.bindings or name in index.imports:
            return
        for star in index.star_imports:
            if (other := self._module(star)) and name in other.bindings:
                yield from self._named(other, name, attributes)
        if name in ("eval", "exec", "globals", "vars"):
            yield index.name
        if name == "compile":
            yield _OUTSIDE + PYTHON

    def _imported(self, target: Imported, attributes: tuple[str, ...]) -> Iterator[str]:
        if target.name:
            yield from self._member(target.module, target.name, attributes)
        elif attributes:
            yield from self._member(target.module, attributes[0], attributes[1:])
        elif self._module(target.module):
            yield target.module  # passed around as an object
        else:
            yield from self._outside(target.module, "")

    def _member(self, module: str, name: str, attributes: tuple[str, ...]) -> Iterator[str]:
        """What `module.name` means."""
        index = self._module(module)
        if index is None:
            yield from self._outside(module, name)
        elif name in index.bindings or name in index.imports or index.star_imports:
            yield from self._named(index, name, attributes)
        elif self._module(f"{module}.{name}"):
            yield from self._imported(Imported(f"{module}.{name}"), attributes)
        elif not name.startswith("__"):
            yield module  # made at import

    def _named_by(self, text: str) -> Iterator[str]:
        """A module that a string names, as children are started, or a definition of one."""
        module, colon, name = text.partition(":")
        if "." in module and all(part.isidentifier() for part in module.split(".")) and self._module(module):
            yield from self._member(module, name, ()) if colon else [module]

    def _module(self, name: str) -> ModuleIndex | None:
        if name not in self._modules:
            path = self._path(name)
            try:
                self._modules[name] = path and ModuleIndex.of(
                    path.read_bytes(), name, is_package=path.name == _PACKAGE
                )
            except SyntaxError as error:
                raise ConfigurationError(f"{path} is not Python: {error}") from error
        return self._modules[name]

    def _path(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        base = self._packages.get(name) or self._packages.get(top)
        if base is None or _is_ignored(name):
            return None
        if base.suffix == ".py":
            return base
        path = base.joinpath(*rest)
        candidates = (path / _PACKAGE, path.with_name(f"{path.name}.py"))
        return next((candidate for candidate in candidates if candidate.is_file()), None)

    def _data_files(self, module: str, text: str) -> dict[str, str]:
        """The data files beside a module that a string names, with those that they name in turn."""
        path = self._path(module)
        if path is None or not 0 < len(text) <= _LONGEST_PATH or "." not in text or path.suffix != ".py":
            return {}
        folder = path.parent
        if folder not in self._data:
            files = sorted(file for file in folder.rglob("*") if file.is_file())
            self._data[folder] = [
                file.relative_to(folder).as_posix() for file in files if file.suffix not in (".py", ".pyc")
            ]
        package = module if path.name == _PACKAGE else module.rpartition(".")[0]
        found: dict[str, str] = {}
        pending = [file for file in self._data[folder] if f"/{file}".endswith(f"/{text}")]
        while pending:
            file = pending.pop()
            content = (folder / file).read_bytes()
            found[f"{package}/{file}"] = _short(content)
            pending.extend(
                other
                for other in self._data[folder]
                if f"{package}/{other}" not in found and Path(other).name.encode() in content
            )
        return found

    def _outside(self, module: str, name: str) -> list[str]:
        """The package of others whose version counts, if any."""
        top = module.partition(".")[0]
        if top in PYTHON_GRAMMAR or (module, name) in PYTHON_TABLES:
            return [_OUTSIDE + PYTHON]
        if top in self._packages or top in sys.stdlib_module_names or _is_ignored(module):
            return []
        return [_OUTSIDE + DISTRIBUTIONS.get(top, top)]

    def _late(self, module: str) -> str:
        """A mark where the source was changed after this process loaded it: what runs is not what it says."""
        path, loaded = self._path(module), sys.modules.get(module)
        if path is None or str(path) != getattr(loaded, "__file__", None):
            return ""
        changed = path.stat().st_mtime
        return f" changed while a process ran: {changed}" if changed > _STARTED else ""


@cache
def _own_sources() -> Sources:
    packages: dict[str, Path] = {}
    for name in FOLLOWED:
        found = find_spec(name)
        if found and found.submodule_search_locations:
            packages[name] = Path(next(iter(found.submodule_search_locations)))
    return Sources(packages)


def _is_ignored(module: str) -> bool:
    return any(f"{module}.".startswith(f"{ignored}.") for ignored in IGNORED)


@cache
def _version(package: str) -> str:
    if package == PYTHON:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGEST_CHARACTERS]
