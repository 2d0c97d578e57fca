"""LLM client: response cache, rate limit, budget and retries.

Processes and machines that share a response cache share the rate limit, and ask equal questions once.

A reply is stored before it is parsed. One that is no answer (`repair.synthesis.lm.reply`) is paid for and
counted, and its question is asked again, within the attempts that there are and by every later run. What a
service says of an error is masked (`repair.credentials`) before it leaves here.

What would fail for every question alike (a wrong key, an unknown model, a service that is down) is a
`TeacherError`: rows are not rejected for the mistakes of a deployment.

Tested by `tests/repair/synthesis/lm/test_teacher.py`, against a server that fails in every way listed there.
"""

import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from repair.database import Location
from repair.errors import ConfigurationError, RepairError, StoreError, TeacherError, TeacherUnavailableError
from repair.extras import extra
from repair.ordered_map import ordered_map
from repair.schema.outcomes import Reject
from repair.synthesis.lm.limits import (
    Budget,
    BudgetExhaustedError,
    Messages,
    RateLimit,
    Reservation,
    StoppedError,
    estimated_tokens,
)
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.reply import NoAnswerError, Reply, answer_of, is_blank
from repair.synthesis.lm.response_cache import Answer, ResponseCache, StoredReply, answer_key
from repair.synthesis.lm.settings import LanguageModel

with extra("lm"):
    from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

# A service that asks for a longer pause is as good as down: the row fails, and a later run asks again.
LONGEST_PAUSE_S = 60.0

# After this many failures in a row the service is down, and the other questions would only wait for it.
MOST_FAILURES_RUNNING = 50

_POLL_S = 0.25  # of an answer that another process is waiting for
_MOST_SAID = 500  # characters of a foreign error's text
_AHEAD = 4  # questions taken ahead of the next result, per open one: a slow one must not idle the others

Item = TypeVar("Item")
Result = TypeVar("Result")


class QuestionFailedError(RepairError):
    """This question got no answer; the message says why."""


class LmClient:
    """Client of one model with a response cache (at `cache`), a rate limit, a budget and retries.

    Raises ConfigurationError if there is a budget in money and no price is known.
    """

    def __init__(self, model: LanguageModel, cache: Location) -> None:
        self.budget = Budget(model)
        self.stop = threading.Event()
        """Set it to end every wait: a waiting thread raises StoppedError."""
        self.fatal: Exception | None = None
        """The first error that every question would meet."""
        self._model = model
        self._credentials = model.credentials()
        self._cache = ResponseCache(cache)
        limits = (model.requests_per_minute, model.tokens_per_minute)
        self._rate = RateLimit(self._cache.database, f"{model.model} {model.address or ''}".strip(), *limits)
        self._open: dict[str, threading.Event] = {}
        self._open_lock = threading.Lock()
        self._failures_running = 0
        self.turned_away = 0
        """Questions that the service or the network turned away on the last attempt."""

    def close(self) -> None:
        """Close the response cache."""
        self._cache.close()

    def mask(self, text: str) -> str:
        """`text` without the key and the secret parts of the model's address."""
        return self._credentials.mask(text)

    def map(self, ask: Callable[[Item], Result], items: Iterable[Item], *, name: str) -> Generator[Result]:
        """`ask` of each item, in order, as many at a time as may be open; `name` is that of the threads."""
        self.stop.clear()
        concurrency = self._model.concurrency
        with ThreadPoolExecutor(concurrency, thread_name_prefix=name) as threads:
            try:
                yield from ordered_map(threads, ask, items, ahead=_AHEAD * concurrency)
            finally:
                self.stop.set()  # threads that wait before another attempt wake up and give up

    def reject(self, row: Mapping[str, Any], error: Exception) -> Reject:
        """The reject of a row whose question raised `error`, which is raised if every question would fail
        alike."""
        if isinstance(error, BudgetExhaustedError):
            return Reject(row, "budget_exhausted", str(error))
        if isinstance(error, QuestionFailedError):
            return Reject(row, "teacher_failed", str(error))
        if isinstance(error, RepairError):
            raise error
        # nobody foresaw it: it is this row's, and its neighbours go on
        return Reject(row, "teacher_failed", self.mask(f"{type(error).__name__}: {error}")[:_MOST_SAID])

    def key(
        self,
        program: TeacherProgram,
        messages: Messages,
        sample: int,
        sampling: Mapping[str, Any] | None = None,
    ) -> str:
        """The cache key of answer number `sample` to `messages`; `sampling` overrides the model's own."""
        return answer_key(
            model=self._model.model,
            messages=messages,
            sampling={**self._model.sampling(), **(sampling or {})},
            prompt_version=program.prompt_version,
            answer_format=program.answer_format,
            sample=sample,
        )

    def cached(self, key: str) -> Answer | None:
        """The cached answer, counted against the budget, as are the replies that were none.

        A reply that an earlier run did not get to parse is parsed now.

        Raises:
            QuestionFailedError: a reply can't be parsed.
        """
        answer = self._cache.get(key)
        if answer is not None and is_blank(answer.text):  # as earlier releases kept them
            self._cache.demote(key)
            answer = None
        for stored in self._cache.replies(key):
            self.budget.count_unanswered(f"{key}/{stored.number}", stored.reply)
            if answer is None:
                try:
                    answer = self._parsed(key, stored)
                except NoAnswerError:
                    continue
        if answer is not None:
            self.budget.count_cached(key, answer)
        return answer

    def answer(self, key: str, messages: Messages, send: Callable[[], Reply]) -> Answer:
        """The cached answer under `key`, or the one that `send` gets for `messages`.

        `send` sends one request and raises DSPy's `LMError`. Equal questions that are open together are sent
        once.

        Raises:
            QuestionFailedError: it was refused, got no answer on any attempt, or got what can't be parsed.
            BudgetExhaustedError: it could pass the budget.
            StoppedError: `stop` was set.
            TeacherError: every question would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of the answer.
            StoreError: the response cache can't be read or written.
        """
        while True:
            with self._open_lock:
                other = self._open.get(key)
                if other is None:
                    mine = self._open[key] = threading.Event()
                    break
            other.wait()
        try:
            answer = self.cached(key)
            return self._claimed(key, messages, send) if answer is None else answer
        except (TeacherError, ConfigurationError, StoreError) as error:
            self.fatal = self.fatal or error
            raise
        finally:
            with self._open_lock:
                del self._open[key]
            mine.set()

    def _claimed(self, key: str, messages: Messages, send: Callable[[], Reply]) -> Answer:
        """The answer, asked for by this process alone of all that share the cache."""
        while not self._cache.claim(key):
            if self.stop.wait(_POLL_S):
                raise StoppedError
            if (answer := self.cached(key)) is not None:
                return answer
        try:
            answer = self.cached(key)  # which came between the look-up and the claim
            return self._paid(key, messages, send) if answer is None else answer
        finally:
            self._cache.release(key)

    def _paid(self, key: str, messages: Messages, send: Callable[[], Reply]) -> Answer:
        # Jitter: requests that were turned away together must not come back together.
        jitter = 1 + zlib.crc32(messages[-1]["content"].encode(errors="replace")) / 2**33
        growing = wait_exponential(multiplier=self._model.first_pause_s, max=LONGEST_PAUSE_S)

        def pause(state: RetryCallState) -> float:
            asked_for = _retry_after(state.outcome and state.outcome.exception())
            return jitter * (growing(state) if asked_for is None else asked_for)

        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=pause,
            stop=stop_after_attempt(self._model.attempts),
            sleep=self._sleep,
            reraise=True,
        )
        question = _Question(key, messages, self._model.max_tokens)
        try:
            return retrying(self._attempt, question, send)
        except Exception as error:
            if isinstance(error, RepairError) and not isinstance(error, NoAnswerError):
                raise
            failed = error
        finally:
            if question.reservation is not None:
                self.budget.settle(question.reservation, key, None)
        # Outside of the handler: the error of a library, which may hold the key, must not be this one's
        # context.
        raise self._told(failed, retrying.statistics["attempt_number"])

    def _attempt(self, question: "_Question", send: Callable[[], Reply]) -> Answer:
        """One request; what it costs is counted, whatever comes of its reply."""
        reservation = question.reservation
        if reservation is None:
            reservation = question.reservation = self.budget.reserve(question.messages, self.stop)
        sent = self._rate.admit(question.estimated, self.stop)
        started = time.monotonic()
        reply = self._model.priced(send())
        reply = replace(reply, seconds=round(time.monotonic() - started, 4))
        stored = self._cache.put_reply(question.key, self._model.model, reply)
        if reply.input_tokens is not None and reply.output_tokens is not None:
            self._rate.correct(sent, reply.input_tokens + reply.output_tokens)
        try:
            answer = self._parsed(question.key, stored)
        except BaseException:
            question.reservation = None
            self.budget.settle_unanswered(reservation, f"{question.key}/{stored.number}", reply)
            raise
        self._failures_running = 0
        question.reservation = None
        self.budget.settle(reservation, question.key, answer)
        return answer

    def _parsed(self, key: str, stored: StoredReply) -> Answer:
        """The answer in a stored reply, which is then stored as such.

        Raises:
            NoAnswerError: it is none.
            QuestionFailedError: it can't be parsed.
        """
        reply = stored.reply
        try:
            text, finish_reason = answer_of(reply)
        except NoAnswerError:
            raise
        except Exception as error:  # nobody foresaw it: it is this question's, and the reply is kept
            said = f"the reply can't be parsed: {type(error).__name__}: {error}"
            raise QuestionFailedError(said[:_MOST_SAID]) from error
        answer = Answer(
            text, reply.input_tokens, reply.output_tokens, reply.cost_usd, finish_reason, reply.seconds
        )
        self._cache.put(key, self._model.model, answer, stored.number)
        return answer

    def _told(self, error: Exception, attempt: int) -> RepairError:
        """What is raised for an error of a question."""
        cause = self._cause(error)
        if _is_fatal(error):
            return TeacherError(f"{self._model.model} can't be asked: {cause}")
        self._failures_running += 1
        self.turned_away += _is_turned_away(error)
        if self._failures_running >= MOST_FAILURES_RUNNING:
            kind = TeacherUnavailableError if _may_pass(error) else TeacherError
            return kind(
                f"{self._failures_running} questions to {self._model.model} failed with no answer in between,"
                f" the last one with: {cause}"
            )
        return QuestionFailedError(f"attempt {attempt}: {cause}")

    def _cause(self, error: Exception) -> str:
        if isinstance(error, NoAnswerError):
            return self._credentials.mask(str(error))
        status = getattr(error, "status", None)
        message = self._credentials.mask(str(error).partition("\n\n")[0])  # general advice follows
        return f"{type(error).__name__}{f' {status}' if status else ''}: {message[:_MOST_SAID]}"

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise StoppedError


@dataclass(slots=True)
class _Question:
    """A question that is open, with what is set aside for its next reply."""

    key: str
    messages: Messages
    max_tokens: int
    reservation: Reservation | None = None

    @property
    def estimated(self) -> int:
        return estimated_tokens(self.messages) + self.max_tokens


def _is_fatal(error: BaseException) -> bool:
    """Whether every question would fail alike."""
    from dspy.utils import exceptions

    for_all = (
        exceptions.LMAuthError,
        exceptions.LMBillingError,
        exceptions.LMConfigurationError,
        exceptions.LMUnsupportedModelError,
        ImportError,  # an extra is not installed
    )
    # 404: no such model, or no such address
    return isinstance(error, for_all) or getattr(error, "status", None) == 404


def _is_turned_away(error: BaseException) -> bool:
    """Whether the service did not come to see the question: it may answer when it is asked later."""
    from dspy.utils import exceptions

    kinds = (exceptions.LMRateLimitError, exceptions.LMServerError, exceptions.LMTransportError)
    return isinstance(error, kinds)


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed."""
    from dspy.utils.exceptions import LMUnexpectedError, is_retryable_lm_error

    if isinstance(error, NoAnswerError):
        return True
    if not isinstance(error, Exception) or _is_fatal(error):
        return False
    # A success whose body can't be read comes most often from a proxy.
    unreadable = getattr(error, "status", None) == 200 or isinstance(error, LMUnexpectedError)
    if not unreadable and not is_retryable_lm_error(error):
        return False
    return (_retry_after(error) or 0) <= LONGEST_PAUSE_S


def _retry_after(error: BaseException | None) -> float | None:
    """The seconds that the service asks for."""
    return getattr(error, "retry_after", None)
