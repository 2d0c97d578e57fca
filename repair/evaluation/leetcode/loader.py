"""Loader of DebugBench and LeetCodeDataset, from the files that their authors publish.

```
FOLDER/debugbench/benchmark/python3_<bug>.json                        a list of instances
FOLDER/leetcodedataset/LeetCodeDataset-v0.2.0-train.jsonl.gz          tests: the page's examples
FOLDER/leetcodedataset/LeetCodeDataset-v0.3.0-test.jsonl.gz           tests: about 30 a problem
```

Tested by `tests/repair/evaluation/leetcode/test_leetcode.py`.
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError

SYNTAX_BUGS = (
    "illegal comment",
    "illegal indentation",
    "misused == or =",
    "missing colons",
    "unclosed parentheses",
    "unclosed string",
)
REFERENCE_BUGS = ("faulty indexing", "illegal keywords", "undefined methods", "undefined objects")

# A problem that is in both is judged by the later file, which has more tests.
_TESTS = ("LeetCodeDataset-v0.2.0-train.jsonl.gz", "LeetCodeDataset-v0.3.0-test.jsonl.gz")


@dataclass(frozen=True, slots=True)
class BugInstance:
    """One DebugBench instance: a correct solution of the problem `slug`, and the same with one bug."""

    slug: str
    bug: str
    correct: str
    buggy: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem's page as DebugBench has it, and every solution of it that is known to be correct."""

    slug: str
    description: str
    examples: tuple[str, ...]
    constraints: str
    correct: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checks:
    """Unit tests of a problem: `code` defines `check(candidate)`, `prelude` its imports and helpers."""

    prelude: str
    code: str
    entry_point: str
    description: str = ""
    completion: str = ""
    """A correct solution."""
    date: str = ""
    """The day of publication, `2024-01-07`, as the data set estimates it; empty: it is not known."""


@dataclass(frozen=True, slots=True)
class PublishedBenchmark:
    """All instances with a syntax or reference bug, and the tests of each problem that has some."""

    instances: tuple[BugInstance, ...]
    tests: Mapping[str, Checks]
    problems: Mapping[str, Problem] = field(default_factory=dict[str, Problem], compare=False)


def read(folder: Path) -> PublishedBenchmark:
    """Read both benchmarks below `folder`. Raises ConfigurationError if a file is absent or malformed."""
    benchmark, others, tests = _files(folder)
    rows = {file: _rows(file) for file in (*benchmark.values(), *others)}
    return PublishedBenchmark(
        tuple(
            BugInstance(row["slug"], bug, row["oracle_code"], row["buggy_code"])
            for bug, file in benchmark.items()
            for row in rows[file]
        ),
        {slug: found for file in tests for slug, found in _tests(file)},
        _problems(row for found in rows.values() for row in found),
    )


def fingerprint(folder: Path) -> str:
    """SHA-256 over all files that `read` reads."""
    benchmark, others, tests = _files(folder)
    digest = hashlib.sha256()
    for file in (*benchmark.values(), *others, *tests):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Path) -> tuple[dict[str, Path], list[Path], list[Path]]:
    """The files of the bugs by kind, the other files of DebugBench, and those of the tests."""
    bugs = (*SYNTAX_BUGS, *REFERENCE_BUGS)
    benchmark = {bug: folder / "debugbench" / "benchmark" / f"python3_{bug}.json" for bug in bugs}
    tests = [folder / "leetcodedataset" / name for name in _TESTS]
    for file in (*benchmark.values(), *tests):
        if not file.is_file():
            raise ConfigurationError(
                f"the benchmark data lacks {file}; the folder must hold debugbench/benchmark/*.json of "
                "thunlp/DebugBench and leetcodedataset/*.jsonl.gz of newfacade/LeetCodeDataset"
            )
    every = sorted((folder / "debugbench" / "benchmark").glob("python3_*.json"))
    return benchmark, [file for file in every if file not in benchmark.values()], tests


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_bytes())
        for row in rows:
            for name in ("slug", "oracle_code", "buggy_code"):
                if not isinstance(row[name], str):
                    raise TypeError(f"{name} is {row[name]!r:.80}")
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed(file, "a list of slug, oracle_code, buggy_code", error) from error
    return rows


def _problems(rows: Iterable[Mapping[str, Any]]) -> dict[str, Problem]:
    pages: dict[str, Mapping[str, Any]] = {}
    correct: dict[str, dict[str, None]] = {}
    for row in rows:
        pages.setdefault(row["slug"], row)
        correct.setdefault(row["slug"], {})[row["oracle_code"]] = None
    return {
        slug: Problem(
            slug,
            str(page.get("description") or ""),
            tuple(map(str, page.get("examples") or ())),
            str(page.get("constraints") or ""),
            tuple(correct[slug]),
        )
        for slug, page in pages.items()
    }


def _tests(file: Path) -> Iterator[tuple[str, Checks]]:
    try:
        with gzip.open(file, "rt", encoding="utf-8-sig") as lines:
            for line in lines:
                row = json.loads(line)
                yield (
                    row["task_id"],
                    Checks(
                        row["prompt"],
                        row["test"],
                        row["entry_point"],
                        row.get("query") or "",
                        row.get("completion") or "",
                        str((row.get("meta") or {}).get("estimated_date") or ""),
                    ),
                )
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _malformed(file, "lines of task_id, prompt, test, entry_point", error) from error


def _malformed(file: Path, expected: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{file} is not what its authors publish; expected {expected}: {error!r}")
