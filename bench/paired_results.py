"""Paired comparison of stored study results: each sample's outcome is kept, so that two stores compare.

A result names its samples by a hash, and has one character for each in the order of their ids: `1` where the
answer passes the tests. It is no program of its own; `bench/studies.py` writes and compares them.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from repair.evaluation.intervals import holm, mcnemar_exact
from repair.store.manifest import Manifest

Row = Mapping[str, Any]
COMPARED = ("samples", "mixture", "prompt", "pyright", "ruff")
"""What two results have to share."""


def outcomes(rows: Iterable[Row]) -> dict[str, str]:
    """Which samples of a benchmark pass the tests."""
    ordered = sorted(rows, key=lambda row: row["sample_id"])
    ids = "\n".join(row["sample_id"] for row in ordered)
    return {
        "samples": hashlib.sha256(ids.encode()).hexdigest()[:12],
        "passed": "".join("1" if row["functional"] else "0" for row in ordered),
    }


def made_of(manifest: Manifest) -> dict[str, str]:
    """What made the answers of a stored partition, and when."""
    mixtures = [version for name, version in manifest.inputs.items() if name.startswith("training_mixture")]
    return {
        "date": manifest.created.date().isoformat(),
        "mixture": "".join(mixtures),
        **{name: manifest.versions[name] for name in ("prompt", "pyright", "ruff")},
        "precision": str((manifest.extra["training"] or {}).get("precision", "")),
    }


def earlier_rows(file: Path | None, name: str) -> list[dict[str, Any]]:
    """The rows of a result file that is there already; else none."""
    return json.loads(file.read_text(encoding="utf-8"))[name] if file and file.is_file() else []


def with_earlier(
    rows: Sequence[Row], earlier: Sequence[Row], by: Sequence[str] = ("benchmark", "recipe", "size")
) -> list[dict[str, Any]]:
    """`rows`, and of an earlier result those that they do not have again, compared and sorted by `by`."""

    def key(row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in by)

    again = {key(row) for row in rows}
    return sorted((dict(row) for row in [*rows, *(row for row in earlier if key(row) not in again)]), key=key)


def mcnemar(before: Row, after: Row) -> tuple[int, int, float]:
    """Samples that only `after` passes, those that only `before` does, and the exact two-sided p.

    Raises ValueError if the two are of other samples.
    """
    if before["samples"] != after["samples"]:
        raise ValueError(f"other samples: {before['samples']} and {after['samples']}")
    pairs = list(zip(before["passed"], after["passed"], strict=True))
    gained, lost = pairs.count(("0", "1")), pairs.count(("1", "0"))
    return gained, lost, mcnemar_exact(gained, lost)


def compare(rows: Iterable[dict[str, Any]], other: Callable[[Row], Row | None]) -> None:
    """McNemar's exact test of each row with another one of the same samples, where there is one.

    Sets `gained`, `lost`, `p` (two-sided) and `p_adjusted` (Holm's, over the compared rows of a benchmark); a
    row that can't be compared stays as it is.
    """
    tested: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        before = other(row)
        if before is None or "passed" not in row or any(row[name] != before.get(name) for name in COMPARED):
            continue
        row["gained"], row["lost"], row["p"] = mcnemar(before, row)
        tested.setdefault(row["benchmark"], []).append(row)
    for own in tested.values():
        for row, p in zip(own, holm([row["p"] for row in own]), strict=True):
            row["p_adjusted"] = p
