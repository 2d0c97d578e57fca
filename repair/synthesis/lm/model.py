"""A language model behind an API as a model of the benchmarks: zero-, one- or two-shot, through `LmClient`.

Answers are cached as soon as they arrive and nothing is paid for twice; rate limit, budget and retries are
the client's. A question without an answer (refused, failed on every attempt, over the budget) is
`unanswered`, and reported with the reason.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from repair.closing import Closing
from repair.database import Location
from repair.errors import InputError, RepairError
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.sentinels import Example
from repair.synthesis.lm.client import LmClient, QuestionFailedError
from repair.synthesis.lm.limits import BudgetExhaustedError, Usage
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.progress import ProgressReporter, SynthesisProgress
from repair.synthesis.lm.settings import LanguageModel
from repair.text.files import text_of

MOST_SHOTS = 2


_FINISH_REASONS = {"length": FinishReason.CUT}  # other words say nothing against an answer


class LmModel(Closing):
    """`model` with the worked examples of `program`; response cache in the file `cache`. A context manager.

    `sampling` replaces the temperature, top-p and top-k of `model`, unless its temperature is None: some APIs
    insist on their own. `unanswered` is told each question without an answer, by its sample and the reason;
    `report` every few seconds the progress, in samples.

    Raises ConfigurationError as `LmTeacher`.
    """

    def __init__(
        self,
        model: LanguageModel,
        program: TeacherProgram,
        cache: Location,
        *,
        sampling: Sampling,
        unanswered: Callable[[str], None],
        report: Callable[[SynthesisProgress], None],
    ) -> None:
        from repair.synthesis.lm.dspy_program import RepairProgram

        sampling.check_drawn(model.model)
        if model.temperature is not None:
            model = replace(
                model, temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k
            )
        self.name = f"{model.model} {program.shots_per_question}-shot"
        self._model, self._program, self._sampling = model, program, sampling
        self._client = LmClient(model, cache)
        self._dspy = RepairProgram(model, program, self._client)
        self._tell, self._report = unanswered, report

    @property
    def usage(self) -> Usage:
        """Tokens and cost of all answers so far, cached ones included."""
        return self._client.budget.usage

    def prompt(self, sample: Mapping[str, Any]) -> str:
        """The conversation as JSON: role and content of each message."""
        messages = self._dspy.messages(_example(sample), self._program.shots_for(_row(sample)))
        return json.dumps(messages, ensure_ascii=False)

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        """`k` answers to each sample, in order, many questions open at once.

        Raises:
            TeacherError: every question would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of an answer.
            StoreError: the response cache can't be read or written.
        """
        self._sampling.check_answers(k)
        questions = [(sample, number) for sample in samples for number in range(k)]
        self._count_cached(questions)
        reporter = ProgressReporter(self._report, lambda: self.usage, total=len(samples))
        with closing(self._client.map(self._completion, questions, name="model")) as answers:
            for number, _ in enumerate(samples, 1):
                yield [next(answers) for _ in range(k)]
                reporter.tick(number)
            reporter.end(len(samples))

    def close(self) -> None:
        """Close the connections and the response cache."""
        self._dspy.close()
        self._client.close()

    def _completion(self, question: tuple[Mapping[str, Any], int]) -> Completion:
        sample, number = question
        unanswered = partial(self._unanswered, sample["sample_id"])
        try:
            answer = self._dspy.ask(_example(sample), self._program.shots_for(_row(sample)), number)
        except BudgetExhaustedError as error:
            return unanswered(f"budget_exhausted: {error}")
        except (QuestionFailedError, InputError) as error:
            return unanswered(str(error))
        except RepairError:
            raise  # every question would fail alike
        except Exception as error:  # nobody foresaw it: it is this question's, and its neighbours go on
            return unanswered(self._client.mask(f"{type(error).__name__}: {error}"))
        return Completion(
            answer.text,
            _FINISH_REASONS.get(answer.finish_reason or "", FinishReason.ENDED),
            answer.input_tokens,
            answer.output_tokens,
            answer.seconds,
        )

    def _unanswered(self, sample_id: str, reason: str) -> Completion:
        self._tell(f"{self.name} gave no answer to {sample_id}: {reason}")
        return Completion("", FinishReason.UNANSWERED)

    def _count_cached(self, questions: Sequence[tuple[Mapping[str, Any], int]]) -> None:
        """Count the cached answers against the budget, before any question is sent."""
        if not self._client.budget.limited:
            return
        for sample, number in questions:
            try:
                messages = json.loads(self.prompt(sample))
                self._client.cached(self._client.key(self._program, messages, number))
            except (InputError, QuestionFailedError):
                continue  # told where it is asked


def _example(sample: Mapping[str, Any]) -> Example:
    diagnostic = sample["diagnostic"]
    return Example(sample["path"], text_of(sample), diagnostic["message"], diagnostic["start_line"])


def _row(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which worked examples a question has."""
    return {
        "diagnostic_id": sample["sample_id"],
        "project_id": sample["project_id"],
        "diagnostic": sample["diagnostic"],
    }
