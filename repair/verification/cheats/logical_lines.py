"""Logical lines of a file, and their counterparts after a diff (the matching that cheat detection uses).

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import io
import keyword
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from repair.line_diff.numbered import LineDiff
from repair.text.lines import lines_of

# With more pairs, everything was rewritten, and single lines can't be matched.
_MOST_PAIRS = 40_000
_ALIKE = 0.5

_LAYOUT = frozenset(
    {
        *(tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
        *(tokenize.COMMENT, tokenize.ENCODING),
    }
)
_TOKEN = re.compile(
    r"""(?P<comment>\#.*)|[rbfuRBFU]{0,2}(?:'{3}|"{3}|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)"""
    r"""|\w+(?:\.\d+)?|\*\*=?|//=?|>>=?|<<=?|[-+*/%&|^@:=!<>]=|->|\.\.\.|[^\s\w]"""
)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_NOTHING_DONE = (
    *(("pass",), ("...",), ("return",), ("return", "None")),
    *(("raise", "NotImplementedError"), ("raise", "NotImplementedError", "(", ")")),
)


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """A simple statement or the head of a compound one, without comments.

    `first` and `last` are numbers of lines (from 1); `starts` has the line and the column (0-based, in
    bytes of UTF-8, as `ast` counts) at which each token begins.
    """

    first: int
    last: int
    tokens: tuple[str, ...]
    starts: tuple[tuple[int, int], ...] = field(default=(), compare=False)

    @property
    def idle(self) -> bool:
        """Whether it does nothing: `pass`, a lone string and the like."""
        return self.tokens in _NOTHING_DONE or (len(self.tokens) == 1 and self.tokens[0][-1] in "'\"")

    @property
    def words(self) -> Counter[str]:
        """Its names."""
        return Counter(
            token for token in self.tokens if _IDENTIFIER.fullmatch(token) and not keyword.iskeyword(token)
        )


@dataclass(frozen=True, slots=True)
class LogicalLines:
    """The lines of code and the comments of a text, in order."""

    lines: tuple[LogicalLine, ...]
    comments: tuple[str, ...]


def read_both(original: str, repaired: str) -> tuple[LogicalLines, LogicalLines]:
    """Both texts by Python's tokenizer, or both line by line if it fails on one of them.

    In the second case a statement over several lines becomes several logical lines.
    """
    try:
        return _tokenized(original), _tokenized(repaired)
    except (tokenize.TokenError, SyntaxError):
        return _by_line(original), _by_line(repaired)


def _tokenized(text: str) -> LogicalLines:
    rows = lines_of(text)
    code: list[LogicalLine] = []
    comments: list[str] = []
    buffer: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO("\n".join(rows)).readline):
        if token.type == tokenize.COMMENT:
            comments.append(token.string)
        elif token.type == tokenize.NEWLINE:
            code.extend(_logical_line(buffer, rows))
            buffer = []
        elif token.type not in _LAYOUT and token.string.strip():
            buffer.append(token)
    code.extend(_logical_line(buffer, rows))
    return LogicalLines(tuple(code), tuple(comments))


def _logical_line(tokens: Sequence[tokenize.TokenInfo], rows: Sequence[str]) -> list[LogicalLine]:
    if not tokens:
        return []
    positions = (token.start for token in tokens)
    starts = tuple(
        (line, len(rows[line - 1][:column].encode(errors="replace"))) for line, column in positions
    )
    strings = tuple(token.string for token in tokens)
    return [LogicalLine(tokens[0].start[0], tokens[-1].end[0], strings, starts)]


def _by_line(text: str) -> LogicalLines:
    code: list[LogicalLine] = []
    comments: list[str] = []
    for number, row in enumerate(lines_of(text), 1):
        found = list(_TOKEN.finditer(row))
        if found and (comment := found[-1]["comment"]):
            comments.append(comment)
            found.pop()
        if found:
            starts = tuple((number, len(row[: match.start()].encode(errors="replace"))) for match in found)
            code.append(LogicalLine(number, number, tuple(match[0] for match in found), starts))
    return LogicalLines(tuple(code), tuple(comments))


def counterparts(
    old: LogicalLines, new: LogicalLines, diff: LineDiff
) -> dict[LogicalLine, LogicalLine | None]:
    """Matches each line of `old` that `diff` touches to the line of `new` that it became; None: deleted.

    Equal lines are matched first, at any position: moved or indented code was not deleted. Then the most
    similar ones. A line without a partner matches what was added in its own hunk, if that has no other
    origin.
    """
    removed, added = [number for number, _ in diff.removed], [number for number, _ in diff.added]
    old_hunks, new_hunks = _hunks(old, removed), _hunks(new, added)
    counterpart_of: dict[LogicalLine, LogicalLine | None] = dict.fromkeys(old_hunks)
    free = dict.fromkeys(new_hunks)
    _pair_equal(counterpart_of, free)
    _pair_alike(counterpart_of, free)
    unused = _unused_words(counterpart_of, new_hunks)
    for line in [gone for gone, counterpart in counterpart_of.items() if counterpart is None]:
        wanted = line.words
        in_place = [other for other in free if not other.idle and new_hunks[other] & old_hunks[line]]
        if line.tokens[0] in ("import", "from"):
            in_place += [other for other in free if other.tokens[0] in ("import", "from")]
        elif not in_place and wanted and 2 * (wanted & unused).total() >= wanted.total():
            in_place = [other for other in new_hunks if other.words & wanted]  # merged into another line
        counterpart_of[line] = in_place[0] if in_place else None
    return counterpart_of


def _hunks(code: LogicalLines, changed: Sequence[int]) -> dict[LogicalLine, set[int]]:
    """Logical lines with a changed line, and their hunks: the number of kept lines before each."""
    hunk_of = {number: number - before for before, number in enumerate(changed)}
    touched = {
        line: {hunk_of[number] for number in range(line.first, line.last + 1) if number in hunk_of}
        for line in code.lines
    }
    return {line: found for line, found in touched.items() if found}


def _pair_equal(counterpart_of: dict[LogicalLine, LogicalLine | None], free: dict[LogicalLine, None]) -> None:
    by_tokens: defaultdict[tuple[str, ...], list[LogicalLine]] = defaultdict(list)
    for line in free:
        by_tokens[line.tokens].append(line)
    for line in list(counterpart_of):
        if same := by_tokens[line.tokens]:
            other = counterpart_of[line] = same.pop(0)
            del free[other]


def _pair_alike(counterpart_of: dict[LogicalLine, LogicalLine | None], free: dict[LogicalLine, None]) -> None:
    lonely = [line for line, counterpart in counterpart_of.items() if counterpart is None]
    if len(lonely) * len(free) > _MOST_PAIRS:
        counterpart_of.update(zip(lonely, (list(free) * len(lonely)), strict=False))
        return
    counted = {line: Counter(line.tokens) for line in (*lonely, *free)}
    pairs = sorted(
        (
            (-alike, abs(line.first - other.first), line.first, other.first, line, other)
            for line in lonely
            for other in free
            if (alike := _alike(counted[line], counted[other])) >= _ALIKE
        ),
        key=lambda pair: pair[:4],
    )
    for *_, line, other in pairs:
        if counterpart_of[line] is None and other in free:
            counterpart_of[line] = other
            del free[other]


def _alike(one: Counter[str], other: Counter[str]) -> float:
    """Dice similarity of the tokens: 1.0 if all are the same, 0.0 if none is."""
    return 2 * (one & other).total() / (one.total() + other.total())


def _unused_words(
    counterpart_of: dict[LogicalLine, LogicalLine | None], new: dict[LogicalLine, set[int]]
) -> Counter[str]:
    """Names on added lines that are not on the old lines matched to them."""
    total: Counter[str] = Counter()
    for line in new:
        total += line.words
    for line, counterpart in counterpart_of.items():
        if counterpart is not None:
            total -= line.words
    return total
