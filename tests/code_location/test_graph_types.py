"""A diagnostic type is promoted out of `other` and backfilled, on real stages and language servers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from partitions.keys import Key
from repair.diagnostics import types
from repair.diagnostics.types import OTHER, TYPES
from repair.execution.staleness import staleness
from repair_assets.session_events import session_events
from tests.graph import DAY, STAGES, House, Session, misspelt, published, record, reused, typing_errors

PROMOTED, TAIL, UNTOUCHED = Key(DAY, "F821"), Key(DAY, OTHER), Key(DAY, "E722")
LOOP = "import json\n\nfor json in range(3):\n    print(json)\n"


def since(day: date | None) -> tuple[types.DiagnosticType, ...]:
    """The known types, F821 from `day` on."""
    return tuple(replace(known, since=day) if known.name == "F821" else known for known in TYPES)


def recorded() -> Iterator[Session]:
    yield typing_errors("names", [1, 2])
    session = Session("loops")
    shadowed = published(LOOP, "ruff[F402]", "Import `json` from line 1 shadowed by loop variable", "json in")
    session.errs_and_repairs("loop.py", LOOP, LOOP.replace("for json", "for number"), shadowed)
    broken, repaired, shown = misspelt(3)
    session.errs_and_repairs("area_3.py", broken, repaired, shown)
    yield session


def ids(house: House, key: Key) -> dict[str, set[str]]:
    """Diagnostics of a partition's stages that went on or were rejected, by stage."""
    return {
        stage: {row["diagnostic_id"] for name in ("data", "rejects") for row in house.rows(stage, key, name)}
        for stage in STAGES
    }


def causes(house: House) -> dict[str, set[str]]:
    return {
        found.name: {cause.kind for cause in found.causes} for found in staleness(house.store) if found.causes
    }


@pytest.mark.slow
def test_promoting_a_type_moves_exactly_its_rows_out_of_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    house = House(tmp_path)
    record(tmp_path / "recording", recorded())
    monkeypatch.setattr(types, "TYPES", since(date(2027, 1, 1)))
    house.events()
    for key in (TAIL, PROMOTED, UNTOUCHED):
        house.diagnostics(key.diagnostic_type or "")
    before = ids(house, TAIL)
    assert len(before["error_states"]) == 4
    assert house.manifest("error_states", PROMOTED).rows_in == 0, "none of its own yet"
    assert causes(house) == {}

    monkeypatch.setattr(types, "TYPES", since(date.fromisoformat(DAY)))
    assert {name for name, kinds in causes(house).items() if "types" in kinds} == {
        f"error_states[{TAIL}]",
        f"error_states[{PROMOTED}]",
    }
    assert reused(house.run([session_events], Key(DAY))) == {"session_events": True}
    assert reused(house.diagnostics("E722")) == dict.fromkeys(STAGES, True)
    assert not any(reused(house.diagnostics("F821")).values())
    assert not any(reused(house.diagnostics(OTHER)).values())
    assert causes(house) == {}

    moved, left = ids(house, PROMOTED), ids(house, TAIL)
    assert len(moved["error_states"]) == 3
    assert len(left["error_states"]) == 1
    for stage in STAGES:
        assert moved[stage] | left[stage] == before[stage], stage
        assert not moved[stage] & left[stage], stage
        counts = [house.manifest(stage, key) for key in (PROMOTED, TAIL)]  # each adds up
        assert sum(manifest.rows_in for manifest in counts) == len(before[stage])
    codes = {row["recorded"]["code"] for row in house.rows("error_states", PROMOTED)}
    assert codes == {"ruff[F821]"}
    assert {row["recorded"]["code"] for row in house.rows("error_states", TAIL)} == {"ruff[F402]"}
