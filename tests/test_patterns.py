"""No regular expression of the project backtracks over a stranger's text.

Each compiled pattern of `repair/` is run against repetitions that are made of its own loops: what a loop
takes, many times over, after what comes before it, with and without an end that fits. A text of 20,000
characters takes a pattern some milliseconds. One that takes longer is compared with one that is four times as
long: it takes four times as long, or sixteen times where the time grows with the square of the length.
What is measured is CPU time.
"""

import ast
import importlib
import itertools
import math
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import repair

code: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

LENGTH = 20_000
NOTABLE_SECONDS = 0.02
LONGEST_SECONDS = 1.0
BOUNDED_SECONDS = 0.05
GROWTH = 8
LOOPS = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
SEARCHES = {"search", "finditer", "findall", "sub", "subn", "split"}
ANCHORED = {"match", "fullmatch"}
OF_CATEGORY: Mapping[Any, str] = {
    code.CATEGORY_DIGIT: "7",
    code.CATEGORY_NOT_DIGIT: "x",
    code.CATEGORY_SPACE: " ",
    code.CATEGORY_NOT_SPACE: "x",
    code.CATEGORY_WORD: "x",
    code.CATEGORY_NOT_WORD: ".",
}

# Patterns, and tables of them, that only see texts of bounded length (characters): the bound stands in the
# code that is named. They are held to the time of one text of that length.
BOUNDED: Mapping[str, tuple[int, str]] = {
    "repair.curation.detectors.home_folders._FILE_SCHEMES": (160, "home_folders._is_root"),
    "repair.evaluation.leetcode.inputs.invariants._HARMLESS": (400, "invariants._LONGEST_SENTENCE"),
    "repair.curation.detectors.named._DIRECT": (301, "named._MOST_GAP"),
    "repair.curation.detectors.named._READER": (60, "named._is_default"),
    "repair.curation.generated._NOTICE": (400, "generated._LONGEST_LINE"),
    "repair.curation.generated._SHOUTED": (400, "generated._LONGEST_LINE"),
    "repair.sources.licence_text._ADDRESS": (200, "licence_text._NOTICE_CHARACTERS"),
    "repair.sources.licence_text._RESERVED": (200, "licence_text._NOTICE_CHARACTERS"),
    "repair.synthesis.rules.foreign_syntax._HABITS": (1_000, "syntax._LONGEST"),
    "repair.synthesis.rules.foreign_syntax._OPERATORS": (1_000, "syntax._LONGEST"),
}


class TooLongError(Exception):
    """The pattern was still at it when its time was over."""


def _named(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The uses of constants: the name, and the method that is called of it or of its items."""
    methods: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            value = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            methods[id(value)] = node.attr
        if isinstance(node, ast.Name) and node.id.isupper() and isinstance(node.ctx, ast.Load):
            yield node.id, methods.get(id(node), "")


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _uses() -> dict[tuple[str, str], set[str]]:
    """The methods that are called of each name in each module; "" where another use of it is made."""
    found: dict[tuple[str, str], set[str]] = {}
    for listed in ALL_MODULES:
        for name, method in _named(ast.parse(_file(listed).read_text())):
            module = listed if name.startswith("_") else ""
            found.setdefault((module, name), set()).add(method)
    return found


def _used(module: str, name: str) -> set[str]:
    """The methods that are called of a pattern, or of a table's; all of them where that does not show."""
    methods = _uses().get((module if name.startswith("_") else "", name), {""})
    return SEARCHES if "" in methods else methods


def _assigned(tree: ast.Module) -> set[str]:
    """The names that a module gives a value at its top: what it imports is another module's."""
    targets = [
        target
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _patterns(name: str) -> dict[str, tuple[re.Pattern[Any], set[str]]]:
    """The patterns of a module, those in its tables too, and the methods that are called of each."""
    module = importlib.import_module(name)
    found: dict[str, tuple[re.Pattern[Any], set[str]]] = {}
    for constant in sorted(_assigned(ast.parse(_file(name).read_text()))):
        value = getattr(module, constant, None)
        several = isinstance(value, list | tuple | dict)
        values: Sequence[Any] = (
            list(value.values()) if isinstance(value, dict) else list(value) if several else [value]
        )
        for number, row in enumerate(values):
            # a row may be a pair: a pattern, and what it is replaced by
            pattern = row[0] if isinstance(row, tuple) and row else row
            if isinstance(pattern, re.Pattern):
                label = f"{name}.{constant}" + (f"[{number}]" if several else "")
                found[label] = pattern, _used(name, constant)
    return found


def _table(label: str) -> str:
    """The name of the constant that a pattern is, or stands in."""
    return label.partition("[")[0]


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PACKAGE = Path(repair.__path__[0])
ALL_MODULES = sorted(map(_module_name, PACKAGE.rglob("*.py")))
COMPILES = re.compile(r"\b(?:re\.compile|patterns)\(")
MODULES = [name for name in ALL_MODULES if COMPILES.search(_file(name).read_text())]


def _one_of(items: Sequence[Any], chance: random.Random) -> str:
    """A character that a set of a pattern takes."""
    if items and items[0][0] is code.NEGATE:
        return next((point for point in "x.\n 7-\"'aZ" if not any(_takes(i, point) for i in items[1:])), "€")
    kind, value = chance.choice(items)
    if kind is code.RANGE:
        return chr(chance.randint(value[0], min(value[1], value[0] + 25)))
    return chr(value) if kind is code.LITERAL else OF_CATEGORY.get(value, "x")


def _takes(item: Any, point: str) -> bool:
    kind, value = item
    if kind is code.LITERAL:
        return ord(point) == value
    if kind is code.RANGE:
        return value[0] <= ord(point) <= value[1]
    return {"7": point.isdigit(), " ": point.isspace()}.get(OF_CATEGORY.get(value, ""), point.isalnum())


def _sample(tree: Any, chance: random.Random, groups: dict[Any, str]) -> str:
    """A text that the pattern takes, or nearly: what it looks at before and after is left out."""
    parts: list[str] = []
    for kind, value in tree:
        if kind is code.LITERAL:
            parts.append(chr(value))
        elif kind in (code.NOT_LITERAL, code.ANY):
            parts.append("y" if value == ord("x") else "x")
        elif kind is code.IN:
            parts.append(_one_of(value, chance))
        elif kind is code.BRANCH:
            parts.append(_sample(chance.choice(value[1]), chance, groups))
        elif kind is code.SUBPATTERN:
            groups[value[0]] = _sample(value[3], chance, groups)
            parts.append(groups[value[0]])
        elif kind is code.ATOMIC_GROUP:
            parts.append(_sample(value, chance, groups))
        elif kind in LOOPS:
            least, most, body = value
            times = min(least + (chance.randint(0, 1) if most > least else 0), 60)
            parts.extend(_sample(body, chance, groups) for _ in range(times))
        elif kind is code.GROUPREF:
            parts.append(groups.get(value, ""))
    return "".join(parts)


def _loops(tree: Any, chance: random.Random, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every loop of more than eight rounds, with a text that leads to it."""
    for kind, value in tree:
        if kind in LOOPS:
            if value[1] > 8:
                yield before, value[2]
            yield from _loops(value[2], chance, before)
        elif kind is code.SUBPATTERN:
            yield from _loops(value[3], chance, before)
        elif kind is code.ATOMIC_GROUP:
            yield from _loops(value, chance, before)
        elif kind is code.BRANCH:
            for branch in value[1]:
                yield from _loops(branch, chance, before)
        elif kind in (code.ASSERT, code.ASSERT_NOT):
            yield from _loops(value[1], chance, before)
        before += _sample([(kind, value)], chance, {})


def _filled(part: str, length: int) -> str:
    return (part * (length // len(part) + 1))[:length] if part else ""


def _hostile(pattern: re.Pattern[Any], length: int = LENGTH) -> Iterator[str]:
    """Repetitions for every loop, and of a text that the whole pattern takes."""
    chance = random.Random(1)
    tree = parser.parse(pattern.pattern, pattern.flags)
    for before, body in _loops(tree, chance):
        rounds = list(dict.fromkeys(_sample(body, chance, {}) for _ in range(3)))
        rounds += [part.replace("x", before[-1:]) for part in rounds if "x" in part]  # as an escaped quote
        for part in (*rounds, "".join(rounds)):
            for end in ("", "\0", "\n!"):
                yield before + _filled(part, length) + end
            yield _filled(before + part, length)
            yield _filled(before + part * 8, length)
    whole = _sample(tree, chance, {})
    yield from (
        _filled(whole, length),
        _filled(whole[:-1], length),
        _filled(whole[: len(whole) // 2 + 1], length),
    )


def _calls(pattern: re.Pattern[Any], methods: set[str]) -> list[Callable[[Any], object]]:
    calls: list[Callable[[Any], object]] = [getattr(pattern, method) for method in methods & ANCHORED]
    if methods & SEARCHES:
        calls.append(lambda text: [None for _ in pattern.finditer(text)])
    return calls


def _seconds(call: Callable[[Any], object], text: str | bytes, limit: float) -> float:
    """The CPU time of a call, the least of two; infinite beyond the limit."""
    least = math.inf
    for _ in range(2):
        signal.setitimer(signal.ITIMER_PROF, limit)
        start = time.process_time()
        try:
            call(text)
            least = min(least, time.process_time() - start)
        except TooLongError:
            return math.inf
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if least < NOTABLE_SECONDS:
            break
    return least


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TooLongError

    earlier = signal.signal(signal.SIGPROF, over)
    yield
    signal.signal(signal.SIGPROF, earlier)


def _texts(pattern: re.Pattern[Any], length: int) -> Iterator[Any]:
    as_bytes = isinstance(pattern.pattern, bytes)
    return (text.encode(errors="replace") if as_bytes else text for text in _hostile(pattern, length))


def _fault(pattern: re.Pattern[Any], methods: set[str]) -> str:
    """The first hostile text whose time grows faster than its length, or ""."""
    seen: set[Any] = set()
    for number, text in enumerate(_texts(pattern, LENGTH)):
        for call in _calls(pattern, methods) if text not in seen else ():
            once = _seconds(call, text, LONGEST_SECONDS)
            if once < NOTABLE_SECONDS:
                continue
            longer = next(itertools.islice(_texts(pattern, 4 * LENGTH), number, None))
            if once == math.inf or _seconds(call, longer, GROWTH * once) == math.inf:
                return f"{text[:60]!r} ... {text[-9:]!r}: {once:.3f} s"
        seen.add(text)
    return ""


@pytest.mark.parametrize("module", MODULES)
def test_each_pattern_of_a_module_takes_time_that_grows_with_the_text(module: str) -> None:
    patterns = _patterns(module).items()
    faults = {name: _fault(*pattern) for name, pattern in patterns if _table(name) not in BOUNDED}
    assert not {name: fault for name, fault in faults.items() if fault}


def test_the_patterns_are_found() -> None:
    """Hundreds; and a bound is that of a pattern which is there."""
    found = {name for module in MODULES for name in _patterns(module)}
    assert len(found) > 250
    assert BOUNDED.keys() <= set(map(_table, found))


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_a_pattern_of_bounded_texts_takes_no_time(name: str) -> None:
    patterns = _patterns(name.rpartition(".")[0]).items()
    for pattern, methods in [pattern for label, pattern in patterns if _table(label) == name]:
        for text in _texts(pattern, BOUNDED[name][0]):
            for call in _calls(pattern, methods):
                assert _seconds(call, text, BOUNDED_SECONDS) < math.inf, (pattern, text)


@pytest.mark.parametrize("source", [r"(a+)+$", r"\s*from", r"(?:x|\w)*;", r",(?=(?:\s|//[^\n]*)*\])"])
def test_what_backtracks_is_found(source: str) -> None:
    assert _fault(re.compile(source), SEARCHES)
