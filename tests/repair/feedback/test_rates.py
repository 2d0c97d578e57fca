"""Counts and shares by version, their sums, and the difference of two versions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.errors import InputError
from repair.feedback.rates import (
    ACCEPTANCE,
    Acceptance,
    added,
    by_model,
    compared,
    figures,
    from_figures,
    stored_acceptance,
    table,
)
from repair.store.reader import PartitionStore

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def row(number: int, model: str, outcome: str, fate: str | None = None) -> dict[str, Any]:
    return {
        **{"moment": NOON + timedelta(seconds=number), "sequence": number, "model": model},
        **{"outcome": outcome, "fate": fate},
    }


ROWS = [
    row(3, "two", "accepted", "kept"),
    row(0, "one", "accepted", "kept"),
    row(1, "one", "accepted", "reverted"),
    row(2, "one", "accepted"),  # in the last hour of the day
    row(4, "two", "rejected"),
    row(5, "two", "ignored"),
    row(6, "two", "accepted", "file_gone"),
]


def test_versions_stand_in_the_order_of_their_first_showing() -> None:
    found = by_model(ROWS)
    assert list(found) == ["one", "two"]
    assert found["one"] == Acceptance(shown=3, accepted=3, observed=2, kept=1, reverted=1)
    assert found["two"] == Acceptance(shown=4, accepted=2, rejected=1, observed=2, kept=1)
    share = found["two"].share("accepted")
    assert share and (share.value, share.samples) == (0.5, 4)
    assert (kept := found["one"].share("kept")) and (kept.value, kept.samples) == (0.5, 2)
    assert Acceptance(shown=1).share("kept") is None
    assert from_figures(figures(found)) == found


def test_partitions_add_up_wherever_they_are_cut() -> None:
    for cut in range(len(ROWS)):
        assert added([by_model(ROWS[:cut]), by_model(ROWS[cut:])]) == added([by_model(ROWS)])


def test_two_versions_are_compared_with_an_interval() -> None:
    better = Acceptance(shown=100, accepted=60, observed=60, kept=50)
    worse = Acceptance(shown=100, accepted=40, observed=40, kept=20)
    found = better.less(worse, "accepted")
    assert found and found.value == pytest.approx(0.2)
    low, high = found.interval
    assert (low, high) == pytest.approx((0.0614, 0.3292), abs=2e-3)
    assert found.p == pytest.approx(0.004678, rel=1e-3)
    assert str(found).startswith("accepted +20.0 [+6.")
    assert better.less(Acceptance(), "accepted") is None
    same = better.less(better, "kept")
    assert same and same.interval[0] < 0 < same.interval[1] and same.p == 1


def test_the_table_has_shares_with_intervals() -> None:
    lines = table(by_model(ROWS)).splitlines()
    assert lines[2].startswith("| one | 3 | 100.0 [43.9, 100.0] | 0.0 [")
    assert lines[3].startswith("| two | 4 | 50.0 [")


def test_the_command_adds_all_stored_dates_and_compares_two_versions(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    for date, rows in (("2026-01-06", ROWS[5:]), ("2026-01-05", ROWS[:5])):
        with store.writer("fix_acceptance", {"date": date, "diagnostic_type": "F821"}) as writer:
            extra = {ACCEPTANCE: figures(by_model(rows))}
            writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=0, extra=extra)
    assert stored_acceptance(store) == by_model(ROWS)
    said = CliRunner().invoke(main, ["acceptance", str(tmp_path)])
    assert said.exit_code == 0
    assert "| two | 4 | 50.0 [" in said.output
    assert "two less one: accepted -50.0 [" in said.output
    other = CliRunner().invoke(main, ["acceptance", str(tmp_path), "--compare", "one", "two"])
    assert "one less two: accepted +50.0 [" in other.output
    absent = CliRunner().invoke(main, ["acceptance", str(tmp_path), "--compare", "one", "three"])
    assert absent.exit_code == 1 and "no fix of 'three' was shown; there is one, two" in absent.output


def test_a_single_version_has_nothing_to_be_compared_with() -> None:
    assert compared({"one": Acceptance(shown=1)}) == []
    with pytest.raises(InputError):
        compared({}, "one", "two")
