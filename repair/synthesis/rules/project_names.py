"""Auto-import: statements that import an undefined name from the one module of the project that defines it.

Tested by `tests/repair/synthesis/rules/test_project_names.py`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from repair.text.python_syntax import tree_of

_SOURCES = "src"  # pyright looks for packages there as well


def import_statements(workspace: Mapping[str, str], path: str, name: str) -> list[str]:
    """Statements for the file `path` of a workspace (path -> text), the likeliest first.

    None where no other module has a function or a class of this name at its top, or several have, or where it
    imports this file: a circle of imports fails when it is run.
    """
    head = re.compile(rf"^(?:async def|def|class) {name}\b", re.MULTILINE)
    homes = [
        other for other, text in workspace.items() if other != path and name in text and head.search(text)
    ]
    if len(homes) != 1 or not homes[0].endswith(".py") or tree_of(workspace[homes[0]]) is None:
        return []
    stem = PurePosixPath(path).stem
    if re.search(rf"^[ \t]*(?:from|import)\b.*\b{re.escape(stem)}\b", workspace[homes[0]], re.MULTILINE):
        return []
    modules = _modules(workspace, PurePosixPath(path), PurePosixPath(homes[0]))
    return [f"from {module} import {name}" for module in modules]


def _modules(workspace: Mapping[str, str], path: PurePosixPath, home: PurePosixPath) -> Iterator[str]:
    """How `path` can import `home`: from its own folder or package, or from the packages of the project."""
    folders = home.parts[1 if home.parts[0] == _SOURCES else 0 : -1]
    root = home.parts[: len(home.parts) - 1 - len(folders)]
    parts = [*folders, *([] if home.stem == "__init__" else [home.stem])]
    if not parts or not all(part.isidentifier() for part in parts):
        return
    in_packages = all(
        str(PurePosixPath(*root, *folders[:depth], "__init__.py")) in workspace
        for depth in range(1, len(folders) + 1)
    )
    beside = home.parent == path.parent and home.stem != "__init__"
    absolute = [".".join(parts)] if in_packages else []
    if beside and str(path.parent / "__init__.py") in workspace:
        relative = [f".{home.stem}"]
        yield from relative + absolute if "from ." in workspace[str(path)] else absolute + relative
    elif beside:
        yield home.stem
    else:
        yield from absolute
