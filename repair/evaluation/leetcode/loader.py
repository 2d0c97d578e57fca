"""DebugBench and LeetCodeDataset as their authors publish them.

```
FOLDER/debugbench/benchmark/python3_<bug>.json                        a list of instances
FOLDER/leetcodedataset/LeetCodeDataset-v0.2.0-train.jsonl.gz          tests: the page's examples
FOLDER/leetcodedataset/LeetCodeDataset-v0.3.0-test.jsonl.gz           tests: about 30 a problem
```
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

# A problem that both hold is judged by the later, which has more tests.
_TESTS = ("LeetCodeDataset-v0.2.0-train.jsonl.gz", "LeetCodeDataset-v0.3.0-test.jsonl.gz")


@dataclass(frozen=True, slots=True)
class Instance:
    """A correct solution of the problem `slug`, and the same with one bug of the kind `bug`."""

    slug: str
    bug: str
    correct: str
    buggy: str


@dataclass(frozen=True, slots=True)
class Checks:
    """`code` defines `check(candidate)`; `prelude` the imports and helpers that it needs."""

    prelude: str
    code: str
    entry_point: str


@dataclass(frozen=True, slots=True)
class Published:
    """All instances with a syntax or reference bug, and the tests of each problem that has some."""

    instances: tuple[Instance, ...]
    tests: Mapping[str, Checks]


def read(folder: Path) -> Published:
    """What lies below `folder`. Raises ConfigurationError where a file is absent or another thing."""
    benchmark, tests = _files(folder)
    return Published(
        tuple(each for bug, file in benchmark.items() for each in _instances(bug, file)),
        {slug: found for file in tests for slug, found in _tests(file)},
    )


def fingerprint(folder: Path) -> str:
    """SHA-256 of all files that `read` reads."""
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


def _instances(bug: str, file: Path) -> Iterator[Instance]:
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_bytes())
        for row in rows:
            yield Instance(row["slug"], bug, row["oracle_code"], row["buggy_code"])
    except (ValueError, KeyError, TypeError) as error:
        raise _not_published(file, "a list of slug, oracle_code, buggy_code", error) from error


def _tests(file: Path) -> Iterator[tuple[str, Checks]]:
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["task_id"], Checks(row["prompt"], row["test"], row["entry_point"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _not_published(file, "lines of task_id, prompt, test, entry_point", error) from error


def _not_published(file: Path, expected: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{file} is not what its authors publish; expected {expected}: {error!r}")
