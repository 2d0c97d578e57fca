"""A model is asked as `repair fix` asks it, and its confidence fitted to what passes the tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from repair.evaluation.benchmark import INJECTED, INJECTED_CHOOSE
from repair.evaluation.model_confidence import K, ModelCalibration, reliability, reliability_table
from repair.models.model import Completion, FinishReason
from repair.prompt.sentinels import PromptError
from tests.repair.synthesis.support import FunctionServers, found, marked

TEXT = "a = error:x\nb = 1\n"
RIGHT, DRIFTING, WRONG = (
    "-1 a = error:x\n+1 a = 1",
    "-1 a = error:x\n-2 b = 1\n+1 a = 1\n+2 b = 2",
    "+1 nothing",
)


class Written:
    """A model whose answers are written down, likeliest first; counts what it is asked."""

    def __init__(self, name: str, answers: Mapping[str, Sequence[str]]) -> None:
        self.name, self.answers = name, answers
        self.asked: list[tuple[str, int]] = []

    def prompt(self, sample: Mapping[str, Any]) -> str:
        if sample["sample_id"] == "sentinels":
            raise PromptError("its text has a sentinel")
        return sample["sample_id"]

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        for sample in samples:
            self.asked.append((sample["sample_id"], k))
            known = [*self.answers.get(sample["sample_id"], ()), *[WRONG] * k][:k]
            yield [
                Completion(f"{diff}\n</diff>", FinishReason.CLOSED, log_probability=-0.5 - number)
                for number, diff in enumerate(known)
            ]


def sample(key: str, benchmark: str = INJECTED_CHOOSE) -> dict[str, Any]:
    target = found("main.py", 0, "found x", code="marker[x]")
    return {
        **{"sample_id": key, "benchmark": benchmark, "code": target.code, "path": "main.py"},
        "tests": "of a problem",
        "files": [{"path": "main.py", "text": TEXT}],
        "diagnostic": target.as_row(),
        "before": [target.as_row()],
    }


def judged_by_text(pairs: Iterable[tuple[str, str]]) -> Iterator[bool]:
    return ("b = 1" in text for _, text in pairs)


def calibration_of(model: Written, rules: Written, *keys: str) -> ModelCalibration:
    samples = [*map(sample, keys), sample("reported", INJECTED)]
    return ModelCalibration.of(samples, model, rules, FunctionServers(marked), judged_by_text)


def test_more_answers_are_asked_for_where_something_speaks_against_the_first() -> None:
    model = Written("model", {"plain": [RIGHT], "doubtful": [DRIFTING, RIGHT], "later": [WRONG, RIGHT]})
    rules = Written("rules", {"later": [RIGHT]})
    calibrated = calibration_of(model, rules, "plain", "doubtful", "later", "none")
    assert model.asked[:4] == [(key, 1) for key in ("plain", "doubtful", "later", "none")]
    assert model.asked[4:] == [(key, K) for key in ("doubtful", "later", "none")]
    assert {key for key, _ in rules.asked} == {"plain", "doubtful", "later", "none"}
    told = {
        (row["system"], row["sample_id"]): [(one["order"], one["right"]) for one in row["repairs"]]
        for row in calibrated.rows()
    }
    assert told == {
        ("model", "plain"): [(0, True)],
        ("model", "doubtful"): [(0, False), (1, True)],
        ("model", "later"): [(1, True)],
        ("model", "none"): [],
        **{
            ("rules", key): [(0, True)] if key == "later" else []
            for key in ("plain", "doubtful", "later", "none")
        },
    }
    assert {row["answers"] for row in calibrated.rows() if row["sample_id"] == "plain"} == {1}


def test_the_threshold_is_chosen_on_what_is_tried_and_the_rules_are_part_of_it() -> None:
    model = Written("model", {"later": [WRONG, RIGHT]})
    alone = calibration_of(model, Written("rules", {}), "later").calibration
    beside = calibration_of(model, Written("rules", {"later": [RIGHT]}), "later").calibration
    assert alone and beside
    assert (alone.intercept, alone.weights) == (beside.intercept, beside.weights), "fitted to the model's"
    shown = [found.chosen_on["verified"] for found in (alone, beside)]
    assert shown == [1, 1]
    assert calibration_of(model, Written("rules", {"other": [RIGHT]}), "later", "other").calibration != alone


def test_a_model_of_which_nothing_verifies_has_no_calibration_and_its_rows_no_confidence() -> None:
    calibrated = calibration_of(Written("model", {}), Written("rules", {"a": [RIGHT]}), "a")
    assert calibrated.calibration is None
    [of_rules] = [row for row in calibrated.rows() if row["system"] == "rules"]
    assert of_rules["repairs"][0]["confidence"] is None


def test_a_sample_that_cannot_be_written_as_a_prompt_has_no_answers_and_is_not_asked_about() -> None:
    model, rules = Written("model", {"later": [WRONG, RIGHT]}), Written("rules", {})
    rows = calibration_of(model, rules, "sentinels", "later").rows()
    assert model.asked == [("later", 1), ("later", K)] and rules.asked == [("later", 1)]
    told = {(row["system"], row["sample_id"]): (row["answers"], len(row["repairs"])) for row in rows}
    none, one, unrepaired = (0, 0), (K, 1), (1, 0)
    assert told == {
        ("model", "sentinels"): none,
        ("model", "later"): one,
        ("rules", "sentinels"): none,
        ("rules", "later"): unrepaired,
    }


def test_reliability_counts_every_repair_once_by_its_range() -> None:
    values = [0.0, 0.49, 0.5, 0.8, 0.85, 0.9, 1.0]
    rows = reliability([{"confidence": value, "right": value > 0.6} for value in values])
    assert [(row["low"], row["repairs"], row["right"]) for row in rows] == [
        (0.0, 2, 0),
        (0.5, 1, 0),
        (0.8, 2, 2),
        (0.9, 2, 2),
    ]
    assert "| 0.9 to 1.0 | 2 | 0.95 | 100.0 [34.2, 100.0] |" in reliability_table(rows)
    assert reliability([]) == []
