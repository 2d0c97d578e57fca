"""Wildcard imports of modules that the servers do not find: `from numpy import *` without numpy installed.

Such an import may bring any name, and the servers report each that it brings as undefined. Nobody can tell
which of them is misspelt, and a repair of one that is not breaks what works: `exp(x)` becomes `expm1(x)`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import is_undefined_name
from repair.text.lines import lines_of

_STAR = re.compile(r"[ \t]*+from[ \t]++(\.*+)([\w.]*+)[ \t]++import[ \t]*+\*")


def unresolved_star_import(
    files: Mapping[str, str], diagnostic: Diagnostic, found: Iterable[Diagnostic]
) -> str | None:
    """The module that may bring the undefined name of a diagnostic; None: no such one is imported.

    `files`: path -> text. `found`: the diagnostics of the same texts, some of which tell what is not there.
    Looked for as well in what other files of `files` import so, if the diagnostic's file imports them so.
    """
    if not is_undefined_name(diagnostic):
        return None
    missing = {
        (known.path, known.start_line)
        for known in found
        if type_of_code(known.code) == "reportMissingImports"
    }
    if not missing:
        return None
    paths = [diagnostic.path]
    for path in paths:  # it grows
        for line, module in _star_imports(files.get(path, "")):
            if (path, line) in missing:
                return module
            paths += [other for other in _paths(module, files) if other not in paths]
    return None


def _star_imports(text: str) -> Iterator[tuple[int, str]]:
    """Line (from 0) and module of each wildcard import, without the dots of a relative one."""
    if "import" not in text or "*" not in text:
        return
    for line, row in enumerate(lines_of(text)):
        if imported := _STAR.match(row):
            yield line, imported[2] or imported[1]


def _paths(module: str, files: Mapping[str, str]) -> Iterator[str]:
    """The files that a module of this name may be: there is seldom more than one."""
    stem = "/" + module.replace(".", "/")
    endings = (f"{stem}.py", f"{stem}/__init__.py")
    return (path for path in files if f"/{path}".endswith(endings))
