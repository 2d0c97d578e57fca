"""Checks of a date's examples: duplicates, and drift against the four weeks before.

Tested by `tests/repair_assets/test_quality_checks.py`.
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from partitions.dates import DATES, DateSettings, last_dates
from partitions.keys import DATE, Key
from repair.diagnostics.codes import type_of_code
from repair.errors import StoreError
from repair.evaluation.drift import Drift, by_tenths
from resources.checks import Checked, CheckVerdict, PartitionCheck

FOUR_WEEKS = {"daily": 28, "weekly": 4, "monthly": 1}
"""Partitions of the four weeks before, by cadence."""
EXAMPLE_ID = "example_id"


def duplicates(checked: Checked) -> CheckVerdict:
    """Rows whose example is in an earlier row already."""
    manifest = checked.manifest
    ids = checked.store.table(manifest.asset, manifest.partition, columns=[EXAMPLE_ID], manifest=manifest)
    counts = Counter(ids[EXAMPLE_ID].to_pylist())
    twice = [example for example, count in counts.items() if count > 1]
    surplus = counts.total() - len(counts)
    said = f"{surplus} of {counts.total()} rows have an example that is there already"
    return CheckVerdict(surplus <= checked.limit, said, {"duplicates": surplus, "examples": twice[:5]})


def _type_mix(checked: Checked) -> CheckVerdict:
    def types(codes: pa.ChunkedArray) -> Counter[str]:
        return Counter(map(type_of_code, codes.to_pylist()))

    earlier = Counter[str]()
    for codes in _earlier(checked, "code"):
        earlier.update(types(codes))
    return _drift(
        Drift.between(earlier, types(_column(checked, checked.manifest.partition, "code"))), checked
    )


def _lengths(checked: Checked) -> CheckVerdict:
    def lengths(responses: pa.ChunkedArray) -> list[int]:
        return list(map(len, responses.to_pylist()))

    earlier = [length for responses in _earlier(checked, "response") for length in lengths(responses)]
    now = lengths(_column(checked, checked.manifest.partition, "response"))
    return _drift(Drift.between(*by_tenths(earlier, now)), checked)


def _drift(found: Drift, checked: Checked) -> CheckVerdict:
    if not found.earlier_rows or not found.rows:
        return CheckVerdict(True, "nothing to compare with on the date, or in the four weeks before")
    changes = {name: f"{before:.1%} -> {now:.1%}" for name, (before, now) in found.changes.items()}
    said = f"{found}; largest changes: {', '.join(f'{name} {change}' for name, change in changes.items())}"
    figures = {"index": found.index, "p": found.p, "rows": found.rows, "earlier_rows": found.earlier_rows}
    return CheckVerdict(not found.beyond(checked.limit), said, {**figures, "changes": changes})


def _earlier(checked: Checked, column: str) -> Iterator[pa.ChunkedArray]:
    """The column in the stored dates of the four weeks before; what can't be read is left out."""
    date = checked.manifest.partition[DATE]
    before = FOUR_WEEKS[DateSettings.load().cadence]
    for earlier in last_dates(date, before + 1)[:-1] if DATES.has_partition_key(date) else ():
        try:
            if checked.store.manifest(checked.manifest.asset, Key(earlier).segments()):
                yield _column(checked, Key(earlier).segments(), column)
        except StoreError:  # its own run and `repair` say so
            continue


def _column(checked: Checked, partition: dict[str, str], column: str) -> pa.ChunkedArray:
    own = checked.manifest if partition == checked.manifest.partition else None
    return checked.store.table(checked.manifest.asset, partition, columns=[column], manifest=own)[column]


DUPLICATES = PartitionCheck("no_duplicates", duplicates)
DRIFT = (PartitionCheck("type_mix_drift", _type_mix), PartitionCheck("length_drift", _lengths))
