"""The teacher that is a large language model, asked through the DSPy program.

Many questions are open at once; outcomes come in the order of the rows. An answer is kept on disk as soon
as it is there, so that a killed run resumes without paying twice. Where more than one candidate may be asked
for, each answer is verified while others are open, and only rows without a verified one are asked again.
Rejected:

| reason | |
|---|---|
| `teacher_failed` | this question was refused, or failed on every attempt; the detail says why |
| `answer_too_long` | the answer can't be a diff of the size that is learned from |
| `budget_exhausted` | another question could have passed the budget |
| `malformed_prompt` | the row can't be written as a prompt |
| `file_absent` | the diagnostic's file is not in the workspace |

What would fail for every row alike (a wrong key, an unknown model, a service that is down) ends the stage
with `TeacherError` or `ConfigurationError`: rows are not rejected for the mistakes of a deployment.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from repair.errors import ConfigurationError, InputError
from repair.language_servers.scheduler import Servers
from repair.prompt.sentinels import Example
from repair.schema.outcomes import REASON, Reject
from repair.schema.stages import SYNTHESIZED_DIFFS
from repair.synthesis.lm.client import Asking, QuestionFailedError
from repair.synthesis.lm.limits import BudgetExhaustedError, Spent
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.progress import Progress, Reporter
from repair.synthesis.lm.response_cache import Answer
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.teacher import Proposal
from repair.text.files import files_of
from repair.verification.verifier import UNANSWERED, verify_rows

# 400 lines of diff, ten times what a fix out of the history may have.
MOST_CHARACTERS = 40_000

# Rows ahead of the one that is waited for, per open question: a slow answer must not idle the others.
_AHEAD = 4

_SERVER_REASONS = UNANSWERED | {"servers_closed"}

# Answers that are verified together: enough for the servers to share their work, few enough to go on.
_VERIFIED_TOGETHER = 32


@dataclass(slots=True, eq=False)
class _Asked:
    """A row on its way to its outcome."""

    row: Mapping[str, Any]
    sample: int = 0
    """Which of its candidates is asked for."""
    paid: tuple[Answer, ...] = ()
    """The answers until now."""
    proposal: Proposal | None = None
    """The last of them that can be a diff."""
    latest: Proposal | Reject | None = None
    """What the last question came to."""
    error: BaseException | None = None
    """What would end the run."""
    outcome: Proposal | Reject | None = None


class LmTeacher:
    """Asks `model` with `program` and keeps the answers in the file `answers`. A context manager.

    `candidates` is the most answers for one row; with more than one, `servers` verify each but the last.
    `report` is told every few seconds how far it is, of `total` rows.

    Raises ConfigurationError if the key is missing, the model does not take the settings, there is a budget
    in money and no known price, or several candidates would be one and the same.
    """

    def __init__(
        self,
        model: LanguageModel,
        program: TeacherProgram,
        answers: Path,
        *,
        candidates: int = 1,
        servers: Servers | None = None,
        report: Callable[[Progress], None] | None = None,
        total: int | None = None,
    ) -> None:
        if candidates < 1 or (candidates > 1 and servers is None):
            raise ConfigurationError(
                f"candidates is {candidates}: it must be above 0, and more than one need language servers"
            )
        if candidates > 1 and model.temperature == 0:
            raise ConfigurationError(
                f"candidates is {candidates} and temperature 0: every answer would be the same one; set a"
                " temperature above 0"
            )
        from repair.synthesis.lm.dspy_program import RepairProgram

        self.model = model
        self.program = program
        self.candidates = candidates
        self._servers = servers
        self._asking = Asking(model, answers)
        self._dspy = RepairProgram(model, program, self._asking)
        budget = self._asking.budget
        self._reporter = Reporter(report or _quiet, lambda: budget.spent, total=total)
        self._settled = 0

    @property
    def name(self) -> str:
        """The model and the version of the program."""
        return f"{self.model.model}@{self.program.version}"

    @property
    def spent(self) -> Spent:
        """What all answers took until now, those of rejected rows included."""
        return self._asking.budget.spent

    def count_kept(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count the kept answers to these rows against the budget, before any of them is asked.

        Without it a resumed run could ask first and find out later what an earlier one had spent.
        """
        if not self._asking.budget.limited:
            return
        for row in rows:
            try:
                messages = self._dspy.messages(_example(row), self.program.shots_for(row))
            except InputError:
                continue
            for sample in range(self.candidates):
                if self._asking.kept(self._asking.key(self.program, messages, sample)) is None:
                    break

    def propose(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order.

        Raises:
            TeacherError: every row would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of an answer.
        """
        remaining = iter(rows)
        window: deque[_Asked] = deque()
        answered: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._asking.stop.clear()
        threads = ThreadPoolExecutor(self.model.concurrency, thread_name_prefix="teacher")

        def ask(asked: _Asked) -> None:
            threads.submit(self._ask, asked, answered)

        try:
            while True:
                while len(window) < _AHEAD * self.model.concurrency:
                    row = next(remaining, None)
                    if row is None:
                        break
                    window.append(_Asked(row))
                    ask(window[-1])
                if not window:
                    break
                if (outcome := window[0].outcome) is not None:
                    window.popleft()
                    yield outcome
                else:
                    for asked in self._settle(_taken(answered, self._reporter.every_s)):
                        ask(asked)
                self._reporter.tick(self._settled)
            self._reporter.end(self._settled)
        finally:
            self._asking.stop.set()  # whoever pauses before another attempt, wakes up and gives up
            threads.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Close the connections and the file of answers."""
        self._dspy.close()
        self._asking.close()

    def __enter__(self) -> "LmTeacher":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, asked: _Asked, answered: "queue.SimpleQueue[_Asked]") -> None:
        """In a thread of its own: get one more answer for the row."""
        try:
            asked.latest = self._candidate(asked)
        except BaseException as error:
            asked.error = error  # raised again where the outcomes are made
        answered.put(asked)

    def _candidate(self, asked: _Asked) -> Proposal | Reject:
        row = asked.row
        try:
            answer = self._dspy.ask(_example(row), self.program.shots_for(row), asked.sample)
        except InputError as error:
            return Reject(row, error.reason, str(error))
        except BudgetExhaustedError as error:
            return Reject(row, "budget_exhausted", str(error))
        except QuestionFailedError as error:
            return Reject(row, "teacher_failed", str(error))
        asked.paid = (*asked.paid, answer)
        if len(answer.text) > MOST_CHARACTERS:
            return Reject(row, "answer_too_long", f"{len(answer.text)} characters, at most {MOST_CHARACTERS}")
        return Proposal(answer.text, self.program.answer_format)

    def _settle(self, answered: Sequence[_Asked]) -> list[_Asked]:
        """Decide what becomes of rows that have an answer; returns those to be asked once more."""
        for asked in answered:
            if asked.error is not None:
                raise asked.error
        verified = self._verified(answered)
        again: list[_Asked] = []
        for asked in answered:
            latest = asked.latest
            if isinstance(latest, Proposal):
                asked.proposal = latest
            answered_badly = isinstance(latest, Reject) and latest.reason == "answer_too_long"
            more = asked.sample + 1 < self.candidates and asked not in verified
            if more and (answered_badly or isinstance(latest, Proposal)):
                asked.sample += 1
                again.append(asked)
                continue
            # Without a good one the last that can be a diff goes on: verification says what it lacks.
            asked.outcome = latest if asked.proposal is None else _summed(asked.proposal, asked.paid)
            self._settled += 1
        return again

    def _verified(self, answered: Sequence[_Asked]) -> set[_Asked]:
        """Those whose answer repairs, or of which the servers could not say: another would fare no better.

        Only rows that could be asked again are looked at.
        """
        judged = [
            (asked, asked.latest)
            for asked in answered
            if asked.sample + 1 < self.candidates and isinstance(asked.latest, Proposal)
        ]
        if not judged or self._servers is None:
            return set()
        rows = [{**asked.row, "teacher": self.name, **asdict(proposal)} for asked, proposal in judged]
        batch = pa.RecordBatch.from_pylist(rows, schema=SYNTHESIZED_DIFFS)
        [outcomes] = verify_rows([batch], self._servers)
        reasons = outcomes.column(REASON).to_pylist()
        settled = {None, *_SERVER_REASONS}
        return {asked for (asked, _), reason in zip(judged, reasons, strict=True) if reason in settled}


def _quiet(progress: Progress) -> None:
    """Where nobody wants to know."""


def _taken(answered: "queue.SimpleQueue[_Asked]", timeout_s: float) -> list[_Asked]:
    """What has been answered: at least one if any comes in time, at most what is verified together."""
    taken: list[_Asked] = []
    try:
        taken.append(answered.get(timeout=timeout_s))
        while len(taken) < _VERIFIED_TOGETHER:
            taken.append(answered.get_nowait())
    except queue.Empty:
        pass
    return taken


def _summed(proposal: Proposal, paid: Sequence[Answer]) -> Proposal:
    """`proposal` with what all answers of its row took; unknown if it is of one of them."""
    inputs = [answer.input_tokens for answer in paid]
    outputs = [answer.output_tokens for answer in paid]
    costs = [answer.cost_usd for answer in paid]
    return replace(
        proposal,
        candidates=len(paid),
        input_tokens=None if None in inputs else sum(filter(None, inputs)),
        output_tokens=None if None in outputs else sum(filter(None, outputs)),
        cost_usd=None if None in costs else sum(filter(None, costs)),
    )


def _example(row: Mapping[str, Any]) -> Example:
    path, diagnostic, files = row["path"], row["diagnostic"], files_of(row)
    if path not in files:
        raise FileAbsentError(f"{path} is not among the {len(files)} files of the workspace")
    return Example(path, files[path], diagnostic["message"], diagnostic["start_line"])


class FileAbsentError(InputError):
    """A row lacks the file that its diagnostic is about."""

    reason = "file_absent"
