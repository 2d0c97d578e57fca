"""Cost per verified diff: summed over dates, for stored diffs that are verified."""

from pathlib import Path
from typing import Any

import pytest

from repair.evaluation.reports.costs import costs
from repair.schema.outcomes import REJECTS
from repair.store.reader import PartitionStore


def stored(store: PartitionStore, asset: str, date: str, rows_in: int, rows_out: int, **columns: Any) -> str:
    partition = {"date": date, "diagnostic_type": columns.pop("kind", "F821")}
    with store.writer(asset, partition) as writer:
        writer.declare(REJECTS)
        writer.write_bytes("rows.txt", f"{date} {rows_in} {rows_out}".encode())
        return writer.commit(
            **{"fingerprint": "f", "inputs": {}, "versions": {}, **columns},
            rows_in=rows_in,
            rows_out=rows_out,
        ).data_version


def test_costs_are_summed_by_type_and_teacher(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))

    def day(date: str, teacher: str, usd: float, unknown: int = 0, kind: str = "F821", stale: bool = False):
        usage = {"cost_usd": usd, "input_tokens": 900, "output_tokens": 100, "answers_without_cost": unknown}
        extra = {"teacher": teacher, "usage": usage}
        version = stored(store, "synthesized_diffs", date, 10, 8, extra=extra, kind=kind)
        inputs = {"synthesized_diffs[x]": "another" if stale else version}
        stored(store, "verified_diffs", date, 8, 4, inputs=inputs, kind=kind)

    day("2026-01-05", "m@1", 2.0)
    day("2026-01-06", "m@1", 1.0, unknown=3)
    day("2026-01-07", "m@2", 5.0)
    day("2026-01-08", "m@1", 100.0, stale=True)
    day("2026-01-05", "m@1", 8.0, kind="syntax")
    found = [(cost.diagnostic_type, cost.teacher, cost.usd_per_verified) for cost in costs(store)]
    assert found == [("F821", "m@1", 0.375), ("F821", "m@2", 1.25), ("syntax", "m@1", 2.0)]
    first = costs(store)[0]
    assert (first.rows, first.synthesized, first.verified, first.tokens) == (20, 16, 8, 2000)
    assert first.answers_without_cost == 3


def test_nothing_verified_has_no_cost_per_diff(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    assert costs(store) == []
    usage = dict.fromkeys(("cost_usd", "input_tokens", "output_tokens", "answers_without_cost"), 0)
    extra = {"teacher": "history", "usage": usage}
    version = stored(store, "synthesized_diffs", "2026-01-05", 3, 0, extra=extra)
    stored(store, "verified_diffs", "2026-01-05", 0, 0, inputs={"synthesized_diffs[x]": version})
    assert costs(store)[0].usd_per_verified is None
    assert costs(store)[0].cost_usd == pytest.approx(0)
