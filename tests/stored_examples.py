"""Stored examples without the stages before them: diagnostics of real servers, repairs that are given."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import count, islice
from typing import Any

import pyarrow as pa

from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.dataset.splits import split_of
from repair.line_diff.numbered import diff
from repair.pipeline import BY_NAME
from repair.schema.stages import VERIFIED_DIFFS
from repair.verification.confidence import Signals
from repair.verification.stage import scored
from tests.graph import LANGUAGE_SERVERS, House, misspelt

SPLIT_SEED = 17
TYPES = DIAGNOSTIC_TYPES.get_partition_keys()
Row = dict[str, Any]


def projects_of(split: str, how_many: int) -> list[str]:
    """Names of projects that are on this side of the split."""
    names = (f"project-{number}" for number in count())
    return list(islice((name for name in names if split_of(name, SPLIT_SEED) == split), how_many))


def verified(
    project_id: str, broken: str, repaired: str, code: str = "ruff[F821]", *, needless: int = 0
) -> Row:
    """The row of a verified diff of `main.py`, whose diagnostic has `code`."""
    before = LANGUAGE_SERVERS.servers().check_workspace({"main.py": broken})
    (diagnostic,) = (diagnostic for diagnostic in before if diagnostic.code == code)
    return dict.fromkeys(VERIFIED_DIFFS.names) | {
        "diagnostic_id": hashlib.sha256(f"{project_id} {broken}".encode()).hexdigest()[:32],
        "project_id": project_id,
        "path": "main.py",
        "licence": "MIT",
        "files": [{"path": "main.py", "text": broken}],
        "diagnostic": diagnostic.as_row(),
        "before": [diagnostic.as_row() for diagnostic in before],
        "teacher": "history",
        "line_diff": diff(broken, repaired),
        "repaired": repaired,
        **scored(Signals(needless=needless, code_as_text=False, spans=1 + needless, later=False), code),
    }


def misspelt_in(project_id: str, number: int) -> Row:
    """The verified row of the misspelt name `number`."""
    broken, repaired, _ = misspelt(number)
    return verified(project_id, broken, repaired)


def store_examples(house: House, key: Key, rows: Sequence[Row], *, lost: int = 0) -> None:
    """Store the examples of these verified rows; `lost`: rows that the manifest can't account for."""
    batch = pa.RecordBatch.from_pylist(list(rows), schema=VERIFIED_DIFFS)
    with house.store.writer("repair_examples", key.segments()) as writer:
        for outcomes in BY_NAME["repair_examples"].run([batch], split_seed=SPLIT_SEED):
            writer.write_outcomes(outcomes)
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=len(rows) + lost)


def store_day(house: House, day: str, by_type: Mapping[str, Sequence[Row]]) -> None:
    """Store the examples of all types of a day; types that are not named have none."""
    for name in TYPES:
        store_examples(house, Key(day, name), by_type.get(name, ()))
