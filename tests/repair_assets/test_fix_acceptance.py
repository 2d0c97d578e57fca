"""The asset over real events: its counts by version, what it does not look at, and its checks on a drop."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from partitions.keys import Key
from repair.feedback.rates import ACCEPTANCE, Acceptance, figures
from repair.schema.events import EventKind
from repair_assets.fix_acceptance import fix_acceptance
from tests.graph import DAY, House, check, record, reused
from tests.repair.feedback.test_acceptance import FIXED, Editor, opened

NEXT = "2026-01-06"
NAMES = Key(DAY, "F821")


def house_with(folder: Path, *editors: Editor) -> House:
    house = House(folder)
    record(folder / "recording", editors)
    return house


def test_fixes_of_a_day_are_counted_by_version(tmp_path: Path) -> None:
    editor = opened().shows("a").decides(EventKind.FIX_REJECTED, "a").shows("b", model="other")
    editor.shows("c").accepts(fix_id="c")
    editor.decides(EventKind.FIX_ACCEPTED, "unknown").shows("d", code="pyright", line_diff="-2 print(number)")
    house = house_with(tmp_path, editor)
    events = house.events()
    assert events.rejects == {"unknown_fix": 1}
    result = house.run([fix_acceptance], NAMES)
    manifest = house.manifest("fix_acceptance", NAMES)
    assert (manifest.rows_in, manifest.rows_out) == (3, 3)
    versions = manifest.extra[ACCEPTANCE]
    assert list(versions) == ["2026-01-05-0123456789ab", "other"]
    known = {"shown": 2, "accepted": 1, "rejected": 1, "observed": 1, "kept": 1}
    assert versions["2026-01-05-0123456789ab"] == {"edited": 0, "reverted": 0, **known}
    assert check(result, "fix_acceptance", "acceptance_holds").passed  # there is nothing before it
    rows = house.rows("fix_acceptance", NAMES)
    assert [(row["fix_id"], row["outcome"], row["fate"]) for row in rows] == [
        ("a", "rejected", None),
        ("b", "ignored", None),
        ("c", "accepted", "kept"),
    ]
    assert rows[2]["later_files"] == [{"path": "a.py", "text": FIXED}]
    assert reused(house.run([fix_acceptance], NAMES)) == {"fix_acceptance": True}
    house.run([fix_acceptance], Key(DAY, "syntax"))
    [other] = house.rows("fix_acceptance", Key(DAY, "syntax"))
    assert other["fix_id"] == "d"
    house.run([fix_acceptance], Key(DAY, "F811"))
    assert house.manifest("fix_acceptance", Key(DAY, "F811")).rows_in == 0


def test_a_fix_that_does_not_fit_is_rejected_and_the_rows_add_up(tmp_path: Path) -> None:
    editor = opened().shows("a", line_diff="-2 other\n+2 x").shows("b").decides(EventKind.FIX_ACCEPTED, "b")
    house = house_with(tmp_path, editor)
    house.events()
    house.run([fix_acceptance], NAMES)
    assert house.manifest("fix_acceptance", NAMES).rejects == {"not_applicable": 1, "not_applied": 1}


def before(house: House, date: str, **counts: int) -> None:
    """An earlier date, as it may have been stored."""
    with house.store.writer("fix_acceptance", {"date": date, "diagnostic_type": "F821"}) as writer:
        extra: dict[str, Any] = {ACCEPTANCE: figures({"one": Acceptance(**counts)})}
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=0, extra=extra)


@pytest.mark.parametrize(
    ("counts", "accepted", "last"),
    [
        ({"shown": 40, "accepted": 36, "observed": 36, "kept": 36}, False, False),
        ({"shown": 40, "accepted": 4, "observed": 4, "kept": 2}, True, True),
        ({"shown": 2, "accepted": 1}, True, True),  # so few may be chance
    ],
)
def test_a_drop_is_an_error_that_says_by_how_much(
    tmp_path: Path, counts: dict[str, int], accepted: bool, last: bool
) -> None:
    editor = opened()
    editor.now = editor.now.replace(day=6)
    for number in range(12):
        editor.shows(f"r{number}").decides(EventKind.FIX_REJECTED, f"r{number}")
    for number in range(4):
        editor.shows(f"a{number}").accepts(fix_id=f"a{number}")
        editor.edits("a.py", "number = 1\nprint(numbr)\n", after=30)  # and takes it back
    house = house_with(tmp_path, editor)
    before(house, DAY, **counts)
    house.events(NEXT)
    result = house.run([fix_acceptance], Key(NEXT, "F821"))
    found = check(result, "fix_acceptance", "acceptance_holds")
    assert found.passed is accepted
    assert "a drop of accepted " in (found.description or "")
    if not accepted:
        assert found.severity == dg.AssetCheckSeverity.ERROR
        assert "accepted +65.0 [+" in (found.description or "")
        assert "before one" in (found.description or "")
        assert "materialize `released_model` with" in (found.description or "")
    assert check(result, "fix_acceptance", "fixes_last").passed is last
