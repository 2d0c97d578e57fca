"""Rules for names: misspelt, of another language, not imported, or without `self`.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import keyword
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from math import inf

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.handled_names import is_handled
from repair.synthesis.rules import known_names, moved_names
from repair.synthesis.rules.file_names import (
    attributes_of_class,
    bound,
    of_module,
    own_attributes,
    parsed,
    with_import,
)
from repair.synthesis.rules.former_lists import as_list
from repair.synthesis.rules.known_names import (
    ALIASES,
    BUILTINS,
    FOREIGN,
    FOREIGN_EXPRESSIONS,
    FOREIGN_METHODS,
    HOME,
    MODULES,
    PYTHON_2,
    closest,
)
from repair.synthesis.rules.project_names import import_statements
from repair.synthesis.rules.rows import renamed, with_row
from repair.text.python_names import loaded
from repair.text.python_syntax import first_error
from repair.verification.missing_name import takes_for_misspelt

_ALIKE = 0.8  # least similarity to a name of Python
_ALIKE_ELSEWHERE = 0.85  # ... that has to be imported
_UNDEFINED = re.compile(r'Undefined name `(\w+)`|"(\w+)" is (?:not defined|unbound)')
_NOT_IN_MODULE = re.compile(r'"(\w+)" is not a known (?:attribute|member) of module "([\w.]+)"')
_NOT_IN_CLASS = re.compile(
    r'Cannot access (?:attribute|member) "(\w+)" for (?:class|type) "(?:type\[)?(\w+(?:\[.)?)'
)
_NO_SYMBOL = re.compile(r'"(\w+)" is unknown import symbol')
# "... from source": pyright knows the package's types, so that its name is spelt right
_NO_MODULE = re.compile(r'Import "([\w.]+)" could not be resolved(?! from source)')
_NOT_EXPORTED = re.compile(r'Undefined name `(\w+)` in `__all__`|"(\w+)" is specified in __all__')
_NO_SELF = re.compile(r'Instance methods should take a "self" parameter')
_FROM = re.compile(r"\s*from\s+([\w.]+)\s+import\b")


def suggestions(rows: list[str], diagnostic: Diagnostic, workspace: Mapping[str, str]) -> Iterator[list[str]]:
    """The file's lines after each candidate repair, the likeliest first; `workspace`: path -> text."""
    text = "\n".join(rows)
    for repaired in _suggestions(rows, diagnostic, workspace):
        if not takes_for_misspelt(text, "\n".join(repaired), diagnostic):
            yield repaired


def _suggestions(
    rows: list[str], diagnostic: Diagnostic, workspace: Mapping[str, str]
) -> Iterator[list[str]]:
    if is_handled("\n".join(rows), diagnostic):
        return
    message, row = diagnostic.message, rows[diagnostic.start_line]
    yield from as_list(rows, diagnostic)
    if found := _NOT_EXPORTED.match(message):
        for name in closest(found[1] or found[2], bound(rows)):
            yield _replaced(rows, diagnostic, found[1] or found[2], name)
    elif found := _UNDEFINED.match(message):
        yield from _undefined(rows, diagnostic, found[1] or found[2], workspace)
    elif found := _NOT_IN_MODULE.match(message):
        yield from moved_names.attribute(rows, diagnostic, found[1], found[2])
        for name in closest(found[1], known_names.names_of_module(found[2])):
            yield _replaced(rows, diagnostic, found[1], name)
    elif found := _NO_SYMBOL.match(message):
        module = _FROM.match(row)
        if module:
            yield from moved_names.imported(rows, diagnostic.start_line, found[1], module[1])
        for name in closest(found[1], known_names.names_of_module(module[1]) if module else ()):
            yield renamed(rows, found[1], name)  # its uses are misspelt alike, or not at all
    elif found := _NO_MODULE.match(message):
        yield from moved_names.module(rows, diagnostic.start_line, found[1])
        top, dot, rest = found[1].partition(".")
        for name in closest(top, MODULES):
            yield _replaced(rows, diagnostic, found[1], name + dot + rest)
    elif found := _NOT_IN_CLASS.match(message):
        yield from _attribute(rows, diagnostic, found[1], found[2])
    elif _NO_SELF.match(message):
        yield _with_self(rows, diagnostic.start_line)


def _undefined(
    rows: list[str], diagnostic: Diagnostic, name: str, workspace: Mapping[str, str]
) -> Iterator[list[str]]:
    row = rows[diagnostic.start_line]
    if compared := re.match(rf"\s*{re.escape(name)}\s*=(?==(?!=))", row):  # as a statement it does nothing
        yield with_row(rows, diagnostic.start_line, row[: compared.end()] + row[compared.end() + 1 :])
    if (error := first_error("\n".join(rows))) < inf:
        for other in closest(name, keyword.kwlist, most=1, least=_ALIKE):
            yield _replaced(rows, diagnostic, name, other)
        if error == diagnostic.start_line + 1:
            return  # the row is no code yet: what stands there need not be a name
    if name == "self":
        yield _with_self(rows, diagnostic.start_line)
    called = row[diagnostic.end_column :].lstrip()[:1] == "("
    yield from _uncommented(rows, diagnostic.start_line, name)
    if name == "Math":
        yield from _of_python(rows, diagnostic.start_line)
    statements = [f"from {HOME[name]} import {name}"] if name in HOME else []
    if name in ALIASES:
        statements.append(f"import {ALIASES[name]} as {name}")
    if known_names.reads_module("\n".join(rows), name):
        # A module can't be called; and `datetime.datetime` is as common as `datetime.now`.
        statements.insert(len(statements) if called else 0, f"import {name}")
    for statement in (*statements, *import_statements(workspace, diagnostic.path, name)):
        yield with_import(rows, statement)
    if name in FOREIGN:
        yield _replaced(rows, diagnostic, name, FOREIGN[name])
    if name == "file" and called:
        yield _replaced(rows, diagnostic, name, "open")
    if name in PYTHON_2 and called:
        return
    if name in own_attributes(rows, diagnostic.start_line):
        yield _replaced(rows, diagnostic, name, f"self.{name}")
    known = bound(rows)
    # what lacks a whole word of a name is no slip of it
    of_python = {*closest(name, BUILTINS - set(name.split("_")), least=_ALIKE)}
    tree = parsed(rows)
    reads = Counter(loaded(tree) if tree else ())
    for other in closest(name, known | of_python):
        if reads[name] > 1 and other in known and not reads[other]:
            yield renamed(rows, other, name)  # what is misspelt alike in several places is right there
        else:
            yield _replaced(rows, diagnostic, name, other)
    for other in closest(name, HOME.keys() - known, most=1, least=_ALIKE_ELSEWHERE):
        yield with_import(_replaced(rows, diagnostic, name, other), f"from {HOME[other]} import {other}")


def _uncommented(rows: list[str], line: int, name: str) -> Iterator[list[str]]:
    """With the name's only definition, which is a comment above the 0-based `line`, as code."""
    binding = re.compile(
        rf"(\s*)#\s?((?:[\w, ]+, *|for )?{re.escape(name)}(?:, *\w+)*(?: in .*:| *=(?!=).*))$"
    )
    found = [(number, comment) for number in range(line) if (comment := binding.match(rows[number]))]
    if len(found) == 1:
        [(number, comment)] = found
        yield with_row(rows, number, comment[1] + comment[2])


def _of_python(rows: list[str], line: int) -> Iterator[list[str]]:
    """`Math.max` as Python's own function, or that of its module."""
    attribute = re.search(r"\bMath\.(\w+)", rows[line])
    if attribute and attribute[1] in BUILTINS:
        yield with_row(rows, line, rows[line].replace(attribute[0], attribute[1]))
    elif attribute:
        lowered = with_row(rows, line, rows[line].replace(attribute[0], f"math.{attribute[1]}"))
        yield with_import(lowered, "import math")


def _with_self(rows: list[str], line: int) -> list[str]:
    """Insert `self` into the parameters of the last function that begins at or before the 0-based `line`."""
    for number in range(line, -1, -1):
        if head := re.match(r"(\s*(?:async\s+)?def\s+\w+\()(\s*\))?", rows[number]):
            parameters = rows[number][len(head[1]) :]
            return with_row(rows, number, f"{head[1]}{'self' if head[2] else 'self, '}{parameters}")
    return rows


def _attribute(rows: list[str], diagnostic: Diagnostic, name: str, owner: str) -> Iterator[list[str]]:
    known = own_attributes(rows, diagnostic.start_line) if _is_own(rows, diagnostic) else frozenset[str]()
    known = known or attributes_of_class(rows, owner.partition("[")[0])
    if kind := known_names.type_named("str" if owner == "Literal['" else owner.partition("[")[0]):
        known |= frozenset(attribute for attribute in dir(kind) if not attribute.startswith("__"))
        yield from _as_python(rows, diagnostic, name, FOREIGN_EXPRESSIONS.get(name))
        if FOREIGN_METHODS.get(name) in known:
            yield _replaced(rows, diagnostic, name, FOREIGN_METHODS[name])
        if name in known_names.METHODS:
            return  # of another type: what is wrong is the value, and not the spelling
    if name == "message" and owner.endswith(("Error", "Exception")):
        yield from _as_python(rows, diagnostic, name, "str({0})")
    for other in closest(name, known, most=3):
        yield _replaced(rows, diagnostic, name, other)
    if _is_own(rows, diagnostic) and name in BUILTINS | of_module(rows):
        row = rows[diagnostic.start_line]
        start = diagnostic.start_column - len("self.")
        yield with_row(rows, diagnostic.start_line, row[:start] + row[start + len("self.") :])


def _as_python(
    rows: list[str], diagnostic: Diagnostic, name: str, template: str | None
) -> Iterator[list[str]]:
    """What other languages, or Python 2, ask a value, as Python asks it: `x.length` as `len(x)`."""
    row, end = rows[diagnostic.start_line], diagnostic.start_column - 1
    owner = re.search(r"[\w.]*(?:\w|\[[^\[\]]*\])$", row[:end])
    called = re.match(r"(?:\(([^()]*)\))?", row[end + 1 + len(name) :])
    if owner and called and template:
        written = template.format(owner[0], *(called[1] or "").split(","))
        after = row[end + 1 + len(name) + called.end() :]
        yield with_row(rows, diagnostic.start_line, row[: owner.start()] + written + after)


def _is_own(rows: list[str], diagnostic: Diagnostic) -> bool:
    return rows[diagnostic.start_line][: diagnostic.start_column].endswith("self.")


def _replaced(rows: list[str], diagnostic: Diagnostic, old: str, new: str) -> list[str]:
    """Replace the first `old` at or after the diagnostic's start, or else on its line, by `new`."""
    row = rows[diagnostic.start_line]
    word = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")
    found = word.search(row, diagnostic.start_column) or word.search(row)
    if found is None:
        return rows
    return with_row(rows, diagnostic.start_line, row[: found.start()] + new + row[found.end() :])
