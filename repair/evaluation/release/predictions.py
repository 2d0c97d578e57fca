"""Reader of anybody's predictions: JSON Lines of `sample_id`, `answer`, and `answer_index` if it is not 0.

Tested by `tests/repair/evaluation/release/test_evaluate.py`.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from repair.errors import InputError
from repair.messages import shown

_EXPECTED = 'expected {"sample_id": "...", "answer": "..."} on each line'
_MOST_ANSWERS = 1 << 20
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a truth value",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer of the system that is scored; None or a blank one abstains."""

    sample_id: str
    answer_index: int
    answer: str | None


def read_predictions(path: Path, known: Collection[str]) -> list[Prediction]:
    """The predictions in a file, in the order of (sample_id, answer_index); other keys are ignored.

    `known`: the ids of all samples. Blank lines are skipped.

    Raises:
        InputError: a line is no prediction, is of no sample, or repeats another; it names the line.
    """
    found: dict[tuple[str, int], tuple[Prediction, int]] = {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - a mark of some editors
            if not line.strip():
                continue
            try:
                prediction = _prediction(line)
                if prediction.sample_id not in known:
                    raise InputError(f"the release has no sample {shown(prediction.sample_id)}")
            except InputError as error:
                raise InputError(f"line {number} of {path}: {error}") from error
            key = (prediction.sample_id, prediction.answer_index)
            if key in found:
                raise InputError(
                    f"line {number} of {path} answers the sample {shown(key[0])} with the answer_index"
                    f" {key[1]}, as line {found[key][1]} does: give each answer its own answer_index"
                )
            found[key] = prediction, number
    return [found[key][0] for key in sorted(found)]


def _prediction(line: bytes) -> Prediction:
    try:
        row: Any = json.loads(line)
    except UnicodeDecodeError as error:
        raise InputError(f"it is not UTF-8: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is no JSON ({error}); {_EXPECTED}") from error
    if not isinstance(row, dict):
        raise InputError(f"it is {_kind(row)}; {_EXPECTED}")
    values = cast("dict[str, Any]", row)
    for name in ("sample_id", "answer"):
        if name not in values:
            raise InputError(f"it has no {name}; {_EXPECTED}")
    sample_id, answer, index = values["sample_id"], values["answer"], values.get("answer_index", 0)
    if not isinstance(sample_id, str):
        raise InputError(f"sample_id is {_kind(sample_id)}, expected a string")
    if answer is not None and not isinstance(answer, str):
        raise InputError(f"answer is {_kind(answer)}, expected a string, or null to abstain")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < _MOST_ANSWERS:
        raise InputError(f"answer_index is {shown(index)}, expected a whole number from 0 on")
    return Prediction(sample_id, index, answer)


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
