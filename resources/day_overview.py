"""Overview of a day for the Dagster UI: funnel, reject reasons, and the type mix of the last weeks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from partitions.keys import Key
from repair.evaluation.reports.funnel import funnels, total
from repair.pipeline import BY_NAME, STAGES
from repair.store.reader import PartitionStore
from resources.reporting import picture

EXAMPLES, TYPES = "daily_examples", "types"
"""The asset whose manifests have the examples of a date by type, and where in their `extra`."""


def day_overview(store: PartitionStore, date: str, dates: Sequence[str]) -> Mapping[str, Any]:
    """Metadata of a date: pictures and a table; the type mix is that of `dates`."""
    from repair.evaluation.reports.plots import funnel_png, type_mix_png

    of_types = funnels(store, STAGES, [date])
    reasons: Counter[tuple[str, str]] = Counter()
    for funnel in of_types:
        for stage, rejects in funnel.rejects.items():
            reasons.update({(stage, reason): rows for reason, rows in rejects.items()})
    return {
        "funnel": picture(funnel_png(total(of_types, STAGES)), "rows left after each stage"),
        "reject_reasons": _reasons_table(reasons),
        "type_mix": picture(type_mix_png(_by_date(store, dates)), "types by date"),
    }


def _reasons_table(reasons: Mapping[tuple[str, str], int]) -> dg.TableMetadataValue:
    def record(stage: str, reason: str, rows: int) -> dg.TableRecord:
        meaning = BY_NAME[stage].reasons.get(reason, "")
        return dg.TableRecord({"stage": stage, "reason": reason, "rows": rows, "meaning": meaning})

    commonest = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    columns = [("stage", "string"), ("reason", "string"), ("rows", "int"), ("meaning", "string")]
    return dg.MetadataValue.table(
        [record(*named, rows) for named, rows in commonest],
        dg.TableSchema([dg.TableColumn(*column) for column in columns]),
    )


def _by_date(store: PartitionStore, dates: Sequence[str]) -> dict[str, Mapping[str, int]]:
    manifests = {date: store.manifest(EXAMPLES, Key(date).segments()) for date in dates}
    return {date: manifest.extra.get(TYPES, {}) for date, manifest in manifests.items() if manifest}
