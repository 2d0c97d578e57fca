"""Context window of a prompt: the lines of a file shown around an error, within a budget of characters.

A file that fits `BUDGET` is shown whole. Of another one, by priority:

1. the line in which the error begins, whole and alone if need be: a diff has to repeat it, and a part of it
   would be another line;
2. the lines around it, one before and one after in turn; a side ends with the file, or at a line that is too
   long;
3. the heads (`def`, `class`) that enclose it, the innermost first, and the nearest two whose names occur in
   it, a class with its `__init__`; each with its signature where that fits;
4. import statements, those first whose names occur in what is shown;
5. more lines around it.

All is decided line by line, by indentation and by how a line begins: a file with a syntax error, the
commonest case, has an excerpt like any other. A line of a string that reads `import this` may be shown too.
That costs some characters and misleads nobody: each line has its own number, so that a gap shows by itself.

A diff is inside an excerpt if each line that it removes is shown, and each line that it adds is next to one
that is: directly before or after it, or in the place of one that it removes, where the other added lines of
that place don't count. So a line can be put in at both sides of a gap and not within it. A diff may go on in
other files of the workspace (`repair.line_diff.workspace`); no prompt shows any of those, and an excerpt
says nothing about them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from repair.diagnostics.diagnostic import Diagnostic
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiff, LineDiffError
from repair.text.lines import lines_of, split_mark

BUDGET = 1_000
"""Characters of the numbered lines, with their newlines.

Characters, so that a stored example belongs to no tokenizer. Of the demo's fixes 88 % lie inside such an
excerpt, 72 % of the LeetCode bugs of DebugBench are shown whole, and a prompt with its answer has 400 to 470
tokens; each further 200 characters cost up to 70 more (`bench/excerpts.py`; docs/training.md has the table).
"""

_AROUND_FIRST = 0.7
"""Share of the budget that lines around the error may take before heads and imports."""

_ENCLOSING_HEADS, _NAMED_HEADS = 8, 2
_MOST_LINES = 40
"""Of a signature or an import statement; one that does not end by then is shown by its first line."""

_HEAD = re.compile(r"[ \t\f]*(?:async[ \t]+)?(def|class)[ \t]+(\w+)")
_IMPORT = re.compile(r"[ \t]*(?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b)")
_WORD = re.compile(r"\w+")
_KEYWORDS = frozenset({"import", "from", "as"})


class OutsideExcerptError(LineDiffError):
    """A diff changes lines that the prompt does not show."""

    reason = "outside_excerpt"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines of a file that are shown."""

    ranges: tuple[tuple[int, int], ...]
    """First and last number (1-based) of each run of shown lines; between two of them a line is hidden."""
    lines: int
    """How many the file has."""

    @property
    def whole(self) -> bool:
        return self.ranges == ((1, self.lines),)

    def numbers(self) -> Iterator[int]:
        """The numbers of the shown lines, rising."""
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def check(self, change: LineDiff) -> None:
        """Raises OutsideExcerptError if the diff is not inside; a line that the file lacks is not judged."""
        if self.whole:
            return
        shown = frozenset(self.numbers())
        removed = frozenset(number for number, _ in change.removed)
        hidden = [f"-{number}" for number in sorted(removed - shown) if number <= self.lines]
        # The lines that stay; 0 and the last number plus 1 are the ends of the file, which nobody is shown.
        kept = [number for number in range(self.lines + 2) if number not in removed]
        for index, (number, _) in enumerate(change.added):
            before = number - 1 - index
            if before < 0 or before + 1 >= len(kept):
                continue
            at = kept[before], kept[before + 1]
            if at[1] == at[0] + 1 and shown.isdisjoint(at):
                hidden.append(f"+{number}")
        if hidden:
            ranges = ", ".join(f"{first}-{last}" for first, last in self.ranges)
            raise OutsideExcerptError(
                f"{', '.join(hidden[:5])}: of the {self.lines} lines of the file {ranges} are shown,"
                " and a diff may change no other"
            )


def excerpt(text: str, error_line: int, budget: int = BUDGET) -> Excerpt:
    """The excerpt of a file around its 0-based `error_line`, which the file has; in linear time."""
    return excerpt_of_lines(lines_of(split_mark(text)[1]), error_line, budget)


def excerpt_of_lines(lines: Sequence[str], error_line: int, budget: int = BUDGET) -> Excerpt:
    """`excerpt` for the lines of a file, without its byte order mark."""
    if sum(map(len, lines)) <= budget and sum(_cost(lines, at) for at in range(len(lines))) <= budget:
        return Excerpt(((1, len(lines)),), len(lines))
    window = _Window(lines, error_line, budget)
    window.grow(reserved=budget - int(_AROUND_FIRST * budget))
    for head in (*_enclosing(lines, error_line), *_named(lines, error_line)):
        if not window.add(_signature(lines, head)):
            window.add(range(head, head + 1))
    for statement in _imports(lines, window.shown):
        window.add(statement)
    window.grow()
    return Excerpt(runs(at + 1 for at in window.shown), len(lines))


def check_inside(files: Mapping[str, str], diagnostic: Diagnostic, line_diff: str) -> None:
    """Raises OutsideExcerptError if a diff of the workspace `files` changes hidden lines of the diagnostic's
    file; other LineDiffErrors as `repair.line_diff.workspace.parse`."""
    lines = lines_of(split_mark(files[diagnostic.path])[1])
    own = workspace_diff.parse(line_diff, diagnostic.path).get(diagnostic.path)
    if own is not None and 0 <= diagnostic.start_line < len(lines):
        excerpt_of_lines(lines, diagnostic.start_line).check(own)


def runs(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """First and last of each run of consecutive numbers; there is at least one number."""
    rising = sorted(numbers)
    breaks = [(last, first) for last, first in pairwise(rising) if first > last + 1]
    firsts = [rising[0], *(first for _, first in breaks)]
    return tuple(zip(firsts, [*(last for last, _ in breaks), rising[-1]], strict=True))


class _Window:
    """The lines that were chosen so far (0-based), and what is left of the budget."""

    def __init__(self, lines: Sequence[str], error_line: int, budget: int) -> None:
        self._lines, self._error_line = lines, error_line
        self._left = budget - _cost(lines, error_line)
        self._first = self._last = error_line
        self.shown = {error_line}

    def grow(self, reserved: int = 0) -> None:
        """Add lines before and after in turn, while more than `reserved` of the budget is left."""
        before = after = True
        while before or after:
            above, below = self._error_line - self._first, self._last - self._error_line
            upwards = before and (not after or above <= below)
            at = self._first - 1 if upwards else self._last + 1
            if not (0 <= at < len(self._lines) and self.add(range(at, at + 1), reserved)):
                before, after = before and not upwards, after and upwards
            elif upwards:
                self._first = at
            else:
                self._last = at

    def add(self, numbers: range, reserved: int = 0) -> bool:
        """Show these lines if all of them fit."""
        new = [at for at in numbers if at not in self.shown]
        cost = sum(_cost(self._lines, at) for at in new)
        if new and cost > self._left - reserved:
            return False
        self._left -= cost
        self.shown.update(new)
        return True


def _cost(lines: Sequence[str], at: int) -> int:
    """Characters of a line with its number and its newline."""
    return len(str(at + 1)) + (len(lines[at]) + 1 if lines[at] else 0) + 1


def _enclosing(lines: Sequence[str], error_line: int) -> Iterator[int]:
    """Indices of the heads that enclose a line by indentation, the innermost first."""
    limit, found = _indentation(lines[error_line]), 0
    for at in range(error_line - 1, -1, -1):
        if limit == 0 or found == _ENCLOSING_HEADS:
            return
        indentation = _indentation(lines[at])
        if indentation is None or lines[at][indentation] in "#)]}":  # a bracket may close a long signature
            continue
        if limit is None or indentation < limit:
            limit = indentation
            if _HEAD.match(lines[at]):
                yield at
                found += 1


def _indentation(line: str) -> int | None:
    """The blanks at the beginning of a line; None: it has nothing else."""
    indentation = len(line) - len(line.lstrip(" \t\f"))
    return indentation if indentation < len(line) else None


def _named(lines: Sequence[str], error_line: int) -> list[int]:
    """Indices of the heads whose names occur in the error's line, the nearest first."""
    words = set(_WORD.findall(lines[error_line]))
    heads = [at for at, line in enumerate(lines) if (head := _HEAD.match(line)) and head[2] in words]
    nearest = sorted(heads, key=lambda at: abs(at - error_line))[:_NAMED_HEADS]
    return [found for head in nearest for found in (head, *_constructor(lines, head))]


def _constructor(lines: Sequence[str], head: int) -> list[int]:
    """Index of the last `__init__` in a class: a call of it has to fit that one."""
    opening, own, found = _HEAD.match(lines[head]), _indentation(lines[head]) or 0, list[int]()
    if opening is None or opening[1] != "class":
        return found
    for at in range(head + 1, len(lines)):
        indentation = _indentation(lines[at])
        if indentation is None or lines[at][indentation] in "#)]}":
            continue
        if indentation <= own:
            break
        if (method := _HEAD.match(lines[at])) and method[2] == "__init__":
            found = [at]
    return found


def _signature(lines: Sequence[str], head: int) -> range:
    """The lines of a head, to the one that closes its brackets."""
    depth = 0
    for at in range(head, min(head + _MOST_LINES, len(lines))):
        depth += sum(map(lines[at].count, "([{")) - sum(map(lines[at].count, ")]}"))
        if depth <= 0:
            return range(head, at + 1)
    return range(head, head + 1)


def _imports(lines: Sequence[str], shown: Iterable[int]) -> Iterator[range]:
    """The lines of each import statement; those come first that have a name which occurs in shown lines."""
    words = {word for at in shown for word in _WORD.findall(lines[at])} - _KEYWORDS
    others: list[range] = []
    for statement in _import_statements(lines):
        names = (name for at in statement for name in _WORD.findall(lines[at]))
        if words.isdisjoint(names):
            others.append(statement)
        else:
            yield statement
    yield from others


def _import_statements(lines: Sequence[str]) -> Iterator[range]:
    at = 0
    while at < len(lines):
        end = at + 1
        if _IMPORT.match(lines[at]):
            end = _end_of_import(lines, at)
            yield range(at, end)
        at = end


def _end_of_import(lines: Sequence[str], start: int) -> int:
    """The index after the statement's last line: that of its closing bracket, or without a backslash."""
    bracket = "(" in lines[start]
    for at in range(start, min(start + _MOST_LINES, len(lines))):
        if ")" in lines[at] if bracket else not lines[at].endswith("\\"):
            return at + 1
    return start + 1
