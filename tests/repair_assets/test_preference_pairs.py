"""The asset with real servers: a rejected fix and an accepted one of the same text are a pair."""

from pathlib import Path

from partitions.keys import Key
from repair.schema.events import EventKind
from repair_assets.fix_acceptance import fix_acceptance
from repair_assets.preference_pairs import preference_pairs
from tests.graph import DAY, House, record, reused
from tests.repair.feedback.test_acceptance import opened

NAMES = Key(DAY, "F821")
ASSETS = (fix_acceptance, preference_pairs)


def test_pairs_of_a_day_and_a_type_without_any(tmp_path: Path) -> None:
    editor = opened().shows("a", line_diff="-2 print(numbr)\n+2 pass").decides(EventKind.FIX_REJECTED, "a")
    editor.shows("b").accepts(fix_id="b")
    house = House(tmp_path)
    record(tmp_path / "recording", [editor])
    house.events()
    assert house.run(ASSETS, NAMES).success
    manifest = house.manifest("preference_pairs", NAMES)
    assert (manifest.rows_in, manifest.rows_out, manifest.rejects) == (2, 1, {"kept": 1})
    assert manifest.extra["sources"] == {"rejected, chosen from fix": 1}
    [pair] = house.rows("preference_pairs", NAMES)
    assert pair["chosen"] == "-2 print(numbr)\n+2 print(number)\n</diff>"
    assert pair["rejected"] == "-2 print(numbr)\n+2 pass\n</diff>"
    assert "Undefined name `numbr`" in pair["asked"]
    assert (pair["code"], pair["because"], pair["licence"]) == ("ruff[F821]", "rejected", "MIT")
    assert reused(house.run(ASSETS, NAMES)) == {"fix_acceptance": True, "preference_pairs": True}
    assert house.run(ASSETS, Key(DAY, "F811")).success
    assert house.manifest("preference_pairs", Key(DAY, "F811")).rows_in == 0
