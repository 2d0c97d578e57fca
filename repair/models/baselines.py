"""Baselines that cost nothing: no change (the floor), and the reference fix itself (the ceiling).

Tested by `tests/repair/evaluation/test_predictions.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.line_diff.numbered import CLOSING
from repair.models.model import Completion, FinishReason
from repair.prompt.rows import prompt_of


@dataclass(frozen=True, slots=True)
class Baseline:
    """Answers from the sample itself, always the same."""

    name: str
    text: Callable[[Mapping[str, Any]], str]

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return prompt_of(sample)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        for sample in samples:
            yield [Completion(self.text(sample), FinishReason.ENDED)] * k


EMPTY = Baseline("empty", lambda sample: CLOSING)
HISTORY = Baseline("history", lambda sample: sample["reference"])
"""The fix that a benchmark sample came with."""
