"""Verified answers come with signals and tests; a killed run goes on; equal repairs count once."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from repair.evaluation.verified_answers import (
    Row,
    describe,
    judged_repairs,
    latest,
    pooled,
    precisions,
    with_rules,
)
from tests.repair.synthesis.support import FunctionServers, found, marked

TEXT = "a = error:x\nb = 1\n"
RIGHT, DRIFTING, WRONG = (
    "-1 a = error:x\n+1 a = 1",
    "-1 a = error:x\n-2 b = 1\n+1 a = 1\n+2 b = 2",
    "+1 nothing",
)
BENCHMARK = "leetcode_injected"


def sample(key: str) -> dict[str, Any]:
    target = found("main.py", 0, "found x", code="marker[x]")
    return {
        **{"sample_id": key, "benchmark": BENCHMARK, "code": target.code, "path": "main.py"},
        "tests": "of a problem",
        "files": [{"path": "main.py", "text": TEXT}],
        "diagnostic": target.as_row(),
        "before": [target.as_row()],
    }


def answered(*line_diffs: str) -> dict[str, Any]:
    return {"answers": [f"{line_diff}\n</diff>" for line_diff in line_diffs]}


class ProblemTests:
    """The tests of a problem, which a text passes that has `b = 1`; counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, pairs: Iterable[tuple[str, str]]) -> Iterator[bool]:
        for _, text in pairs:
            self.asked += 1
            yield "b = 1" in text


def test_what_verifies_is_described_in_the_order_of_the_answers(tmp_path: Path) -> None:
    out, tests = tmp_path / "repairs.jsonl", ProblemTests()
    answers = {"a": answered(DRIFTING, WRONG, RIGHT, RIGHT, DRIFTING), "b": answered(WRONG, "no diff")}
    answers["a"]["log_probabilities"] = {answers["a"]["answers"][2]: -1.5}
    describe([sample("a"), sample("b"), sample("c")], answers, "s", FunctionServers(marked), out, tests)
    second, first = latest(out)  # the fewest answers come first
    assert (first["system"], first["sample_id"], first["benchmark"], first["k"]) == ("s", "a", BENCHMARK, 5)
    [likeliest, other] = first["repairs"]
    assert (likeliest["order"], likeliest["right"], other["order"], other["right"]) == (0, False, 2, True)
    assert (likeliest["signals"]["needless"], likeliest["signals"]["log_probability"]) == (1, None)
    assert other["signals"] == {
        **{"needless": 0, "code_as_text": False, "spans": 1, "later": True, "log_probability": -1.5},
        "missing_name": False,
    }
    assert second["repairs"] == []
    assert tests.asked == 2


def test_a_run_goes_on_after_the_last_whole_line(tmp_path: Path) -> None:
    out, tests = tmp_path / "repairs.jsonl", ProblemTests()
    samples, answers = [sample("a"), sample("b")], {"a": answered(RIGHT), "b": answered(RIGHT)}
    describe(samples, answers, "s", FunctionServers(marked), out, tests)
    whole = out.read_bytes()
    out.write_bytes(whole[:-7])  # the run was killed in the middle of a row
    again = ProblemTests()
    describe(samples, answers, "s", FunctionServers(marked), out, again)
    assert (out.read_bytes(), again.asked) == (whole, 1)
    describe(samples, {"a": answered(RIGHT, WRONG)}, "s", FunctionServers(marked), out, again)
    assert [(row["sample_id"], row["k"]) for row in latest(out)] == [("a", 2), ("b", 1)]


def test_equal_greedy_repairs_of_a_sample_count_once(tmp_path: Path) -> None:
    out = tmp_path / "repairs.jsonl"
    for system, diffs in (("s", (RIGHT, DRIFTING)), ("t", (RIGHT,)), ("u", (DRIFTING,))):
        describe([sample("a")], {"a": answered(*diffs)}, system, FunctionServers(marked), out, ProblemTests())
    rows = latest(out)
    assert len(judged_repairs(rows)) == 4
    assert sorted(one.right for one in pooled(rows)) == [False, True]
    assert len({one.sample_id for one in pooled(rows)}) == 2
    assert precisions(rows, {BENCHMARK: "injected", "leetcode": "published"}) == {
        "s": {"injected": "100.0 [20.7, 100.0], n=1"},
        "t": {"injected": "100.0 [20.7, 100.0], n=1"},
        "u": {"injected": "0.0 [0.0, 79.3], n=1"},
    }
    assert all(json.loads(line) for line in out.read_text().splitlines())


def test_an_answer_of_the_rules_stands_between_the_first_and_the_others() -> None:
    def row(*orders: int, by: str) -> dict[str, Any]:
        return {"sample_id": "a", "repairs": [{"order": order, "by": by} for order in orders]}

    def order(found: Row) -> list[tuple[str, int]]:
        return [(repair["by"], repair["order"]) for repair in found["repairs"]]

    rules = row(0, by="rules")
    assert order(with_rules(row(0, 1, 4, by="m"), rules)) == [("m", 0), ("rules", 1), ("m", 2), ("m", 5)]
    assert order(with_rules(row(1, by="m"), rules)) == [("rules", 1), ("m", 2)]
    assert order(with_rules(row(by="m"), rules)) == [("rules", 1)]
    assert order(with_rules(row(0, by="m"), None)) == [("m", 0)]
