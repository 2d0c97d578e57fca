"""Rejection sampling in the scaling study: what is kept of a model's own answers is what it is trained on."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_assets.scaling import RESULTS, scaling_results
from partitions.keys import Key
from repair.dataset.mixture import MIXTURE
from repair.evaluation.leetcode.problem_tests import ProblemTests
from repair.evaluation.model_confidence import K
from repair.line_diff.numbered import diff
from repair.models.made_by import write_made_by
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.sentinels import render_response
from repair.schema.stages import REPAIR_EXAMPLES
from repair.training.scaling import nested_subset
from repair.verification.confidence import MEASURED
from resources.trainer import TrainerResource
from tests.eval_assets.test_scaling import store_benchmark, write
from tests.graph import DAY, House, failure, misspelt, reused
from tests.repair.evaluation.test_predictions import sample

SIZE = 300
POINT = Key(recipe="smollm2-135m-self-taught", size=str(SIZE))
ASKED = ("leetcode", "leetcode_injected", *["leetcode_injected_choose"] * MEASURED)
PROBLEM = ProblemTests("Solution", "area", ["value"]).to_json()
PROBLEMS = [str(number) for number, name in enumerate(ASKED) if name == "leetcode_injected_choose"]
FIRST = 1000
"""The number of the first example: the samples of the benchmark count from 0."""
EXAMPLES = [str(FIRST + number) for number in range(2 * SIZE)]
ORDER = nested_subset(EXAMPLES, len(EXAMPLES), 17)
LEARNED, QUESTIONS = ORDER[:SIZE], ORDER[SIZE:]
RIGHT, LATER, ANOTHER_WAY = QUESTIONS[:3]
"""The questions that the model repairs: at once, by its second answer, and not as the user did."""


class Scripted(TrainerResource):
    """Trains nothing and keeps what it was given; answers what is written here."""

    knows_problems: bool = True
    """Whether it repairs those that it is calibrated on."""

    def train(self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]) -> Any:
        rows, out = pq.read_table(extras["mixture_uri"]), Path(extras["output_dir"])
        pq.write_table(rows, Path(self.answers, f"trained-{len(rows)}.parquet"))
        out.mkdir()
        (out / "adapter_model.safetensors").write_bytes(str(len(rows)).encode())
        result = {"parameters": 7, "samples": len(rows), "tokens": 10 * len(rows), "epochs": 1}
        write_made_by(out, {"result": result})

    def decode(
        self,
        context: dg.AssetExecutionContext,
        prompts: Sequence[str],
        k: int,
        *,
        sampling: Sampling,
        **weights: Any,
    ) -> list[list[Completion]]:
        with Path(self.answers, "decoded").open("a") as log:
            log.write(f"{len(prompts)} {k} {sampling.search}\n")
        return [[self._answer(prompt, number) for number in range(k)] for prompt in prompts]

    def _answer(self, prompt: str, number: int) -> Completion:
        [asked] = set(re.findall(r"def area_(\d+)", prompt))
        broken, repaired, _ = misspelt(int(asked))
        if asked == ANOTHER_WAY:
            repaired = repaired.replace(f"return width_{asked} *", f"return 1 * width_{asked} *")
        known = {
            RIGHT: 0,
            LATER: 1,
            ANOTHER_WAY: 0,
            **dict.fromkeys(PROBLEMS if self.knows_problems else (), 0),
        }
        text = "</diff>"
        if known.get(asked) == number:
            text = render_response(diff(broken, repaired))
        elif asked in known:
            text = render_response(diff(broken, broken.replace(f"widht_{asked}", f"wdth_{asked}")))
        return Completion(text, FinishReason.CLOSED, 100, 30, 1.0, -0.5)


def store_mixture(house: House, inputs: Mapping[str, str]) -> None:
    """A mixture of a day's examples, and the day with the workspaces of those that are repaired."""
    rows: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    for name in EXAMPLES:
        broken, repaired, shown = misspelt(int(name))
        shown = {**shown, "path": "main.py"}
        files = [{"path": "main.py", "text": broken}]
        known = {"diagnostic": shown, "before": [shown], "files": files, "path": "main.py"}
        if name in (RIGHT, LATER, ANOTHER_WAY):
            known = {column: sample(int(name))[column] for column in known}
        response = render_response(diff(broken, repaired))
        examples.append(dict.fromkeys(REPAIR_EXAMPLES.names) | {"example_id": name, **known})
        about = {"message": shown["message"], "error_line": shown["start_line"] + 1, "code": shown["code"]}
        text = {"date": DAY, "text_sha256": hashlib.sha256(broken.encode()).hexdigest()}
        own = {
            "example_id": name,
            "project_id": "p",
            "split": "train",
            "path": "main.py",
            "response": response,
        }
        rows.append(dict.fromkeys(MIXTURE.names) | own | about | text)
    write(house, "daily_examples", Key(DAY), pa.Table.from_pylist(examples, REPAIR_EXAMPLES))
    day = {f"daily_examples[{DAY}]": house.manifest("daily_examples", Key(DAY)).data_version}
    made_of = {"inputs": {**inputs, **day}, "extra": {"dates": [DAY]}}
    write(house, "training_mixture", Key(DAY), pa.Table.from_pylist(rows, MIXTURE), **made_of)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    answers = tmp_path / "decoded"
    answers.mkdir()
    house.resources["trainer"] = Scripted(answers=str(answers), states=str(tmp_path / "states"))
    store_mixture(house, store_benchmark(house, ASKED, PROBLEM))
    return house


def run(house: House, *, ok: bool = True) -> dg.ExecuteInProcessResult:
    return house.run([scaling_results], POINT, raise_on_error=ok)


def learned(house: House, count: int) -> dict[str, str]:
    """Example -> response, of a training on so many."""
    rows = pq.read_table(house.folder / "decoded" / f"trained-{count}.parquet").to_pylist()
    assert len(rows) == count
    return {row["example_id"]: row["response"] for row in rows}


def test_it_is_trained_again_on_its_examples_and_on_its_own_kept_answers(house: House) -> None:
    assert reused(run(house)) == {RESULTS: False}
    first, both = learned(house, SIZE), learned(house, SIZE + 3)
    assert first.keys() == set(LEARNED)
    assert both.keys() == {*LEARNED, RIGHT, LATER, ANOTHER_WAY}
    assert first.items() <= both.items(), "their answers are the users'"
    broken, repaired, _ = misspelt(int(LATER))
    assert both[LATER] == render_response(diff(broken, repaired))
    assert f"+2     return 1 * width_{ANOTHER_WAY} * " in both[ANOTHER_WAY], "the answer is its own"
    training = house.manifest(RESULTS, POINT).extra["training"]
    counts = [training[name] for name in ("samples", "asked", "kept", "as_the_user")]
    assert counts == [SIZE + 3, SIZE, 3, 2]
    assert training["rejects"] == {"unrepaired": SIZE - 3}
    assert training["calibration"]["verified"] == MEASURED
    rows = house.rows(RESULTS, POINT)
    assert [(row["benchmark"], row["examples"], row["repaired"]) for row in rows] == [
        ("leetcode", SIZE + 3, False),
        ("leetcode_injected", SIZE + 3, False),
    ]
    assert not list((house.folder / "states").iterdir()), "weights are not kept"


def test_all_answers_are_decoded_at_the_first_question_and_are_logged_for_the_second(house: House) -> None:
    run(house)
    decoded = [line.split() for line in (house.folder / "decoded" / "decoded").read_text().splitlines()]
    searched = [(int(prompts), int(k)) for prompts, k, search in decoded if search == "True"]
    assert {k for _, k in searched} == {K}
    assert searched[:2] == [(MEASURED, K), (0, K)], "nothing speaks against the answers to the problems"
    assert sum(prompts for prompts, _ in searched[2:]) == SIZE + SIZE - 2


def test_a_model_that_is_never_sure_is_not_trained_again(house: House) -> None:
    """Too few problems for its confidence in repairs of an undefined name to be known."""
    store_mixture(house, store_benchmark(house, ASKED[:-1], PROBLEM))
    run(house)
    assert len(list((house.folder / "decoded").glob("trained-*"))) == 1
    training = house.manifest(RESULTS, POINT).extra["training"]
    assert [training[name] for name in ("samples", "kept")] == [SIZE, 0]
    assert training["rejects"] == {"unmeasured": SIZE}
    assert not list((house.folder / "states").iterdir())


def test_a_model_whose_confidence_can_not_be_calibrated_teaches_nothing(house: House) -> None:
    trainer: Scripted = house.resources["trainer"]
    house.resources["trainer"] = Scripted(**{**trainer.model_dump(), "knows_problems": False})
    said = failure(run(house, ok=False), RESULTS)
    assert "no answer of its model to the problems for choosing verifies" in said
    assert house.store.manifest(RESULTS, POINT.segments()) is None


def test_questions_of_other_days_than_the_mixture_was_made_of_are_refused(house: House) -> None:
    examples = house.store.table("daily_examples", {"date": DAY}).slice(1)
    write(house, "daily_examples", Key(DAY), examples)
    assert f"was made of another daily_examples[{DAY}] than is stored" in failure(
        run(house, ok=False), RESULTS
    )
