"""Rows of predictions: one for each sample, model and answer, whatever a model makes of the sample."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from repair.evaluation.benchmark import BENCHMARK_SAMPLES, PREDICTIONS
from repair.evaluation.predictions import predict
from repair.models.baselines import EMPTY, HISTORY
from repair.models.model import Completion, FinishReason, Model
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PROMPT_VERSION
from repair.synthesis.rules.model import RulesModel
from tests.graph import LANGUAGE_SERVERS, misspelt


def sample(number: int, **columns: Any) -> dict[str, Any]:
    """The misspelt name `number`, as the servers report it."""
    broken, repaired, _ = misspelt(number)
    before = LANGUAGE_SERVERS.servers().check_workspace({"main.py": broken})
    (diagnostic,) = (found for found in before if found.code == "ruff[F821]")
    return dict.fromkeys(BENCHMARK_SAMPLES.names) | {
        "sample_id": str(number),
        "benchmark": "workspace",
        "project_id": "p",
        "code": diagnostic.code,
        "path": "main.py",
        "target": repaired,
        "reference": f"-2 {broken.splitlines()[1]}\n+2 {repaired.splitlines()[1]}\n</diff>",
        "files": [{"path": "main.py", "text": broken}],
        "diagnostic": diagnostic.as_row(),
        "before": [found.as_row() for found in before],
        **columns,
    }


class Numbered:
    """Counts its answers; so many were asked for at once."""

    name = "numbered"

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return prompt_of(sample)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        for sample in samples:
            yield [Completion(f"{sample['sample_id']}.{n}", FinishReason.CUT, 10, n, n / 2) for n in range(k)]


def rows_of(samples: Sequence[Mapping[str, Any]], model: Model, k: int = 1) -> list[dict[str, Any]]:
    batches = list(predict(samples, model, k=k))
    assert all(batch.schema == PREDICTIONS for batch in batches)
    return pa.Table.from_batches(batches, PREDICTIONS).to_pylist()


def test_each_answer_is_a_row_in_the_order_of_the_samples() -> None:
    samples = [sample(1), sample(2, benchmark="leetcode")]
    rows = rows_of(samples, Numbered(), k=2)
    known = {"system": "numbered", "prompt_version": PROMPT_VERSION, "finish_reason": "cut"}
    assert rows == [
        {
            **known,
            "sample_id": of["sample_id"],
            "benchmark": of["benchmark"],
            "answer_index": index,
            "prompt": prompt_of(of),
            "answer": f"{of['sample_id']}.{index}",
            "input_tokens": 10,
            "output_tokens": index,
            "seconds": index / 2,
        }
        for of in samples
        for index in range(2)
    ]


def test_many_samples_are_many_batches() -> None:
    one = sample(1)
    samples = [{**one, "sample_id": str(number)} for number in range(600)]
    assert len(list(predict(samples, Numbered()))) > 1
    assert [row["sample_id"] for row in rows_of(samples, Numbered())] == [str(n) for n in range(600)]


@pytest.mark.parametrize("wrong", [{"path": "a\nb.py"}, {"files": []}, {"path": "absent.py"}])
def test_a_sample_that_is_no_prompt_is_unanswered_and_its_neighbours_go_on(wrong: dict[str, Any]) -> None:
    if "\n" in wrong.get("path", ""):
        wrong = {**wrong, "files": [{"path": wrong["path"], "text": "x\n"}]}
    rows = rows_of([sample(1), sample(2, **wrong), sample(3)], Numbered(), k=2)
    assert [(row["answer"], row["finish_reason"]) for row in rows] == [
        *(("1.0", "cut"), ("1.1", "cut")),
        *(("", "unanswered"), ("", "unanswered")),
        *(("3.0", "cut"), ("3.1", "cut")),
    ]
    assert [row["prompt"] is None for row in rows] == [False, False, True, True, False, False]


def test_no_samples_have_no_rows() -> None:
    assert list(predict([], Numbered())) == []


@pytest.mark.parametrize("model", [HISTORY, EMPTY])
def test_a_free_baseline_repeats_itself(model: Model) -> None:
    one = sample(1)
    rows = rows_of([one], model, k=3)
    expected = one["reference"] if model.name == "history" else "</diff>"
    assert [(row["answer"], row["finish_reason"]) for row in rows] == [(expected, "ended")] * 3
    assert {(row["output_tokens"], row["seconds"]) for row in rows} == {(None, None)}


def test_the_rules_answer_what_they_know_and_say_where_they_know_nothing() -> None:
    known, strange = sample(1), sample(2)
    strange["diagnostic"] = {**strange["diagnostic"], "code": "ruff[B999]", "message": "nobody knows"}
    rows = rows_of([strange, known], RulesModel(LANGUAGE_SERVERS.servers()), k=2)
    assert [row["finish_reason"] for row in rows] == ["unanswered"] * 2 + ["ended"] * 2
    assert [row["answer"] for row in rows] == ["", "", known["reference"], known["reference"]]
