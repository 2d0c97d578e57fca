"""LLM teacher: concurrent requests through the DSPy program, best of several candidates.

Many questions are open at once; outcomes come in the order of the rows. An answer is cached on disk as soon
as it arrives, so that a killed run resumes without paying twice. With more than one candidate, each answer is
verified while others are open, and only rows without a verified one are asked again.

What would fail for every row alike (a wrong key, an unknown model, a service that is down) ends the stage
with `TeacherError` or `ConfigurationError`, and a response cache that can't be written with `StoreError`:
rows are not rejected for the mistakes of a deployment. Any other error is its row's.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

import pyarrow as pa

from repair.closing import Closing
from repair.curation.consent import NOT_FOR, allows
from repair.database import Location
from repair.errors import ConfigurationError, InputError, TeacherUnavailableError
from repair.language_servers.scheduler import VersionedServers
from repair.line_diff.answer_block import diff_length, find_block
from repair.line_diff.errors import NoDiffError
from repair.prompt.sentinels import Example
from repair.schema.events import Purpose
from repair.schema.outcomes import Reject
from repair.schema.rows import RepairCandidateRow
from repair.synthesis.lm.client import LmClient, QuestionFailedError
from repair.synthesis.lm.limits import Usage
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.progress import ProgressReporter, SynthesisProgress
from repair.synthesis.lm.response_cache import Answer
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.teacher import Proposal, synthesize
from repair.text.files import files_of
from repair.verification.stage import verdicts
from repair.verification.verifier import UNANSWERED

REASONS = {
    NOT_FOR[Purpose.SYNTHESIS]: "the project's owner did not agree that a language model is shown its texts",
    "teacher_failed": "this question was refused, failed on every attempt, or got no answer that can be read"
    " (empty, filtered, only tool calls); the detail says why, and a later run asks again",
    "no_diff": "the answer has no diff, and the service did not end it as whole: the detail has its finish"
    " reason (`length`: it was cut at `max_tokens`)",
    "answer_too_long": "the answer can't be a diff of the size that is learned from",
    "budget_exhausted": "another question could have passed the budget",
    "malformed_prompt": "the row can't be written as a prompt",
    "file_absent": "the diagnostic's file is not in the workspace",
}

# Of the diff, not of what was thought before it: 400 lines, ten times the limit of a fix from the history.
MOST_CHARACTERS = 40_000

# Rows submitted ahead of the next outcome, per open question: a slow answer must not idle the others.
_AHEAD = 4

# Reasons of a row that has an answer: another candidate may fare better.
_ANSWERED_BADLY = ("answer_too_long", "no_diff")

_WHOLE = ("stop", None)  # finish reasons that say nothing against an answer


_SERVER_REASONS = UNANSWERED | {"servers_closed"}

# Answers that are verified together: enough to keep all servers busy, few enough not to hold up the others.
_VERIFIED_TOGETHER = 32


@dataclass(slots=True, eq=False)
class _Pending:
    """A row whose outcome is pending."""

    row: RepairCandidateRow
    sample: int = 0
    """The number of the candidate that is asked for."""
    answers: tuple[Answer, ...] = ()
    """The answers so far."""
    proposal: Proposal | None = None
    """The last answer that can be a diff."""
    latest: Proposal | Reject | None = None
    """The result of the last question."""
    error: BaseException | None = None
    """An error that ends the run."""
    outcome: Proposal | Reject | None = None


class LmTeacher(Closing):
    """Teacher that asks `model` with `program`; response cache in the file `cache`. A context manager.

    `candidates` is the most answers for one row; with more than one, `servers` verify each but the last.
    `report` is called every few seconds with the progress, of `total` rows.

    Raises ConfigurationError if the key is missing, the model does not take the settings, there is a budget
    in money and no known price, or several candidates would be one and the same.
    """

    def __init__(
        self,
        model: LanguageModel,
        program: TeacherProgram,
        cache: Location,
        *,
        candidates: int = 1,
        servers: VersionedServers | None = None,
        report: Callable[[SynthesisProgress], None] | None = None,
        total: int | None = None,
    ) -> None:
        if candidates < 1 or (candidates > 1 and servers is None):
            raise ConfigurationError(
                f"candidates is {candidates}: it must be above 0, and more than one need language servers"
            )
        if candidates > 1 and model.temperature == 0:
            raise ConfigurationError(
                f"candidates is {candidates} and temperature 0: every answer would be the same; set a"
                " temperature above 0"
            )
        from repair.synthesis.lm.dspy_program import RepairProgram

        self.model = model
        self.program = program
        self.candidates = candidates
        self._servers = servers
        self._client = LmClient(model, cache)
        self._dspy = RepairProgram(model, program, self._client)
        budget = self._client.budget
        self._reporter = ProgressReporter(report or _quiet, lambda: budget.usage, total=total)
        self._settled = 0

    @property
    def name(self) -> str:
        """The model and the version of the program."""
        return f"{self.model.model}@{self.program.version}"

    @property
    def usage(self) -> Usage:
        """Tokens and cost of all answers so far, those of rejected rows included."""
        return self._client.budget.usage

    def require_answers(self) -> None:
        """Raises TeacherUnavailableError if questions were turned away and none got an answer.

        Then the service is down, and no row is to blame.
        """
        usage, turned_away = self.usage, self._client.turned_away
        if turned_away and not usage.answers_paid and not usage.answers_cached:
            raise TeacherUnavailableError(
                f"{self.model.model} answered no question and turned {turned_away} away; ask it again later"
            )

    def count_cached(self, rows: Iterable[RepairCandidateRow]) -> None:
        """Count the cached answers to these rows against the budget, before any question is sent.

        Without this a resumed run could send questions before it knows what an earlier run has spent.
        """
        if not self._client.budget.limited:
            return
        for row in rows:
            if not allows(row.get("purposes"), Purpose.SYNTHESIS):
                continue
            try:
                messages = self._dspy.messages(_example(row), self.program.shots_for(row))
            except InputError:
                continue
            for sample in range(self.candidates):
                try:
                    if self._client.cached(self._client.key(self.program, messages, sample)) is None:
                        break
                except QuestionFailedError:
                    break  # told where the row is asked for

    def propose(self, rows: Iterable[RepairCandidateRow]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order.

        Raises:
            TeacherError: every row would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of an answer.
            StoreError: the response cache can't be read or written.
        """
        remaining = iter(rows)
        window: deque[_Pending] = deque()
        answered: queue.SimpleQueue[_Pending] = queue.SimpleQueue()
        self._client.stop.clear()
        threads = ThreadPoolExecutor(self.model.concurrency, thread_name_prefix="teacher")

        def ask(pending: _Pending) -> None:
            threads.submit(self._ask, pending, answered)

        try:
            while True:
                while len(window) < _AHEAD * self.model.concurrency:
                    row = next(remaining, None)
                    if row is None:
                        break
                    window.append(_Pending(row))
                    ask(window[-1])
                if not window:
                    break
                if (outcome := window[0].outcome) is not None:
                    window.popleft()
                    yield outcome
                else:
                    for pending in self._settle(_next_batch(answered, self._reporter.every_s)):
                        ask(pending)
                self._reporter.tick(self._settled)
            self._reporter.end(self._settled)
        finally:
            self._client.stop.set()  # threads that wait before another attempt wake up and give up
            threads.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Close the connections and the response cache."""
        self._dspy.close()
        self._client.close()

    def _ask(self, pending: _Pending, answered: "queue.SimpleQueue[_Pending]") -> None:
        """Get one more answer for the row; runs in a worker thread."""
        try:
            pending.latest = self._candidate(pending)
        except BaseException as error:
            pending.error = error  # raised again where the outcomes are made
        answered.put(pending)

    def _candidate(self, pending: _Pending) -> Proposal | Reject:
        row = pending.row
        if not allows(row.get("purposes"), Purpose.SYNTHESIS):
            return Reject(row, NOT_FOR[Purpose.SYNTHESIS], "it may be shown to no language model")
        try:
            answer = self._dspy.ask(_example(row), self.program.shots_for(row), pending.sample)
        except InputError as error:
            return Reject(row, error.reason, str(error))
        except Exception as error:
            return self._client.reject(row, error)
        pending.answers = (*pending.answers, answer)
        if reject := _cut(row, answer, self.model.max_tokens):
            return reject
        if (length := diff_length(answer.text)) > MOST_CHARACTERS:
            return Reject(row, "answer_too_long", f"{length} characters, at most {MOST_CHARACTERS}")
        return Proposal(answer.text, self.program.answer_format)

    def _settle(self, answered: Sequence[_Pending]) -> list[_Pending]:
        """Set the outcomes of rows that have an answer; returns the rows that need another candidate."""
        for pending in answered:
            if pending.error is not None:
                raise pending.error
        verified = self._verified(answered)
        again: list[_Pending] = []
        for pending in answered:
            latest = pending.latest
            if isinstance(latest, Proposal):
                pending.proposal = latest
            answered_badly = isinstance(latest, Reject) and latest.reason in _ANSWERED_BADLY
            more = pending.sample + 1 < self.candidates and pending not in verified
            if more and (answered_badly or isinstance(latest, Proposal)):
                pending.sample += 1
                again.append(pending)
                continue
            # Without a verified answer the last one that can be a diff goes on: verification rejects it.
            pending.outcome = (
                latest if pending.proposal is None else _summed(pending.proposal, pending.answers)
            )
            self._settled += 1
        return again

    def _verified(self, answered: Sequence[_Pending]) -> set[_Pending]:
        """Rows that need no other candidate: theirs verifies, or the servers failed, as they would again.

        Only rows that have candidates left are checked.
        """
        checked = [
            (pending, pending.latest)
            for pending in answered
            if pending.sample + 1 < self.candidates and isinstance(pending.latest, Proposal)
        ]
        if not checked or self._servers is None:
            return set()
        rows = [{**pending.row, **asdict(proposal)} for pending, proposal in checked]
        found = verdicts(rows, self._servers)
        settled = {None, *_SERVER_REASONS}
        return {
            pending for (pending, _), verdict in zip(checked, found, strict=True) if verdict.reason in settled
        }


def synthesize_by_model(
    read: Callable[[], Iterable[pa.RecordBatch]], teacher: LmTeacher
) -> Iterator[pa.RecordBatch]:
    """`synthesize` with a language model. `read` is called twice: the cached answers to the rows that it
    gives count against the budget before a question is sent."""
    teacher.count_cached(row for batch in read() for row in batch.to_pylist())
    yield from synthesize(read(), teacher)


def _quiet(progress: SynthesisProgress) -> None:
    """The report that does nothing."""


def _next_batch(answered: "queue.SimpleQueue[_Pending]", timeout_s: float) -> list[_Pending]:
    """A batch from the queue: empty after the time-out, at most what is verified together."""
    batch: list[_Pending] = []
    try:
        batch.append(answered.get(timeout=timeout_s))
        while len(batch) < _VERIFIED_TOGETHER:
            batch.append(answered.get_nowait())
    except queue.Empty:
        pass
    return batch


def _summed(proposal: Proposal, answers: Sequence[Answer]) -> Proposal:
    """`proposal` with tokens and cost of all answers of its row; unknown if one of them is."""
    inputs = [answer.input_tokens for answer in answers]
    outputs = [answer.output_tokens for answer in answers]
    costs = [answer.cost_usd for answer in answers]
    return replace(
        proposal,
        candidates=len(answers),
        input_tokens=None if None in inputs else sum(filter(None, inputs)),
        output_tokens=None if None in outputs else sum(filter(None, outputs)),
        cost_usd=None if None in costs else sum(filter(None, costs)),
    )


def _cut(row: RepairCandidateRow, answer: Answer, max_tokens: int) -> Reject | None:
    """The reject of an answer without a diff that the service did not end as whole."""
    if answer.finish_reason in _WHOLE:
        return None
    try:
        find_block(answer.text)
    except NoDiffError as error:
        at = f" at max_tokens {max_tokens}" if answer.finish_reason == "length" else ""
        return Reject(row, error.reason, f"{error}; finish reason {answer.finish_reason}{at}")
    return None


def _example(row: RepairCandidateRow) -> Example:
    path, diagnostic, files = row["path"], row["diagnostic"], files_of(row)
    if path not in files:
        raise FileAbsentError(f"{path} is not among the {len(files)} files of the workspace")
    return Example(path, files[path], diagnostic["message"], diagnostic["start_line"])


class FileAbsentError(InputError):
    """A row lacks the file that its diagnostic is about."""

    reason = "file_absent"
