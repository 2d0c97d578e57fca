"""Checks of the data's quality on partitions that are stored by hand: what passes, and what is said."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.schema.outcomes import REJECTS
from repair.schema.stages import FILES
from repair.store.reader import PartitionStore
from repair_assets import repair_candidates, repair_examples, session_events, verified_diffs
from resources.checks import PartitionCheck
from training_assets import training_mixture

FIRST = date(2026, 1, 5)
TODAY = FIRST + timedelta(days=20)
Row = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path))


def put(
    store: PartitionStore, asset: str, key: Key, rows: Sequence[Row] | pa.Table = (), **manifest: Any
) -> None:
    """One stored partition; `rejects`, `extra` and `inputs` go into its manifest."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
    rejects = manifest.pop("rejects", {})
    with store.writer(asset, key.segments()) as writer:
        writer.write("data", table)
        for reason, count in rejects.items():
            writer.write_rejects(pa.Table.from_pylist([{"reason": reason, "rows": count}], schema=REJECTS))
        known = {"fingerprint": "f", "inputs": {}, "versions": {}, "extra": {}, **manifest}
        writer.commit(rows_in=table.num_rows + sum(rejects.values()), **known)


def found(
    checks: Sequence[PartitionCheck], name: str, store: PartitionStore, asset: str, key: Key
) -> dg.AssetCheckResult:
    manifest = store.manifest(asset, key.segments())
    assert manifest
    (check,) = (check for check in checks if check.name == name)
    return check.result(store, manifest)


def examples(count: int, codes: Sequence[str], length: int = 40) -> list[Row]:
    return [
        {
            "example_id": f"{number}",
            "code": codes[number % len(codes)],
            "response": "x" * (length + number % 10),
        }
        for number in range(count)
    ]


USUAL = ("ruff[F821]", "pyright[reportCallIssue]", "pyright")
DAILY = repair_examples.CHECKS


@pytest.mark.parametrize(
    ("today", "mix", "lengths"),
    [
        (examples(60, USUAL), True, True),
        (examples(60, USUAL[:1]), False, True),
        (examples(60, USUAL, length=400), True, False),
        (examples(3, USUAL[:1], length=400), True, True),  # too few to tell
        ([], True, True),
    ],
)
def test_drift_is_told_against_the_four_weeks_before(
    store: PartitionStore, today: list[Row], mix: bool, lengths: bool
) -> None:
    for day in range(8):
        put(store, "daily_examples", Key(str(FIRST + timedelta(days=day))), examples(30, USUAL))
    put(store, "daily_examples", Key(str(TODAY)), today or TABLE.slice(0, 0))
    drift = [
        found(DAILY, name, store, "daily_examples", Key(str(TODAY)))
        for name in ("type_mix_drift", "length_drift")
    ]
    assert [result.passed for result in drift] == [mix, lengths]
    for result in drift:
        assert result.passed or "largest changes: " in (result.description or "")


TABLE = pa.Table.from_pylist(examples(1, USUAL))


def test_what_is_older_than_four_weeks_or_damaged_is_not_compared_with(
    store: PartitionStore, tmp_path: Path
) -> None:
    today = Key(str(FIRST + timedelta(days=40)))
    put(store, "daily_examples", Key(str(FIRST)), examples(90, USUAL))
    damaged = Key(str(FIRST + timedelta(days=30)))
    put(store, "daily_examples", damaged, examples(90, USUAL))
    (file,) = tmp_path.glob(f"daily_examples/date={damaged.date}/data-*")
    file.write_bytes(b"damaged")
    put(store, "daily_examples", today, examples(60, USUAL[:1]))
    result = found(DAILY, "type_mix_drift", store, "daily_examples", today)
    assert result.passed
    assert "nothing to compare with" in (result.description or "")


def test_an_example_that_is_there_twice_is_named(store: PartitionStore) -> None:
    put(store, "daily_examples", Key(str(FIRST)), [*examples(4, USUAL), *examples(2, USUAL)])
    result = found(DAILY, "no_duplicates", store, "daily_examples", Key(str(FIRST)))
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert "2 of 6 rows" in (result.description or "")
    assert result.metadata["examples"] == dg.MetadataValue.json(["0", "1"])


def side(project: str, split: str) -> Row:
    return {"example_id": f"{project} {split}", "project_id": project, "split": split}


@pytest.mark.parametrize(
    ("rows", "leaks"),
    [
        ([side("a", "train"), side("b", "validation")], {}),
        ([side("a", "train"), side("a", "validation")], {"a": ["train", "validation"]}),
        ([side("a", "train"), side("b", "test")], {"b": ["test"]}),
        ([side("frozen", "train")], {"frozen": ["train", "workspace_benchmark"]}),
    ],
)
def test_a_project_on_two_sides_blocks_the_training(
    store: PartitionStore, rows: list[Row], leaks: Mapping[str, list[str]]
) -> None:
    name = DIAGNOSTIC_TYPES.get_partition_keys()[0]
    put(store, "workspace_benchmark", Key(None, name), [{"project_id": "frozen"}])
    frozen = store.manifest("workspace_benchmark", Key(None, name).segments())
    assert frozen
    inputs = {f"workspace_benchmark[{name}]": frozen.data_version}
    put(store, "training_mixture", Key(str(FIRST)), rows, inputs=inputs)
    result = found(training_mixture.CHECKS, "no_split_leaks", store, "training_mixture", Key(str(FIRST)))
    assert result.passed is not bool(leaks)
    assert result.metadata["projects"] == dg.MetadataValue.json(leaks)
    (spec,) = (
        spec for spec in training_mixture.training_mixture.check_specs if spec.name == "no_split_leaks"
    )
    assert spec.blocking


F821 = Key(str(FIRST), "F821")


@pytest.mark.parametrize(("cheats", "passed"), [({}, True), ({"quoted": 5}, True), ({"quoted": 30}, False)])
def test_a_kind_of_cheat_that_grows_is_named(
    store: PartitionStore, cheats: dict[str, int], passed: bool
) -> None:
    rows = [{"judge_cost_usd": None}] * (100 - sum(cheats.values()))
    rejects = {"cheat": sum(cheats.values())} if cheats else {}
    put(store, "verified_diffs", F821, rows, rejects=rejects, extra={"cheats": {"emptied": 1, **cheats}})
    result = found(verified_diffs.CHECKS, "cheat_rate", store, "verified_diffs", F821)
    assert result.passed is passed
    assert passed or "30 of 100 (30%) are cheats of the commonest kind, quoted" in (result.description or "")


@pytest.mark.parametrize(
    ("teacher", "judge", "passed"), [(0.0, None, True), (0.4, 0.001, True), (0.4, 0.02, False)]
)
def test_the_cost_is_the_teachers_and_the_judges(
    store: PartitionStore, teacher: float, judge: float | None, passed: bool
) -> None:
    put(store, "synthesized_diffs", F821, TABLE, extra={"usage": {"cost_usd": teacher}})
    made = store.manifest("synthesized_diffs", F821.segments())
    assert made
    inputs = {f"synthesized_diffs[{F821}]": made.data_version}
    put(store, "verified_diffs", F821, [{"judge_cost_usd": judge}] * 10, inputs=inputs)
    result = found(verified_diffs.CHECKS, "cost_per_verified_diff", store, "verified_diffs", F821)
    assert result.passed is passed
    assert result.metadata["usd"].value == pytest.approx(teacher + 10 * (judge or 0))  # type: ignore[union-attr]


def test_the_cost_of_other_diffs_is_not_this_ones(store: PartitionStore) -> None:
    put(store, "synthesized_diffs", F821, TABLE, extra={"usage": {"cost_usd": 1000.0}})
    put(store, "verified_diffs", F821, [{"judge_cost_usd": 0.0}], inputs={"synthesized_diffs": "another"})
    result = found(verified_diffs.CHECKS, "cost_per_verified_diff", store, "verified_diffs", F821)
    assert result.passed
    assert "not known" in (result.description or "")


CANDIDATES = pa.schema([("path", pa.string()), ("files", FILES)])


@pytest.mark.parametrize("texts", [["import os\nprint(os)\n"], []])
def test_planted_secrets_are_replaced_in_the_rows_files(store: PartitionStore, texts: list[str]) -> None:
    rows = [{"path": "a.py", "files": [{"path": "a.py", "text": text}]} for text in texts]
    put(store, "repair_candidates", F821, pa.Table.from_pylist(rows, schema=CANDIDATES))
    result = found(repair_candidates.CHECKS, "redaction_recall", store, "repair_candidates", F821)
    assert result.passed
    assert (result.description or "").startswith("8 of 8" if texts else "no rows")


def test_a_redaction_that_fails_is_an_error(store: PartitionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repair.curation.canaries.redact", lambda text: (text, 0))
    row = {"path": "a.py", "files": [{"path": "a.py", "text": "a = 1\n"}]}
    put(store, "repair_candidates", F821, pa.Table.from_pylist([row], schema=CANDIDATES))
    result = found(repair_candidates.CHECKS, "redaction_recall", store, "repair_candidates", F821)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "0 of 8 (0%) planted secrets are replaced" in (result.description or "")


@pytest.mark.parametrize(("fixed", "passed"), [(1, True), (30, False)])
def test_a_type_that_the_servers_fix_themselves_is_told(
    store: PartitionStore, fixed: int, passed: bool
) -> None:
    put(store, "repair_candidates", F821, TABLE, rejects={"has_code_action": fixed})
    result = found(repair_candidates.CHECKS, "code_action_share", store, "repair_candidates", F821)
    assert result.passed is passed


def test_near_duplicates_that_fill_the_partition_are_told(store: PartitionStore) -> None:
    put(store, "repair_candidates", F821, TABLE, rejects={"near_duplicate": 99})
    result = found(repair_candidates.CHECKS, "near_duplicate_share", store, "repair_candidates", F821)
    assert not result.passed


def test_a_code_that_outgrows_other_gets_the_line_that_promotes_it(store: PartitionStore) -> None:
    codes = {"ruff[B018]": 30, "pyright": 60, "ruff[W291]": 30}
    put(store, "session_events", Key(str(FIRST)), extra={"codes": codes})
    result = found(session_events.CHECKS, "tail_is_small", store, "session_events", Key(str(FIRST)))
    assert not result.passed
    said = result.description or ""
    assert "ruff[B018]: 30 of 120 (25%)" in said
    assert 'from 2026-01-06 on: DiagnosticType("B018", since=date(2026, 1, 6)),' in said
    assert "repair/diagnostics/types.py" in said
    assert "W291" not in said, "style is no candidate for a type"
