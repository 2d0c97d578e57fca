"""Regression check: a worse checkpoint fails, chance does not, and only equal releases are compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from repair.evaluation.benchmark import SCORES
from repair.evaluation.regression import ALL_TYPES, compare_with_earlier, regression_tests
from repair.store.reader import PartitionStore

Row = dict[str, Any]
Solved = Sequence[bool]
BEFORE, AFTER = "2026-01-05", "2026-01-06"
SERVERS = {"pyright": "1", "ruff": "1", "prompt": "1"}


def rows(solved: Solved, benchmark: str = "workspace", system: str = "model", **columns: Any) -> list[Row]:
    """A row for each sample; a solved one is right by every metric."""
    return [
        {
            "sample_id": f"{columns.get('code', '')} {number}",
            "benchmark": benchmark,
            "system": system,
            "code": "ruff[F821]",
            "path": "main.py",
            "answer": "-1 a\n</diff>",
            "outcome": "repaired" if right else "new_error",
            "ast_match": right,
            "ast_or_string_match": right,
            "repaired": right,
            "functional": right if benchmark == "leetcode" else None,
            **columns,
        }
        for number, right in enumerate(solved)
    ]


def store_scores(
    store: PartitionStore,
    date: str,
    scored: Sequence[Row],
    kind: str = "F821",
    releases: Mapping[str, str] = {"workspace": "r1", "leetcode": "r1"},
    versions: Mapping[str, str] = SERVERS,
    definitions: str = "d1",
) -> None:
    inputs = {f"{benchmark}_benchmark[{kind}]": release for benchmark, release in releases.items()}
    with store.writer("eval_results", {"date": date, "diagnostic_type": kind}) as writer:
        writer.write("data", pa.RecordBatch.from_pylist(list(scored), schema=SCORES))
        writer.commit(
            fingerprint="f",
            inputs={**inputs, f"checkpoint[{date}]": date},
            versions=dict(versions),
            rows_in=len(scored),
            definitions=definitions,
        )


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path))


ALL, NONE = [True] * 20, [False] * 20


@pytest.mark.parametrize(
    ("before", "after", "regressed"),
    [
        (ALL, ALL, False),
        (NONE, NONE, False),
        (NONE, ALL, False),  # better
        (ALL, NONE, True),
        (ALL, [False] * 5 + ALL[5:], True),  # 5 lost, none won: p = 1/32
        (ALL, [False] * 4 + ALL[4:], False),  # p = 1/16
        ([True] * 9 + NONE[9:], [False] * 9 + [True] + NONE[10:], True),  # 9 lost, 1 won: p = 0.011
        ([True] * 9 + NONE[9:], [False] * 9 + [True] * 4 + NONE[13:], False),  # 9 lost, 4 won: p = 0.13
    ],
)
@pytest.mark.parametrize("benchmark", ["workspace", "leetcode"])
def test_a_drop_beyond_chance_is_a_regression(
    store: PartitionStore, benchmark: str, before: Solved, after: Solved, regressed: bool
) -> None:
    store_scores(store, BEFORE, rows(before, benchmark))
    store_scores(store, AFTER, rows(after, benchmark))
    found, read = compare_with_earlier(store, AFTER)
    assert found.earlier == BEFORE
    assert bool(found.regressions) is regressed
    assert list(read) == [f"eval_results[{BEFORE}|F821]"]
    assert ("no worse" in str(found)) is not regressed
    if regressed:
        assert benchmark in str(found)
        assert "lost" in str(found)


@pytest.mark.parametrize(
    ("metric", "benchmark", "regressed"),
    [
        ("ast_or_string_match", "workspace", True),
        ("repaired", "workspace", True),
        ("functional", "leetcode", True),
        ("repaired", "leetcode", False),  # the tests pass: what the servers say is no loss
    ],
)
def test_each_metric_that_decides_is_tested(
    store: PartitionStore, metric: str, benchmark: str, regressed: bool
) -> None:
    store_scores(store, BEFORE, rows(ALL, benchmark))
    store_scores(store, AFTER, rows(ALL, benchmark, **{metric: False}))
    assert bool(compare_with_earlier(store, AFTER)[0].regressions) is regressed


def test_no_earlier_checkpoint_passes_and_says_so(store: PartitionStore) -> None:
    store_scores(store, AFTER, rows(NONE))
    store_scores(store, "2026-01-07", rows(ALL))  # a later one is no earlier one
    found, read = compare_with_earlier(store, AFTER)
    assert (found.earlier, found.regressions, read) == (None, [], {})
    assert "no earlier checkpoint" in str(found)


@pytest.mark.parametrize(
    ("changed", "compared"),
    [
        ({}, True),
        ({"releases": {"workspace": "r2"}}, False),
        ({"versions": {**SERVERS, "pyright": "2"}}, False),  # other servers judge otherwise
        ({"versions": {**SERVERS, "prompt": "2"}}, True),  # the prompt is the checkpoint's own
    ],
)
def test_only_equal_releases_are_compared(
    store: PartitionStore, changed: dict[str, Any], compared: bool
) -> None:
    store_scores(store, BEFORE, rows(ALL), **changed)
    store_scores(store, AFTER, rows(NONE))
    found, _ = compare_with_earlier(store, AFTER)
    assert (found.earlier == BEFORE) is compared
    assert bool(found.regressions) is compared


def test_the_latest_comparable_checkpoint_is_compared_with(store: PartitionStore) -> None:
    store_scores(store, "2026-01-03", rows(NONE))
    store_scores(store, "2026-01-04", rows(ALL))
    store_scores(store, BEFORE, rows(NONE), releases={"workspace": "r0"})
    store_scores(store, AFTER, rows(NONE))
    found, _ = compare_with_earlier(store, AFTER)
    assert found.earlier == "2026-01-04"
    assert found.regressions


def test_types_of_another_release_are_left_out_and_named(store: PartitionStore) -> None:
    for date, solved in ((BEFORE, ALL), (AFTER, NONE)):
        store_scores(store, date, rows(ALL))
        release = "r1" if date == BEFORE else "r2"
        store_scores(store, date, rows(solved, code="E722"), "E722", releases={"workspace": release})
    found, _ = compare_with_earlier(store, AFTER)
    assert not found.regressions
    assert found.left_out == ["workspace E722"]
    assert "not compared: workspace E722" in str(found)


def test_a_type_that_broke_is_seen_where_others_got_better(store: PartitionStore) -> None:
    broken, better = [True] * 12, [False] * 30
    for date in (BEFORE, AFTER):
        later = date == AFTER
        store_scores(store, date, rows([not later] * len(broken)))
        store_scores(store, date, rows([later] * len(better), code="E722"), "E722")
    found, _ = compare_with_earlier(store, AFTER)
    assert {test.group for test in found.regressions} == {"F821"}


def test_many_types_are_corrected() -> None:
    """Of 22 types some lose 5 samples by chance; one alone would be a regression."""
    cells = {("workspace", f"T{number}"): rows([True] * 10, code=f"T{number}") for number in range(22)}
    later = {
        cell: rows([cell != ("workspace", "T3") or number > 4 for number in range(10)], code=cell[1])
        for cell in cells
    }
    tests = regression_tests(cells, later)
    assert [test.group for test in tests if test.regressed] == [ALL_TYPES, ALL_TYPES]
    (by_type,) = (test for test in tests if test.group == "T3" and test.metric == "repaired")
    assert by_type.p == pytest.approx(44 / 32 if 44 / 32 < 1 else 1.0)
    alone = ("workspace", "T3")
    assert all(
        test.regressed
        for test in regression_tests({alone: cells[alone]}, {alone: later[alone]})
        if test.group == ALL_TYPES
    )


def test_samples_are_paired_and_other_systems_do_not_count(store: PartitionStore) -> None:
    store_scores(store, BEFORE, [*rows(ALL), *rows(ALL, system="base")])
    gone = [{**row, "sample_id": f"new {row['sample_id']}"} for row in rows(NONE)]
    store_scores(store, AFTER, [*rows(ALL), *gone, *rows(NONE, system="base")])
    assert not compare_with_earlier(store, AFTER)[0].regressions


def test_injected_bugs_are_tested_by_themselves_and_the_half_to_choose_on_is_not(
    store: PartitionStore,
) -> None:
    for date, solved in ((BEFORE, ALL), (AFTER, NONE)):
        chosen = rows(solved, "leetcode_injected_choose", functional=solved[0])
        store_scores(store, date, [*rows(ALL, "leetcode"), *chosen])
    assert not compare_with_earlier(store, AFTER)[0].regressions
    for date, solved in ((BEFORE, ALL), (AFTER, NONE)):
        reported = rows(solved, "leetcode_injected", functional=solved[0])
        store_scores(store, date, [*rows(ALL, "leetcode"), *reported])
    found = compare_with_earlier(store, AFTER)[0].regressions
    assert {test.benchmark for test in found} == {"leetcode_injected"}


def test_several_answers_count_once(store: PartitionStore) -> None:
    """Four answers to a sample are not four samples: 2 lost are no regression."""
    answers = [{**row, "answer_index": index} for row in rows([True] * 2) for index in range(4)]
    wrong = [{**row, "answer_index": index} for row in rows([False] * 2) for index in range(4)]
    cell = ("workspace", "F821")
    assert not any(test.regressed for test in regression_tests({cell: answers}, {cell: wrong}))


def test_scoring_code_that_changed_is_said(store: PartitionStore) -> None:
    store_scores(store, BEFORE, rows(ALL), definitions="d0")
    store_scores(store, AFTER, rows(NONE))
    assert f"evaluate {BEFORE} again" in str(compare_with_earlier(store, AFTER)[0])
