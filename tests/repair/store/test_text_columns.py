"""Texts of record batches by hash and back: nothing is lost, moved or mixed up."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repair.evaluation.benchmark import BENCHMARK_SAMPLES, SCORES
from repair.schema.events import EVENTS
from repair.schema.outcomes import REJECTS
from repair.schema.stages import FILES, LATER_STATES, REPAIR_EXAMPLES, VERIFIED_DIFFS
from repair.schema.texts import joined_field, stored_schema
from repair.store.reader import PartitionStore
from repair.store.text_columns import join_texts, strip_texts
from repair.store.text_table import TEXTS, TextTable

ROWS = pa.schema(
    [
        ("id", pa.int64()),
        ("files", FILES),
        ("later_states", LATER_STATES),
        ("repaired", pa.string()),
        ("repaired_files", FILES),
        ("workspace_sha256", pa.string()),
    ]
)

text = st.none() | st.sampled_from(["", "x = 1\n", "ä𝕏\u2028", "\0"]) | st.text(max_size=8)
files = st.none() | st.lists(
    st.none() | st.fixed_dictionaries({"path": st.none() | st.just("a.py"), "text": text}), max_size=3
)
states = st.none() | st.lists(
    st.fixed_dictionaries({"timestamp": st.none(), "text": text, "ghostwriter": st.none() | st.booleans()}),
    max_size=2,
)
row = st.fixed_dictionaries(
    {
        "id": st.integers(0, 9),
        "files": files,
        "later_states": states,
        "repaired": text,
        "repaired_files": files,
        "workspace_sha256": st.none() | st.just("s"),
    }
)


@pytest.fixture
def table(tmp_path: Path) -> TextTable:
    return PartitionStore(str(tmp_path / "base")).texts({"date": "2026-01-05"})


def texts_in(value: object, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in texts_in(part, key)]
    if isinstance(value, list):
        return [found for part in value for found in texts_in(part)]
    return [value] if name in ("text", "repaired") and isinstance(value, str) else []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(row, max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_what_is_stripped_and_joined_is_what_it_was(
    tmp_path: Path, rows: list[dict], start: int, length: int
) -> None:
    """Also of a slice, whose buffers begin elsewhere."""
    table = PartitionStore(str(tmp_path)).texts({})
    batch = pa.RecordBatch.from_pylist(rows, schema=ROWS).slice(start, length)
    stripped, texts = strip_texts(batch)
    assert stripped.schema == stored_schema(ROWS)
    expected = {value for row in batch.to_pylist() for value in texts_in(row)}
    assert set(texts["text"].to_pylist()) == expected
    assert texts.num_rows == len(expected), "each one once"
    for found in texts.to_pylist():
        assert found["sha256"] == hashlib.sha256(found["text"].encode()).hexdigest()
        assert found["bytes"] == len(found["text"].encode())
    if texts.num_rows:
        table.write(texts)
    (joined,) = join_texts(stripped, table)
    assert joined.to_pylist() == batch.to_pylist()
    assert joined.schema == ROWS
    joined.validate(full=True)
    stripped.validate(full=True)


@pytest.mark.parametrize("schema", [VERIFIED_DIFFS, REPAIR_EXAMPLES, BENCHMARK_SAMPLES, ROWS])
def test_every_text_of_a_schema_has_a_hash_in_the_store(schema: pa.Schema) -> None:
    stored = stored_schema(schema)
    assert pa.schema([joined_field(field) for field in stored]) == schema
    assert stored_schema(stored) == stored
    assert {"files"} <= {
        field.name for field, kept in zip(schema, stored, strict=True) if not field.equals(kept)
    }


@pytest.mark.parametrize("schema", [SCORES, REJECTS, EVENTS])
def test_what_holds_no_texts_is_stored_as_it_is(schema: pa.Schema) -> None:
    assert stored_schema(schema) == schema
    (same,) = join_texts(pa.RecordBatch.from_pylist([], schema=schema), NoTable())
    assert same.schema == schema


class NoTable(TextTable):
    def __init__(self) -> None:
        """No folder: whatever asks for a text fails."""


def one_row(text: str = "x = 1\n") -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": 1,
                "files": [{"path": "a.py", "text": text}],
                "later_states": [{"text": f"{text}y\n", "ghostwriter": False}],
                "repaired": f"{text}z\n",
            }
        ],
        schema=ROWS,
    )


def test_only_the_columns_that_are_asked_for_are_joined(table: TextTable) -> None:
    stripped, texts = strip_texts(one_row())
    table.write(texts.filter(pa.array([value == "x = 1\n" for value in texts["text"].to_pylist()])))
    (joined,) = join_texts(stripped, table, ["files"])
    assert joined["files"].to_pylist() == [[{"path": "a.py", "text": "x = 1\n"}]]
    assert joined.schema.field("later_states") == stripped.schema.field("later_states")
    assert joined["repaired_sha256"].to_pylist() == [hashlib.sha256(b"x = 1\nz\n").hexdigest()]
    again, new = strip_texts(joined)
    assert again == stripped, "what keeps its hashes is not hashed again"
    assert new["text"].to_pylist() == ["x = 1\n"]


def test_batches_are_joined_in_parts_of_bounded_size(
    table: TextTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repair.store.text_columns.JOINED_BYTES", 3000)
    batch = pa.concat_batches([one_row("a" * size) for size in (400, 400, 400, 9000, 1, 400)])
    stripped, texts = strip_texts(batch)
    table.write(texts)
    parts = list(join_texts(stripped, table))
    assert [part.num_rows for part in parts] == [2, 1, 1, 2]
    assert pa.concat_batches(parts) == batch


def test_an_empty_batch_gets_its_schema_back(table: TextTable) -> None:
    stripped, texts = strip_texts(one_row().slice(0, 0))
    assert texts.schema == TEXTS
    (joined,) = join_texts(stripped, table)
    assert (joined.num_rows, joined.schema) == (0, ROWS)
