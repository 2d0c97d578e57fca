"""A model whose answers are written down, and tells what it was asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from repair.fixing.fixer import FixModels
from repair.models.model import Completion, FinishReason
from repair.prompt.rows import prompt_of
from repair.text.files import text_of
from repair.verification.confidence import FEATURES, Calibration

Script = Callable[[str, Mapping[str, Any], int], str | FinishReason]
"""The text of the file, the diagnostic, the answer's number from 0 -> the diff; or why there is none."""


DOUBTS = Calibration(
    intercept=3.0,
    weights=dict.fromkeys(FEATURES, 0.0) | {"needless": -2.5, "later": -1.0},
    threshold=0.8,
    types=("a", "b", "x", "reportUndefinedVariable"),
)
"""Withholds a fix with a needless change."""


class ScriptedModel:
    name = "scripted"

    def __init__(self, script: Script, first: int = 0) -> None:
        self.asked: list[list[tuple[str, int]]] = []
        """Of each call the codes of its samples, with the number of answers."""
        self._script, self._first = script, first

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return prompt_of(sample)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        self.asked.append([(sample["diagnostic"]["code"], k) for sample in samples])
        for sample in samples:
            yield [self._completion(sample, self._first + number) for number in range(k)]

    def _completion(self, sample: Mapping[str, Any], number: int) -> Completion:
        answer = self._script(text_of(sample), sample["diagnostic"], number)
        if isinstance(answer, FinishReason):
            return Completion("", answer)
        return Completion(f"{answer}\n</diff>" if answer else "</diff>", FinishReason.CLOSED)


def scripted(script: Script) -> tuple[FixModels, ScriptedModel, ScriptedModel]:
    """The pair of models, whose sampled answers count from 1."""
    greedy, sampled = ScriptedModel(script), ScriptedModel(script, first=1)
    return FixModels("scripted", greedy, sampled), greedy, sampled
