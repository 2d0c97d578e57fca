"""The results of an evaluation as text: rates with 95 % Wilson intervals, over all samples and by group.

The unit is the sample, so that the intervals hold: of several answers to one sample the first counts. Where
every sample has several, pass@k is estimated from all of them.

Tested by `tests/repair/evaluation/release/test_evaluate.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean, median

from repair.evaluation.groups import CATEGORIES, EDIT_EDGES, FILE_EDGES, bucket, buckets
from repair.evaluation.intervals import Share
from repair.evaluation.outcomes import ABSTAINED, NO_CHANGE
from repair.evaluation.release.evaluation import MISSING, RATES
from repair.evaluation.summary import Row, first_answers, pass_at, share_of

_HEADS = {
    "repaired": "repaired",
    "functional": "functional",
    "functional_strict": "strict",
    "ast_match": "AST",
    "ast_or_string_match": "AST or string",
    "token_match": "tokens",
}
_WIDTH = 20


def answered(rows: Iterable[Row]) -> list[Row]:
    """The rows whose answer proposes something."""
    return [row for row in rows if row["outcome"] not in (MISSING, ABSTAINED)]


def groups(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows by type, category, lines of the reference's edit and of the file; no group is empty."""
    by: tuple[tuple[str, Callable[[Row], str], Sequence[str]], ...] = (
        ("type {}", lambda row: row["type"], sorted({row["type"] for row in rows})),
        ("category {}", lambda row: row["category"], CATEGORIES),
        (
            "edit of {} lines",
            lambda row: bucket(row["reference_lines"], EDIT_EDGES),
            ("0", *buckets(EDIT_EDGES)),
        ),
        ("file of {} lines", lambda row: bucket(row["file_lines"], FILE_EDGES), buckets(FILE_EDGES)),
    )
    for name, of_row, values in by:
        for value in values:
            if found := [row for row in rows if of_row(row) == value]:
                yield name.format(value), found


def results_text(rows: Sequence[Row]) -> str:
    """The page that `repair evaluate` prints for the rows of `evaluate`."""
    first = first_answers(rows)
    rates = [rate for rate in RATES if share_of(first, rate)]
    table = [("all", first), *groups(first)]
    name_width = max(len(name) for name, _ in table)
    lines = [
        f"{'per cent [95 %]':<{name_width}}  {'n':>5}  "
        + "".join(f"{head:<{_WIDTH}}" for head in (*(_HEADS[rate] for rate in rates), "no change")).rstrip()
    ]
    for name, group in table:
        shares = (*(share_of(group, rate) for rate in rates), _of_outcome(group, NO_CHANGE))
        cells = "".join(f"{_text(share):<{_WIDTH}}" for share in shares)
        lines.append(f"{name:<{name_width}}  {len(group):>5}  {cells}".rstrip())
    lines += ["", *_answers(first, rates), *_several(rows, rates)]
    outcomes = Counter(row["outcome"] for row in first)
    ordered = sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
    lines.append("outcomes: " + ", ".join(f"{outcome} {count}" for outcome, count in ordered))
    return "\n".join(lines) + "\n"


def _answers(first: Sequence[Row], rates: Sequence[str]) -> Iterator[str]:
    given = answered(first)
    counts = Counter(row["outcome"] for row in first)
    coverage = Share(len(given), len(first))
    yield (
        f"coverage {coverage.text()}: {len(given)} of {len(first)} samples answered,"
        f" {counts[NO_CHANGE]} of them without a change,"
        f" {counts[ABSTAINED]} abstained, {counts[MISSING]} missing"
    )
    for rate in rates:
        if found := share_of(given, rate):
            yield f"precision, {_HEADS[rate]} of the answered {found.text()}"
    if kept := [row["kept_lines"] for row in given if row["kept_lines"] is not None]:
        yield f"kept lines {100 * fmean(kept):.1f} in the mean of {len(kept)} edits"
    for unit in ("line", "token"):
        if ratios := [row[f"{unit}_ratio"] for row in given if row[f"{unit}_ratio"] is not None]:
            yield (
                f"changed {unit}s over the reference's: median {median(ratios):.2f},"
                f" mean {fmean(ratios):.2f} of {len(ratios)} edits"
            )


def _of_outcome(rows: Sequence[Row], outcome: str) -> Share | None:
    return Share.of(sum(row["outcome"] == outcome for row in rows), len(rows))


def _several(rows: Sequence[Row], rates: Sequence[str]) -> Iterator[str]:
    for rate in rates:
        shares = {k: found for k, found in pass_at(rows, rate).items() if k > 1}
        for k, found in shares.items():
            yield f"pass@{k}, {_HEADS[rate]} {found.text()}"


def _text(found: Share | None) -> str:
    return found.text() if found else "-"
