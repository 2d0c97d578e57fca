"""Selection of few-shot examples: verified repairs of training projects, by diagnostic code.

Tested by `tests/repair/synthesis/lm/test_program.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.curation.consent import allows
from repair.prompt.rows import prompt_of
from repair.schema.events import Purpose
from repair.schema.rows import RepairExampleRow
from repair.text.stable_hash import rank

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

FEW_SHOT_EXAMPLES = pa.schema(
    [
        ("example_id", pa.string()),
        ("project_id", pa.string()),
        ("code", pa.string()),
        ("prompt", pa.string()),
        ("response", pa.string()),
        ("teacher", pa.string()),
        ("licence", pa.string()),
        ("prompt_version", pa.string()),
    ]
)


def choose_examples(
    batches: Iterable[pa.RecordBatch], *, seed: int, per_code: int, total: int
) -> pa.RecordBatch:
    """At most `per_code` examples of each code and `total` in all, out of `REPAIR_EXAMPLES`.

    Only the training split is drawn from, and only what a language model may be shown. A code's examples
    come from as many projects as there are, and where `total` is too small for all, every code gets its first
    one before any gets its second. The choice depends on the rows and the seed, not on the order or the
    batches in which they come.
    """
    by_code: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for batch in batches:
        for row in batch.filter(pc.equal(batch.column("split"), "train")).to_pylist():
            if not allows(row.get("purposes"), Purpose.SYNTHESIS):
                continue
            by_code[row["code"]][row["example_id"]] = {
                **{name: row.get(name) for name in FEW_SHOT_EXAMPLES.names},
                "prompt": prompt_of(row),
            }
    turns: list[tuple[int, str, Mapping[str, Any]]] = []
    for code, rows in by_code.items():
        drawn = _spread(sorted(rows.values(), key=lambda row: rank(seed, row["example_id"])))
        turns.extend((turn, rank(seed, code), row) for turn, row in enumerate(drawn[:per_code]))
    turns.sort(key=lambda turn: turn[:2])
    chosen = sorted((row for _, _, row in turns[:total]), key=lambda row: (row["code"], row["example_id"]))
    return pa.RecordBatch.from_pylist([dict(row) for row in chosen], schema=FEW_SHOT_EXAMPLES)


def draw_rows(read: Callable[[], Iterable[pa.RecordBatch]], *, seed: int, total: int) -> list[Any]:
    """At most `total` rows of the training split out of `REPAIR_EXAMPLES`, from as many projects as it takes.

    Only rows that a language model may be shown are drawn.

    The draw depends on the rows and the seed, not on the order or the batches in which they come. `read` is
    called twice, so that only the drawn rows are in memory.
    """
    names = ["split", "example_id", "project_id", "purposes"]
    known = (row for batch in read() for row in batch.select(names).to_pylist())
    training = {
        row["example_id"]: row
        for row in known
        if row["split"] == "train" and allows(row.get("purposes"), Purpose.SYNTHESIS)
    }
    drawn = _spread(sorted(training.values(), key=lambda row: rank(seed, row["example_id"])))[:total]
    ids = pa.array([row["example_id"] for row in drawn], pa.string())
    rows: dict[str, RepairExampleRow] = {}
    for batch in read():
        found = batch.filter(pc.is_in(batch.column("example_id"), value_set=ids)).to_pylist()
        rows.update((row["example_id"], row) for row in found)
    return [rows[example_id] for example_id in sorted(rows)]


def _spread(rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The rows in their order, but the first of each project before the second of any."""
    seen: dict[str, int] = defaultdict(int)
    numbered: list[tuple[int, Any]] = []
    for row in rows:
        numbered.append((seen[row["project_id"]], row))
        seen[row["project_id"]] += 1
    return [row for _, row in sorted(numbered, key=lambda pair: pair[0])]
