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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
class Checks:
    """Unit tests of a problem: `code` defines `check(candidate)`, `prelude` its imports and helpers."""

    prelude: str
    code: str
    entry_point: str


@dataclass(frozen=True, slots=True)
class PublishedBenchmark:
    """All instances with a syntax or reference bug, and the tests of each problem that has some."""

    instances: tuple[BugInstance, ...]
    tests: Mapping[str, Checks]


def read(folder: Path) -> PublishedBenchmark:
    """Read both benchmarks below `folder`. Raises ConfigurationError if a file is absent or malformed."""
    benchmark, tests = _files(folder)
    return PublishedBenchmark(
        tuple(instance for bug, file in benchmark.items() for instance in _instances(bug, file)),
        {slug: found for file in tests for slug, found in _tests(file)},
    )


def fingerprint(folder: Path) -> str:
    """SHA-256 over all files that `read` reads."""
    benchmark, tests = _files(folder)
    digest = hashlib.sha256()
    for file in (*benchmark.values(), *tests):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    bugs = (*SYNTAX_BUGS, *REFERENCE_BUGS)
    benchmark = {bug: folder / "debugbench" / "benchmark" / f"python3_{bug}.json" for bug in bugs}
    tests = [folder / "leetcodedataset" / name for name in _TESTS]
    for file in (*benchmark.values(), *tests):
        if not file.is_file():
            raise ConfigurationError(
                f"the benchmark data lacks {file}; the folder must hold debugbench/benchmark/*.json of "
                "thunlp/DebugBench and leetcodedataset/*.jsonl.gz of newfacade/LeetCodeDataset"
            )
    return benchmark, tests


def _instances(bug: str, file: Path) -> Iterator[BugInstance]:
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_bytes())
        for row in rows:
            yield BugInstance(row["slug"], bug, row["oracle_code"], row["buggy_code"])
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed(file, "a list of slug, oracle_code, buggy_code", error) from error


def _tests(file: Path) -> Iterator[tuple[str, Checks]]:
    try:
        with gzip.open(file, "rt", encoding="utf-8-sig") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["task_id"], Checks(row["prompt"], row["test"], row["entry_point"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _malformed(file, "lines of task_id, prompt, test, entry_point", error) from error


def _malformed(file: Path, expected: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{file} is not what its authors publish; expected {expected}: {error!r}")
