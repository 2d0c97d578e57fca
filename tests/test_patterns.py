"""No regular expression of the project backtracks over a stranger's text.

Each compiled pattern of `repair/` is run against repetitions that are made of its own loops: what a loop takes,
many times over, after what comes before it, with and without an end that fits. A text of 50,000 characters
takes a pattern some milliseconds; where the time grows with the square of the length it takes seconds.
"""

import ast
import importlib
import pkgutil
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from re import _constants as code
from re import _parser as parser
from types import FrameType
from typing import Any

import pytest

import repair

LENGTH = 50_000
SECONDS = 1.0
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

# Patterns that are searched for in texts whose length is bounded: where the bound is.
BOUNDED: Mapping[str, str] = {}


class TooLongError(Exception):
    """The pattern was still at it when its time was over."""


def _used(module: Any, name: str) -> set[str]:
    """The methods of the pattern that its module calls; all of them where that does not show."""
    tree = ast.parse(Path(module.__file__).read_text())
    methods: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            methods.add("?")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            methods.add(node.attr)
    named = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree)) - 1
    called = sum(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        for node in ast.walk(tree)
    )
    methods.discard("?")
    return methods if methods and named == called else SEARCHES


def _patterns() -> dict[str, tuple[re.Pattern[Any], set[str]]]:
    found: dict[str, tuple[re.Pattern[Any], set[str]]] = {}
    known: set[re.Pattern[Any]] = set()
    for listed in pkgutil.walk_packages(repair.__path__, "repair."):
        try:
            module = importlib.import_module(listed.name)
        except ModuleNotFoundError:  # an extra is not installed
            continue
        for name, value in vars(module).items():
            several = isinstance(value, list | tuple | dict)
            values: Sequence[Any] = (
                list(value.values()) if isinstance(value, dict) else list(value) if several else [value]
            )
            for number, pattern in enumerate(values):
                if isinstance(pattern, re.Pattern) and pattern not in known:
                    known.add(pattern)
                    label = f"{listed.name}.{name}" + (f"[{number}]" if several else "")
                    found[label] = pattern, SEARCHES if several else _used(module, name)
    return found


PATTERNS = _patterns()


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


def _filled(part: str) -> str:
    return (part * (LENGTH // len(part) + 1))[:LENGTH] if part else ""


def _hostile(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Repetitions for every loop, and of a text that the whole pattern takes."""
    chance = random.Random(1)
    tree = parser.parse(pattern.pattern, pattern.flags)
    for before, body in _loops(tree, chance):
        rounds = list(dict.fromkeys(_sample(body, chance, {}) for _ in range(3)))
        for part in (*rounds, "".join(rounds)):
            for end in ("", "\0", "\n!"):
                yield before + _filled(part) + end
            yield _filled(before + part)
            yield _filled(before + part * 8)
    whole = _sample(tree, chance, {})
    yield from (_filled(whole), _filled(whole[:-1]), _filled(whole[: len(whole) // 2 + 1]))


def _calls(pattern: re.Pattern[Any], methods: set[str]) -> list[Callable[[Any], object]]:
    calls: list[Callable[[Any], object]] = [getattr(pattern, method) for method in methods & ANCHORED]
    if methods & SEARCHES:
        calls.append(lambda text: [None for _ in pattern.finditer(text)])
    return calls


@pytest.fixture
def clock() -> Iterator[None]:
    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TooLongError

    earlier = signal.signal(signal.SIGALRM, over)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, earlier)


@pytest.mark.parametrize("name", sorted(PATTERNS.keys() - BOUNDED.keys()))
@pytest.mark.usefixtures("clock")
def test_a_pattern_takes_time_that_grows_with_the_text(name: str) -> None:
    pattern, methods = PATTERNS[name]
    calls = _calls(pattern, methods)
    for text in dict.fromkeys(_hostile(pattern)):
        given = text.encode(errors="replace") if isinstance(pattern.pattern, bytes) else text
        for call in calls:
            start = time.process_time()
            signal.setitimer(signal.ITIMER_REAL, 4 * SECONDS)
            try:
                call(given)
            except TooLongError:
                pytest.fail(f"{text[:40]!r} ... {text[-9:]!r}: more than {4 * SECONDS} s")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            spent = time.process_time() - start
            assert spent < SECONDS, f"{text[:40]!r} ... {text[-9:]!r}: {spent:.1f} s"


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("source", [r"(a+)+$", r"\s*from", r"(?:x|\w)*;", r",(?=(?:\s|//[^\n]*)*\])"])
def test_what_backtracks_is_found(source: str) -> None:
    pattern = re.compile(source)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    with pytest.raises(TooLongError):
        for text in _hostile(pattern):
            for _ in pattern.finditer(text):
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)
