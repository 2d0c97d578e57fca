"""Scoring of answers, with edits in several files."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from repair.evaluation.scoring import scores
from repair.evaluation.teachers import CountedServers
from tests.repair.synthesis.support import FunctionServers, found, marked

FILES = {"main.py": "a = 1\nb = error:name\n", "helper.py": "x = 1\n", "other.py": "y = 1\n"}
TARGET = found("main.py", 1, "found name", code="marker[name]")
OWN, HELPER = "-2 b = error:name\n+2 b = name", "#helper.py\n-1 x = 1\n+1 x = 2"


def as_files(files: dict[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "text": text} for path, text in files.items()]


def sample(**columns: Any) -> dict[str, Any]:
    return {
        **{"sample_id": "s", "benchmark": "workspace", "code": "marker[name]", "path": "main.py"},
        **{"files": as_files(FILES), "diagnostic": TARGET.as_row(), "tests": None},
        "before": [diagnostic.as_row() for diagnostic in marked(FILES)],
        "target": "a = 1\nb = name\n",
        **columns,
    }


BOTH, ALONE = sample(target_files=as_files({"helper.py": "x = 2\n"})), sample(target_files=[])

SCORED = [
    (BOTH, f"{OWN}\n{HELPER}", "repaired", True),
    (BOTH, OWN, "repaired", False),  # it repairs, and is not what the reference does
    (BOTH, f"{OWN}\n{HELPER.replace('x = 2', 'x  =  2')}", "repaired", True),
    (BOTH, f"{OWN}\n#helper.py\n-1 x = 1\n+1 x = 3", "repaired", False),
    (ALONE, OWN, "repaired", True),
    (ALONE, f"{OWN}\n{HELPER}", "repaired", False),
    (ALONE, f"{OWN}\n#new.py\n+1 x", "unknown_file", False),
    (sample(), OWN, "repaired", True),  # frozen before there were such columns
    # what changes nothing is right by no metric, though the reference edits a comment alone
    (sample(target=FILES["main.py"] + "# a comment\n"), "-1 a = 1\n+1 a = 1", "no_change", False),
    (sample(target=FILES["main.py"] + "# a comment\n"), "", "no_change", False),
]


def prediction(answer: str, **columns: Any) -> dict[str, Any]:
    row = {"sample_id": "s", "benchmark": "workspace", "system": "model", "answer_index": 0}
    return {**row, "answer": answer, "output_tokens": 7, "seconds": 0.5, **columns}


def scored(samples: list[dict[str, Any]], predictions: list[dict[str, Any]], **options: Any) -> list[Any]:
    batches = scores(samples, predictions, options.pop("servers", FunctionServers(marked)), **options)
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize(("frozen", "answer", "outcome", "matches"), SCORED)
def test_score(frozen: dict[str, Any], answer: str, outcome: str, matches: bool) -> None:
    [row] = scored([frozen], [prediction(f"{answer}\n</diff>")])
    assert (row["outcome"], row["ast_match"], row["ast_or_string_match"]) == (outcome, matches, matches)
    assert (row["output_tokens"], row["seconds"]) == (7, 0.5)


def test_answers_are_read_in_the_format_that_they_are_in() -> None:
    answer = "<<<<<<< SEARCH\nb = error:name\n=======\nb = name\n>>>>>>> REPLACE\n</diff>"
    rows = [prediction(answer), prediction(answer.replace("error", "err")), prediction(f"{OWN}\n</diff>")]
    found = scored([sample(target_files=[])], rows, answers_are="search_replace")
    assert [row["outcome"] for row in found] == ["repaired", "content_mismatch", "malformed"]
    assert [row["ast_match"] for row in found] == [True, False, False]


def test_every_answer_has_a_row_in_order_and_equal_ones_are_examined_once() -> None:
    right, wrong = f"{OWN}\n</diff>", "</diff>"
    rows = [
        prediction(answer, system=system, answer_index=index, sample_id=name)
        for system in ("model", "other")
        for name in ("s", "t")
        for index, answer in enumerate([right, wrong, right, "", "gibberish"])
    ]
    servers = CountedServers(FunctionServers(marked))
    found = scored([ALONE, sample(sample_id="t", target_files=[])], rows, servers=servers)
    assert [(row["system"], row["sample_id"], row["answer_index"], row["answer"]) for row in found] == [
        (row["system"], row["sample_id"], row["answer_index"], row["answer"]) for row in rows
    ]
    outcomes = ["repaired", "no_change", "repaired", "no_diff", "no_diff"]
    assert [row["outcome"] for row in found] == outcomes * 4
    alone = CountedServers(FunctionServers(marked))
    scored([ALONE], [prediction(right)], servers=alone)
    assert servers.checks == 2 * alone.checks  # of two samples, though ten answers repair each


def test_answers_to_other_samples_are_left_to_their_own_partition() -> None:
    others = [prediction("</diff>", sample_id="other"), prediction("</diff>", benchmark="leetcode")]
    assert [row["sample_id"] for row in scored([ALONE], [*others, prediction("</diff>")])] == ["s"]


def test_tests_run_on_what_the_answers_made_of_the_file() -> None:
    asked: list[tuple[str, str]] = []

    def functional(pairs: Iterable[tuple[str, str]]) -> Iterator[bool]:
        for tests, text in pairs:
            asked.append((tests, text))
            yield "b = name" in text

    tested, wrong = sample(target_files=[], tests="tests"), "-2 b = error:name\n+2 b = other\n</diff>"
    answers = [f"{OWN}\n</diff>", wrong, "", f"{OWN}\n</diff>"]
    rows = [prediction(answer, answer_index=index) for index, answer in enumerate(answers)]
    found = scored([tested], rows, functional=functional)
    assert [row["functional"] for row in found] == [True, False, False, True]
    assert asked == [("tests", "a = 1\nb = name\n"), ("tests", "a = 1\nb = other\n")]


def test_an_error_that_no_step_foresaw_is_that_answers_own() -> None:
    broken = sample(sample_id="broken", diagnostic={**TARGET.as_row(), "start_line": "one"}, target_files=[])
    rows = [prediction(f"{OWN}\n</diff>", sample_id=name) for name in ("broken", "s")]
    assert [row["outcome"] for row in scored([broken, ALONE], rows)] == ["unexpected", "repaired"]
