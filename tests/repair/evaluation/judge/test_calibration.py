"""Labelled diffs match their labels; precision and recall of a scripted judge with known answers."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repair.evaluation.intervals import Share, wilson
from repair.evaluation.judge.calibration import JUDGED_DIFFS, Calibration, calibrated
from repair.evaluation.judge.labelled_diffs import LABELLED_DIFFS, labelled_diffs
from repair.evaluation.leetcode import BugInstance, PublishedBenchmark, functional, leetcode_samples
from repair.evaluation.leetcode.problem_tests import ProblemTests
from repair.language_servers import LanguageServers
from repair.line_diff.numbered import apply
from repair.schema.outcomes import outcome_batch, outcome_schema
from repair.synthesis.lm.judge import LmJudge
from repair.synthesis.lm.settings import LanguageModel
from tests.model_server import Exchange, ModelServer
from tests.published_benchmarks import ADD
from tests.repair.synthesis.support import candidate, found

CORRECT = """\
class Solution:
    def add(self, items: List[int], more: int) -> int:
        total = sum(items)
        return total + more
"""
UNDEFINED = CORRECT.replace("return total", "return totl")
UNCLOSED = CORRECT.replace("sum(items)", "sum(items")
# the fix takes code away: by the rules that is a cheat
SUPERFLUOUS = CORRECT + "\nprint(Solution().ad([1], 2))\n"


@pytest.fixture(scope="module")
def servers(contained: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServers]:
    with LanguageServers(cache=tmp_path_factory.mktemp("cache") / "results.sqlite") as servers:
        yield servers


def samples_of(servers: LanguageServers, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
    instances = tuple(BugInstance("add", "undefined objects", correct, buggy) for correct, buggy in pairs)
    rows = leetcode_samples(PublishedBenchmark(instances, {"add": ADD}), servers).to_pylist()
    assert [row["reason"] for row in rows] == [None] * len(rows), [row["detail"] for row in rows]
    return rows


def test_each_sample_gives_a_right_a_wrong_and_a_cheating_diff(servers: LanguageServers) -> None:
    samples = samples_of(servers, (CORRECT, UNDEFINED), (CORRECT, UNCLOSED))
    labelled = labelled_diffs(samples, servers, at_most=9, seed=17)
    assert labelled.schema == outcome_schema(LABELLED_DIFFS)
    rows = labelled.to_pylist()
    assert [row["label"] for row in rows] == ["right", "wrong", "cheat"] * 2
    by_id = {sample["sample_id"]: sample for sample in samples}
    assert {row["sample_id"] for row in rows} == by_id.keys()
    for row in rows:
        sample = by_id[row["sample_id"]]
        repaired = apply(sample["files"][0]["text"], row["line_diff"])
        assert functional(sample, repaired) == (row["label"] == "right"), row["line_diff"]
    assert {row["kind"] for row in rows if row["label"] == "right"} == {"oracle"}
    assert {row["kind"] for row in rows if row["label"] == "wrong"} <= {"name", "number", "operator"}
    # the draw depends on the seed and not on the order
    assert labelled_diffs(reversed(samples), servers, at_most=1, seed=17).equals(labelled.slice(0, 3))


def test_what_a_sample_can_not_give_is_rejected_with_a_reason(servers: LanguageServers) -> None:
    superfluous, undefined = samples_of(servers, (CORRECT, SUPERFLUOUS), (CORRECT, UNDEFINED))
    samples = [
        superfluous,
        {**undefined, "tests": replace(ProblemTests.from_json(undefined["tests"]), cases=[]).to_json()},
    ]
    reasons = Counter(
        (row["reason"], (row["detail"] or "").partition(":")[0])
        for row in labelled_diffs(samples, servers, at_most=9, seed=17).to_pylist()
    )
    assert reasons.pop(("right_rejected", "cheat")) == 3
    assert reasons.pop((None, "")) == 2
    [(reason, detail)] = reasons
    assert reason == "no_wrong_fix" and re.match(
        "the servers accept 3 of .* changed fixes, the tests refuse none", detail
    )


def test_a_diagnostic_that_nothing_silences_has_no_cheat(servers: LanguageServers) -> None:
    [sample] = samples_of(servers, (CORRECT, UNDEFINED))

    # servers that are deceived by nothing: what is not the fix or a changed fix still has the error
    class Stern:
        def check_many(self, requests: Any) -> Iterator[Any]:
            for request in list(requests):
                [result] = servers.check_many([request])
                is_fix = "total" in request.files["main.py"].splitlines()[-1]
                yield result if is_fix else replace(result, diagnostics=before)

    [before] = (result.diagnostics for result in servers.check_many([_request(sample)]))
    rows = labelled_diffs([sample], Stern(), at_most=1, seed=17).to_pylist()
    assert [row["reason"] for row in rows] == [None, None, "no_cheat"]


def _request(sample: dict[str, Any]) -> Any:
    from repair.language_servers import Request

    return Request({file["path"]: file["text"] for file in sample["files"]})


def judged_by_marker(tmp_path: Path, plan: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Judge diffs with the planned labels and answers."""
    rows: list[dict[str, Any]] = []
    for number, (label, answer) in enumerate(plan):
        row = candidate({"main.py": f"x = {number}\n"}, found("main.py", 0, "answer"), [], number=number)
        known = {"sample_id": str(number), "label": label, "kind": "scripted", "code": "ruff[F821]"}
        rows.append({**row, **known, "line_diff": f"-1 x = {number}\n+1 x = '{answer}'"})

    def script(exchange: Exchange) -> None:
        answer = re.findall(r"^\+1 x = '(\w+)'$", exchange.prompt, re.MULTILINE)[0]
        if answer == "error":
            exchange.error(400, "no")
        else:
            exchange.answer(f"<verdict>\n{answer}: as scripted.\n</verdict>" if answer != "prose" else "Hm.")

    with ModelServer(script) as server:
        model = LanguageModel(model="openai/scripted", base_url=server.base_url)
        with LmJudge(model, tmp_path / "answers.sqlite") as judge:
            [batch] = calibrated([outcome_batch(rows, LABELLED_DIFFS)], judge)
    assert batch.schema == outcome_schema(JUDGED_DIFFS)
    return batch.to_pylist()


def test_a_judge_of_known_answers_has_its_known_precision_and_recall(tmp_path: Path) -> None:
    plan = [
        *[("right", "keep")] * 6,
        *[("right", "drop")] * 2,
        *[("right", "error"), ("right", "prose")],
        *[("wrong", "keep")] * 2,
        *[("wrong", "drop")] * 3,
        *[("cheat", "drop")] * 4,
        *[("cheat", "prose")],
    ]
    rows = judged_by_marker(tmp_path, plan)
    assert [row["label"] for row in rows] == [label for label, _ in plan]
    assert {row["judge"] for row in rows} == {rows[0]["judge"]}
    answer = {"keep": "kept", "drop": "dropped", "error": "failed", "prose": "failed"}
    assert [row["answer"] for row in rows] == [answer[planned] for _, planned in plan]
    assert rows[0]["judge_reason"] == "as scripted." and "expected keep or drop" in rows[9]["judge_reason"]

    found = Calibration.of(rows)
    assert (found.precision, found.recall) == (Share(6, 8), Share(6, 10))
    assert (found.kept("wrong"), found.kept("cheat")) == (Share(2, 5), Share(0, 5))
    low, high = wilson(6, 8)
    assert found.figures()["precision"] == {"value": 0.75, "interval": (low, high)}
    assert found.markdown() == (
        "| label | kept | dropped | failed | share kept (95 % interval) |\n"
        "|---|---|---|---|---|\n"
        "| right | 6 | 2 | 2 | 60.0% (6 of 10; 31.3% to 83.2%) |\n"
        "| wrong | 2 | 3 | 0 | 40.0% (2 of 5; 11.8% to 76.9%) |\n"
        "| cheat | 0 | 4 | 1 | 0.0% (0 of 5; 0.0% to 43.4%) |\n"
        "\n"
        "Precision 75.0% (6 of 8; 40.9% to 92.9%), recall 60.0% (6 of 10; 31.3% to 83.2%)."
    )


def test_of_nothing_nothing_is_known(tmp_path: Path) -> None:
    found = Calibration.of(judged_by_marker(tmp_path, []))
    assert (found.precision, found.recall) == (None, None)
    assert found.figures()["recall"] == {"value": None, "interval": None}
    assert "Precision unknown (0 of 0), recall unknown (0 of 0)." in found.markdown()
