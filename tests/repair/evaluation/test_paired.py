"""Paired comparison: discordant samples are counted, significance is Holm-corrected."""

from typing import Any

import pytest

from repair.evaluation.paired import comparisons, paired_counts

Row = dict[str, Any]


def rows(system: str, solved: str, benchmark: str = "workspace", **columns: Any) -> list[Row]:
    """A row for each character: `+` solved by every metric, `-` not."""
    metrics = ("ast_match", "ast_or_string_match", "repaired")
    return [
        {
            "sample_id": str(number),
            "benchmark": benchmark,
            "system": system,
            **dict.fromkeys(metrics, mark == "+"),
            "functional": mark == "+" if benchmark == "leetcode" else None,
            **columns,
        }
        for number, mark in enumerate(solved)
    ]


def test_counts_of_pairs() -> None:
    counts = paired_counts(rows("a", "+++--+"), rows("b", "+-+-++---"), "repaired")
    assert (counts.both, counts.first_only, counts.second_only, counts.neither) == (3, 1, 1, 1)
    assert counts.samples == 6, "samples that only one has are left out"


def test_the_order_of_the_rows_does_not_matter() -> None:
    first, second = rows("a", "++--+-"), rows("b", "+-+---")
    assert paired_counts(first[::-1], second, "repaired") == paired_counts(first, second[::-1], "repaired")


def test_only_the_first_answer_counts() -> None:
    later = [{**row, "answer_index": 1} for row in rows("a", "++")]
    first = [{**row, "answer_index": 0} for row in rows("a", "--")]
    assert paired_counts([*later, *first], rows("b", "++"), "repaired").second_only == 2


def test_the_published_lead_is_within_chance() -> None:
    """322 of 360 against 321, as the reference system reports them, however the samples overlap."""
    best = rows("ours", "+" * 322 + "-" * 38, "leetcode")
    second = rows("theirs", "-" * 38 + "+" * 321 + "-", "leetcode")
    (found,) = comparisons([*best, *second])
    assert found.metric == "functional"
    assert (found.counts.first_only, found.counts.second_only) == (38, 37)
    assert found.p == pytest.approx(1.0)


def test_every_pair_is_corrected_within_its_benchmark() -> None:
    systems = [*rows("a", "+" * 10), *rows("b", "-" * 10), *rows("c", "-" * 10)]
    found = comparisons([*systems, *rows("a", "+" * 6, "leetcode"), *rows("b", "-" * 6, "leetcode")])
    workspace = [one for one in found if one.benchmark == "workspace"]
    assert len(workspace) == 6  # three pairs, two metrics
    assert workspace[0].p == pytest.approx(2 / 1024)
    assert workspace[0].adjusted == pytest.approx(6 * 2 / 1024)
    (leetcode,) = (one for one in found if one.benchmark == "leetcode")
    assert leetcode.adjusted == leetcode.p == pytest.approx(2 / 64)


def test_systems_without_a_sample_in_common_are_not_compared() -> None:
    other = [{**row, "sample_id": f"x{row['sample_id']}"} for row in rows("b", "+-")]
    assert comparisons([*rows("a", "+-"), *other]) == []
