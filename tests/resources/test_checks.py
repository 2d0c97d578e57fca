"""Checks of stored partitions: limits beyond chance, severities, and the page that lists them."""

from pathlib import Path

import dagster as dg
import pytest

from repair.store.reader import PartitionStore
from resources.checks import PartitionCheck, at_least, at_most, check_specs, results, yield_check
from resources.thresholds import EVERY_STAGE, THRESHOLDS, checks_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_table_prints() -> None:
    assert (ROOT / "docs/checks.md").read_text() == checks_page()


@pytest.mark.parametrize(
    ("rows", "of", "passed"),
    [
        (0, 0, True),  # nothing is known
        (2, 3, True),  # 67 %, and the interval reaches up to 94 %
        (79, 100, True),
        (60, 100, False),
        (0, 10, False),
        (800, 1000, True),
    ],
)
def test_a_share_is_too_small_only_beyond_chance(rows: int, of: int, passed: bool) -> None:
    assert at_least("go on", rows, of, 0.8).passed is passed
    assert at_most("stay", of - rows, of, 0.2).passed is passed


def stored(folder: Path, rejected: int) -> PartitionStore:
    store = PartitionStore(str(folder))
    with store.writer("verified_diffs", {}) as writer:
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=rejected)
    return store


def test_a_failure_says_what_to_do_and_a_pass_does_not(tmp_path: Path) -> None:
    store = stored(tmp_path, rejected=20)
    manifest = store.manifest("verified_diffs", {})
    assert manifest
    found = {
        result.check_name: result
        for result in results([yield_check("verified_share", "verify")], store, manifest, rejects={"odd": 1})
    }
    assert [result.passed for result in found.values()] == [False, True, False]
    lost, share = found["rows_add_up"], found["verified_share"]
    assert lost.description == (
        f"20 rows in, 0 out, 0 rejected. What to do: {THRESHOLDS['rows_add_up'].action}"
    )
    assert (lost.severity, share.severity) == (dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN)
    assert share.metadata["expected"].text == "at least 50% of the synthesized diffs verify"  # type: ignore[union-attr]
    assert "What to do" not in (found["nothing_unexpected"].description or "")


def test_only_blocking_checks_block_and_each_says_what_is_expected() -> None:
    specs = {
        spec.name: spec for spec in check_specs("verified_diffs", None, [yield_check("verified_share", "")])
    }
    assert {name: spec.blocking for name, spec in specs.items()} == {
        "rows_add_up": True,
        "nothing_unexpected": False,
        "verified_share": False,
    }
    assert "Expected: at least 50% of" in (specs["verified_share"].description or "")


def test_a_check_without_a_row_in_the_table_is_a_fault_of_the_code() -> None:
    with pytest.raises(KeyError, match="unheard_of"):
        check_specs("verified_diffs", None, [PartitionCheck("unheard_of", lambda _: at_least("", 1, 1, 1))])


@pytest.mark.parametrize("name", THRESHOLDS)
def test_each_row_of_the_table_is_whole(name: str) -> None:
    threshold = THRESHOLDS[name]
    assert "{" not in threshold.expectation
    assert threshold.meaning.endswith(".")
    assert threshold.action.endswith(".")
    assert threshold.assets or threshold.assets is EVERY_STAGE
