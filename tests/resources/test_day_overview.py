"""The overview of a day: pictures, and the reasons of its rejects with their meaning, the commonest first."""

import base64
from pathlib import Path

import pytest

from repair.evaluation.reports.plots import type_mix_png
from repair.pipeline import BY_NAME
from repair.schema.outcomes import Reject, outcome_batch
from repair.store.reader import PartitionStore
from resources.day_overview import EXAMPLES, TYPES, day_overview
from resources.reporting import page

DAY, LATER = "2026-01-05", "2026-01-06"
PNG = b"\x89PNG"


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    """A day on which candidates were rejected, and two days of examples."""
    store = PartitionStore(str(tmp_path))
    schema = BY_NAME["repair_candidates"].output
    rejects = [Reject({}, reason) for reason in ("prose", "near_duplicate", "near_duplicate")]
    for day, rows in ((DAY, rejects), (LATER, rejects[:1])):
        partition = {"date": day, "diagnostic_type": "F821"}
        with store.writer("repair_candidates", partition) as writer:
            writer.declare(schema)
            writer.write_outcomes(outcome_batch(rows, schema))
            writer.commit(fingerprint="", inputs={}, versions={}, rows_in=len(rows))
    for day, count in ((DAY, 3), (LATER, 1)):
        with store.writer(EXAMPLES, {"date": day}) as writer:
            writer.declare(BY_NAME["repair_examples"].output)
            writer.commit(
                fingerprint="", inputs={}, versions={}, rows_in=0, extra={TYPES: {"F821": count, "syntax": 1}}
            )
    return store


def test_a_day_shows_its_own_rejects_and_what_they_mean(store: PartitionStore) -> None:
    seen = day_overview(store, DAY, [DAY, LATER, "2026-01-07"])
    rows = [record.data for record in seen["reject_reasons"].records]
    assert [(row["reason"], row["rows"]) for row in rows] == [("near_duplicate", 2), ("prose", 1)]
    assert all(row["meaning"] for row in rows)
    for name in ("funnel", "type_mix"):
        data = seen[name].md_str.partition("base64,")[2].rstrip(")")
        assert base64.b64decode(data).startswith(PNG)


@pytest.mark.parametrize(
    "days",
    [{}, {DAY: {}}, {DAY: dict.fromkeys(map(str, range(12)), 1), LATER: {"0": 5}}],
    ids=["none", "empty", "many"],
)
def test_the_type_mix_is_drawn_of_any_days(days: dict[str, dict[str, int]]) -> None:
    assert type_mix_png(days).startswith(PNG)


def test_a_page_is_a_link_where_a_browser_can_follow_it() -> None:
    assert page("gs://bucket/scorecard/page.html").value.startswith("https://")
    assert page("/srv/store/scorecard/page.html").value == "/srv/store/scorecard/page.html"
