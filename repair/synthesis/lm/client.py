"""LLM client: response cache, rate limit, budget and retries.

What would fail for every question alike (a wrong key, an unknown model, a service that is down) is a
`TeacherError`: rows are not rejected for the mistakes of a deployment.

Tested by `tests/repair/synthesis/lm/test_teacher.py`, against a server that fails in every way listed there.
"""

import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError, RepairError, TeacherError
from repair.extras import extra
from repair.synthesis.lm.limits import Budget, Messages, RateLimit, StoppedError, estimated_tokens
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.response_cache import Answer, ResponseCache, answer_key
from repair.synthesis.lm.settings import LanguageModel

with extra("lm"):
    from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

# A service that asks for a longer pause is as good as down: the row fails, and a later run asks again.
LONGEST_PAUSE_S = 60.0

# After this many failures in a row the service is down, and the other questions would only wait for it.
MOST_FAILURES_RUNNING = 50


class QuestionFailedError(RepairError):
    """This question got no answer; the message says why."""


class LmClient:
    """Client of one model with a response cache (the file `cache`), a rate limit, a budget and retries.

    Raises ConfigurationError if there is a budget in money and no price is known.
    """

    def __init__(self, model: LanguageModel, cache: Path) -> None:
        self.budget = Budget(model)
        self.stop = threading.Event()
        """Set it to end every wait: a waiting thread raises StoppedError."""
        self.fatal: Exception | None = None
        """The first error that every question would meet."""
        self._model = model
        self._rate = RateLimit(model.requests_per_minute, model.tokens_per_minute)
        self._cache = ResponseCache(cache)
        self._open: dict[str, threading.Event] = {}
        self._open_lock = threading.Lock()
        self._failures_running = 0

    def close(self) -> None:
        """Close the response cache."""
        self._cache.close()

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
        """The cached answer, counted against the budget."""
        answer = self._cache.get(key)
        if answer is not None:
            self.budget.count_cached(key, answer)
        return answer

    def answer(self, key: str, messages: Messages, send: Callable[[], Answer]) -> Answer:
        """The cached answer under `key`, or the one that `send` gets for `messages`.

        `send` sends one request and raises DSPy's `LMError`. Equal questions that are open together are sent
        once.

        Raises:
            QuestionFailedError: it was refused, or failed on every attempt.
            BudgetExhaustedError: it could pass the budget.
            StoppedError: `stop` was set.
            TeacherError: every question would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of the answer.
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
            return self._paid(key, messages, send) if answer is None else answer
        except (TeacherError, ConfigurationError) as error:
            self.fatal = self.fatal or error
            raise
        finally:
            with self._open_lock:
                del self._open[key]
            mine.set()

    def _paid(self, key: str, messages: Messages, send: Callable[[], Answer]) -> Answer:
        reservation = self.budget.reserve(messages, self.stop)
        try:
            answer = self._model.priced(self._send_with_retries(messages, send))
            self._cache.put(key, self._model.model, answer)
        except BaseException:
            self.budget.settle(reservation, key, None)
            raise
        self.budget.settle(reservation, key, answer)
        return answer

    def _send_with_retries(self, messages: Messages, send: Callable[[], Answer]) -> Answer:
        from dspy.utils.exceptions import LMError

        # Jitter: requests that were turned away together must not come back together.
        jitter = 1 + zlib.crc32(messages[-1]["content"].encode(errors="replace")) / 2**33
        estimated = estimated_tokens(messages) + self._model.max_tokens

        def attempt() -> Answer:
            sent = self._rate.admit(estimated, self.stop)
            answer = send()
            self._failures_running = 0
            if answer.input_tokens is not None and answer.output_tokens is not None:
                self._rate.correct(sent, answer.input_tokens + answer.output_tokens)
            return answer

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
        try:
            return retrying(attempt)
        except (LMError, ValueError) as error:  # ValueError: a text that has no UTF-8 form
            if _is_fatal(error):
                raise TeacherError(f"{self._model.model} can't be asked: {_cause(error)}") from error
            self._count_failure(error)
            tried = retrying.statistics["attempt_number"]
            raise QuestionFailedError(f"attempt {tried}: {_cause(error)}") from error

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise StoppedError

    def _count_failure(self, error: Exception) -> None:
        self._failures_running += 1
        if self._failures_running >= MOST_FAILURES_RUNNING:
            raise TeacherError(
                f"{self._failures_running} questions to {self._model.model} failed with no answer in between,"
                f" the last one with: {_cause(error)}"
            ) from error


def _is_fatal(error: BaseException) -> bool:
    """Whether every question would fail alike."""
    from dspy.utils import exceptions

    for_all = (
        exceptions.LMAuthError,
        exceptions.LMBillingError,
        exceptions.LMConfigurationError,
        exceptions.LMUnsupportedModelError,
    )
    # 404: no such model, or no such address
    return isinstance(error, for_all) or getattr(error, "status", None) == 404


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed."""
    from dspy.utils.exceptions import LMUnexpectedError, is_retryable_lm_error

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


def _cause(error: Exception) -> str:
    status = getattr(error, "status", None)
    message = str(error).partition("\n\n")[0]  # general advice follows
    return f"{type(error).__name__}{f' {status}' if status else ''}: {message[:500]}"
