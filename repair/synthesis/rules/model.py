"""The rule-based teacher as a model: what it proposes for a benchmark sample, at no cost.

Its proposals were verified by the language servers, unlike those of a model: it is a baseline, no peer.

Tested by `tests/repair/evaluation/test_predictions.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from repair.language_servers.scheduler import Servers
from repair.models.model import Completion, FinishReason
from repair.prompt.rows import prompt_of
from repair.schema.outcomes import Reject
from repair.schema.rows import RepairCandidateRow
from repair.synthesis.rules import RULES, RulesTeacher


@dataclass(frozen=True, slots=True)
class RulesModel:
    """Answers samples that have `before`, their workspace's diagnostics, beside what a prompt needs."""

    servers: Servers
    name: str = RULES

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return prompt_of(sample)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        rows = cast("Sequence[RepairCandidateRow]", samples)
        for proposal in RulesTeacher(self.servers).propose(rows):
            if isinstance(proposal, Reject):
                yield [Completion("", FinishReason.UNANSWERED)] * k
            else:
                yield [Completion(proposal.answer, FinishReason.ENDED)] * k
