"""The teacher that is a large language model, asked through the DSPy program.

Many questions are open at once; outcomes come in the order of the rows. An answer is kept on disk as soon
as it is there, so that a killed run resumes without paying twice. Rejected:

| reason | |
|---|---|
| `teacher_failed` | this question was refused, or failed on every attempt; the detail says why |
| `answer_too_long` | the answer can't be a diff of the size that is learned from |
| `budget_exhausted` | the budget was spent before this row's turn |
| `malformed_prompt` | the row can't be written as a prompt |

What would fail for every row alike (a wrong key, an unknown model, a service that is down) ends the stage
with `TeacherError` or `ConfigurationError`: rows are not rejected for the mistakes of a deployment.
"""

import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from repair.errors import ConfigurationError, TeacherError
from repair.outcomes import Reject
from repair.prompt import Example, PromptError, render_prompt
from repair.synthesis.answers import Answer, Answers, answer_key
from repair.synthesis.language_model import LanguageModel, Spending
from repair.synthesis.program import Shot, TeacherProgram
from repair.synthesis.teacher import Proposal
from repair.verification import files_of

if TYPE_CHECKING:
    from repair.synthesis.sentinel_adapter import RepairProgram

# 400 lines of diff, ten times what a fix out of the history may have.
MOST_CHARACTERS = 40_000

# A service that asks for a longer pause is as good as down: the row fails, and a later run asks again.
LONGEST_PAUSE_S = 60.0

# So many rows in a row without one answer: the service is down, and the rest would only wait for it.
MOST_FAILURES_RUNNING = 50

# Rows ahead of the one that is waited for, per open question: a slow answer must not idle the others.
_AHEAD = 4


class LmTeacher:
    """Asks `model` with `program` and keeps the answers in the file `answers`. A context manager.

    `sample` tells apart several answers to the same question. Raises ConfigurationError if the key is missing
    or the model does not take the settings.
    """

    def __init__(
        self, model: LanguageModel, program: TeacherProgram, answers: Path, *, sample: int = 0
    ) -> None:
        self.model = model
        self.program = program
        self.sample = sample
        self.spending = Spending(model)
        self._asking = _repair_program(model, program)
        self._answers = Answers(answers)
        self._failures_running = 0

    @property
    def name(self) -> str:
        """The model and the version of the program."""
        return f"{self.model.model}@{self.program.version}"

    def propose(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order.

        Raises:
            TeacherError: every row would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of an answer.
        """
        concurrency = self.model.concurrency
        open_rows: deque[Future[Proposal | Reject]] = deque()
        stop = threading.Event()
        with ThreadPoolExecutor(concurrency, thread_name_prefix="teacher") as threads:
            try:
                for row in rows:
                    open_rows.append(threads.submit(self._outcome, row, stop))
                    if len(open_rows) == _AHEAD * concurrency:
                        yield open_rows.popleft().result()
                while open_rows:
                    yield open_rows.popleft().result()
            finally:
                stop.set()  # whoever pauses before another attempt, wakes up and gives up
                threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Close the connections and the file of answers."""
        self._asking.close()
        self._answers.close()

    def __enter__(self) -> "LmTeacher":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _outcome(self, row: Mapping[str, Any], stop: threading.Event) -> Proposal | Reject:
        try:
            prompt = _prompt(row)
        except PromptError as error:
            return Reject(row, error.reason, str(error))
        shots = self.program.shots_for(row)
        key = answer_key(
            model=self.model.model,
            messages=self._asking.messages(prompt, shots),
            sampling=self.model.sampling(),
            prompt_version=self.program.prompt_version,
            sample=self.sample,
        )
        answer = self._answers.get(key)
        if answer is None:
            if spent := self.spending.exhausted():
                return Reject(row, "budget_exhausted", spent)
            try:
                answer = self._asked(prompt, shots, stop)
            except _RowFailed as failure:
                return Reject(row, "teacher_failed", str(failure))
            self._answers.put(key, self.model.model, answer)
        self.spending.add(answer)
        if len(answer.text) > MOST_CHARACTERS:
            return Reject(row, "answer_too_long", f"{len(answer.text)} characters, at most {MOST_CHARACTERS}")
        return Proposal(
            answer.text,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            cost_usd=answer.cost_usd,
        )

    def _asked(self, prompt: str, shots: Sequence[Shot], stop: threading.Event) -> Answer:
        from dspy.utils.exceptions import LMError

        # Questions that were turned away together must not come back together.
        spread = 1 + zlib.crc32(prompt.encode(errors="replace")) / 2**33
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self.model.priced(self._asking.ask(prompt, shots))
            except (LMError, ValueError) as error:  # ValueError: a text that has no UTF-8 form
                _raise_if_fatal(error, self.model.model)
                pause = _pause(error, self.model.first_pause_s * 2 ** (attempt - 1))
                if pause is None or attempt == self.model.attempts or stop.wait(pause * spread):
                    self._count_failure(error)
                    raise _RowFailed(f"attempt {attempt}: {_cause(error)}") from error
            else:
                self._failures_running = 0
                return answer

    def _count_failure(self, error: Exception) -> None:
        self._failures_running += 1
        if self._failures_running >= MOST_FAILURES_RUNNING:
            raise TeacherError(
                f"{self._failures_running} questions to {self.model.model} failed with no answer in between,"
                f" the last one with: {_cause(error)}"
            ) from error


def _repair_program(model: LanguageModel, program: TeacherProgram) -> "RepairProgram":
    from dspy.utils.exceptions import LMConfigurationError

    from repair.synthesis.sentinel_adapter import RepairProgram

    try:
        return RepairProgram(
            model=model.model,
            instructions=program.instructions,
            prefill=model.prefill,
            client=model.client(),
            sampling=model.sampling(),
        )
    except LMConfigurationError as error:
        raise ConfigurationError(str(error)) from error


def _prompt(row: Mapping[str, Any]) -> str:
    path, diagnostic = row["path"], row["diagnostic"]
    text = files_of(row)[path]
    return render_prompt(Example(path, text, diagnostic["message"], diagnostic["start_line"]))


class _RowFailed(Exception):  # noqa: N818 - it never leaves this module
    """This question got no answer."""


def _raise_if_fatal(error: Exception, model: str) -> None:
    from dspy.utils import exceptions

    for_all = (
        exceptions.LMAuthError,
        exceptions.LMBillingError,
        exceptions.LMConfigurationError,
        exceptions.LMUnsupportedModelError,
    )
    # 404: no such model, or no such address
    if isinstance(error, for_all) or getattr(error, "status", None) == 404:
        raise TeacherError(f"{model} can't be asked: {_cause(error)}") from error


def _pause(error: Exception, usual: float) -> float | None:
    """Seconds before another attempt, or None if there is no point in one."""
    from dspy.utils.exceptions import LMUnexpectedError, is_retryable_lm_error

    # A success whose body can't be read is most often a proxy's.
    unreadable = getattr(error, "status", None) == 200 or isinstance(error, LMUnexpectedError)
    if not unreadable and not is_retryable_lm_error(error):
        return None
    asked_for: float | None = getattr(error, "retry_after", None)
    if asked_for is None:
        return min(usual, LONGEST_PAUSE_S)
    return asked_for if asked_for <= LONGEST_PAUSE_S else None


def _cause(error: Exception) -> str:
    status = getattr(error, "status", None)
    said = str(error).partition("\n\n")[0]  # general advice stands behind it
    return f"{type(error).__name__}{f' {status}' if status else ''}: {said[:500]}"
