"""Rate limit per minute, shared through a database, and total budget of LLM calls; thread-safe.

DSPy and LiteLLM have no rate limiter of their own. Tokens are estimated before a question is sent and
corrected when its answer is there. For the rate the estimate is a quarter of the characters plus the most
tokens of an answer; for the budget it is an upper bound, one token for each byte of UTF-8 (no byte-level
tokenizer needs more) plus the most tokens of an answer.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from repair.database import Database, Execute
from repair.errors import ConfigurationError, RepairError
from repair.synthesis.lm.reply import Reply
from repair.synthesis.lm.response_cache import Answer
from repair.synthesis.lm.settings import LanguageModel

MINUTE_S = 60.0

_REQUESTS = """
CREATE TABLE IF NOT EXISTS requests (
    number {dialect.serial},
    model TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    tokens BIGINT NOT NULL
)
"""
_REQUESTS_BY_TIME = "CREATE INDEX IF NOT EXISTS requests_by_time ON requests (model, at)"

# A waiting thread polls at this interval: corrections make room before a minute is over.
_POLL_S = 0.25

# Overhead of a message beside its text: the role and the marks around it.
_TOKENS_PER_MESSAGE = 16

Messages = Sequence[Mapping[str, str]]


def estimated_tokens(messages: Messages) -> int:
    """Estimated tokens of a question: a quarter of its characters."""
    return sum(len(message["content"]) for message in messages) // 4


def token_upper_bound(messages: Messages) -> int:
    """Upper bound of a question's tokens: one for each byte."""
    texts = [message["content"].encode(errors="surrogatepass") for message in messages]
    return sum(len(text) + _TOKENS_PER_MESSAGE for text in texts)


class BudgetExhaustedError(RepairError):
    """Another question could exceed the budget; the message says what is spent."""


class StoppedError(RepairError):
    """The run ended while a question waited for its turn."""


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that the rate limiter admitted."""

    number: int
    at: float
    """By the database's clock."""


class RateLimit:
    """Sliding-window rate limiter: requests and tokens in any 60 seconds; None: no limit.

    All that ask the model `name` with one `database` share it: threads, processes, and machines. A request
    waits until those sent in the last minute leave room for it, within a process in the order of arrival. One
    that is larger than the limit itself is sent when it is alone in its minute. `clock` counts seconds; None:
    the database's own.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._database, self._name = database, name
        self._requests, self._tokens = requests_per_minute, tokens_per_minute
        self._limited = requests_per_minute is not None or tokens_per_minute is not None
        self._clock = clock
        self._turn = threading.Lock()  # held by the thread that waits for room; the others queue for it
        if self._limited:
            database.create([_REQUESTS, _REQUESTS_BY_TIME])

    def admit(self, tokens: int, stop: threading.Event) -> SentRequest:
        """Wait until the limits admit a request of that many tokens, and count it.

        Raises:
            StoppedError: `stop` was set first.
            DatabaseError: the database can't be used.
        """
        if not self._limited:
            return SentRequest(0, time.time())
        with self._turn:
            while True:
                found = self._database.transact(lambda execute: self._try(execute, tokens), lock=self._name)
                if isinstance(found, SentRequest):
                    return found
                if stop.wait(min(found, _POLL_S)):
                    raise StoppedError

    def correct(self, sent: SentRequest, tokens: int) -> None:
        """Replace the estimate by the tokens that question and answer took."""
        if self._limited:
            self._database.execute("UPDATE requests SET tokens = ? WHERE number = ?", (tokens, sent.number))

    def _try(self, execute: Execute, tokens: int) -> SentRequest | float:
        """The admission, or the seconds until the oldest request leaves the window."""
        now = self._clock() if self._clock else execute(f"SELECT {self._database.dialect.now}")[0][0]
        # what is of the future was counted before the clock was set back
        outside = "DELETE FROM requests WHERE model = ? AND (at <= ? OR at > ?)"
        execute(outside, (self._name, now - MINUTE_S, now + MINUTE_S))
        [[count, used, oldest]] = execute(
            "SELECT count(*), coalesce(sum(tokens), 0), min(at) FROM requests WHERE model = ?", (self._name,)
        )
        requests_full = self._requests is not None and count >= self._requests
        tokens_full = self._tokens is not None and used + tokens > self._tokens
        if count and (requests_full or tokens_full):
            return max(oldest + MINUTE_S - now, 0.001)
        execute("INSERT INTO requests (model, at, tokens) VALUES (?, ?, ?)", (self._name, now, tokens))
        [[number]] = execute("SELECT max(number) FROM requests WHERE model = ?", (self._name,))
        return SentRequest(number, now)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and cost of all replies, each counted once, those of rejected rows and what was no answer
    included."""

    answers_paid: int = 0
    """Replies that this run paid for, also those that were no answer."""
    answers_cached: int = 0
    """Answers that an earlier run paid for."""
    cost_usd: float = 0.0
    """Of both together, and of an earlier run's replies that were no answer."""
    cost_usd_now: float = 0.0
    """Of those that this run paid for."""
    input_tokens: int = 0
    output_tokens: int = 0
    answers_without_cost: int = 0
    """Answers without a known cost: with them, the costs are lower bounds."""


@dataclass(slots=True)
class _Totals:
    input_tokens: int = 0
    output_tokens: int = 0
    answers: int = 0
    without_cost: int = 0
    usd: float = 0.0

    def add(self, answer: Answer | Reply, *, answers: int = 1) -> None:
        self.answers += answers
        self.input_tokens += answer.input_tokens or 0
        self.output_tokens += answer.output_tokens or 0
        self.without_cost += answer.cost_usd is None
        self.usd += answer.cost_usd or 0.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that an open question may cost, set aside from the budget."""

    tokens: int
    usd: float


class Budget:
    """Budget of LLM calls with reservations: what is spent, plus the most that open questions may cost.

    A question is sent only if it can't exceed the budget together with what is spent and what every open
    question may cost. If it might, it waits for them: they cost less as a rule. Cached answers of an earlier
    run count as well, so that a run that was killed and resumed ends at the same budget.

    Raises:
        ConfigurationError: there is a budget in money and no price of the model is known.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._price = model.price() if model.budget_usd is not None else None
        if model.budget_usd is not None and self._price is None:
            raise ConfigurationError(
                f"budget_usd is set, but no price of {model.model} is known: set"
                " usd_per_million_input_tokens and usd_per_million_output_tokens"
            )
        self._changed = threading.Condition()
        self._paid, self._cached = _Totals(), _Totals()
        self._counted: set[str] = set()
        self._open = 0
        self._open_tokens = 0
        self._open_usd = 0.0
        self._unknown_tokens, self._unknown_usd = 0, 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return self._model.budget_usd is not None or self._model.budget_tokens is not None

    @property
    def usage(self) -> Usage:
        """The totals so far."""
        with self._changed:
            paid, cached = self._paid, self._cached
            return Usage(
                answers_paid=paid.answers,
                answers_cached=cached.answers,
                cost_usd=paid.usd + cached.usd,
                cost_usd_now=paid.usd,
                input_tokens=paid.input_tokens + cached.input_tokens,
                output_tokens=paid.output_tokens + cached.output_tokens,
                answers_without_cost=paid.without_cost + cached.without_cost,
            )

    def count_cached(self, key: str, answer: Answer) -> None:
        """Count the cached answer of an earlier run, once.

        Raises:
            ConfigurationError: there is a budget, and what it limits is not known of the answer.
        """
        self._require_known(answer)
        with self._changed:
            if key not in self._counted:
                self._counted.add(key)
                self._cached.add(answer)

    def count_unanswered(self, key: str, reply: Reply) -> None:
        """Count a reply of an earlier run that was no answer, once."""
        with self._changed:
            if key not in self._counted:
                self._counted.add(key)
                self._cached.add(reply, answers=0)

    def reserve(self, messages: Messages, stop: threading.Event) -> Reservation:
        """Set aside the most that a question may cost; call `settle` in any case.

        Raises:
            BudgetExhaustedError: it could exceed the budget with no other question open.
            StoppedError: `stop` was set while it waited for the open ones.
        """
        tokens, usd = token_upper_bound(messages), 0.0
        if self._price is not None:
            usd = (tokens * self._price[0] + self._model.max_tokens * self._price[1]) / 1e6
        wanted = Reservation(tokens + self._model.max_tokens, usd)
        with self._changed:
            while excess := self._excess(wanted):
                if not self._open:
                    raise BudgetExhaustedError(excess)
                self._changed.wait(_POLL_S)
                if stop.is_set():
                    raise StoppedError
            self._open += 1
            self._open_tokens += wanted.tokens
            self._open_usd += wanted.usd
        return wanted

    def settle(self, reservation: Reservation, key: str, answer: Answer | None) -> None:
        """Release a reservation and count the answer that was paid for; None if there is none.

        Raises:
            ConfigurationError: there is a budget, and what it limits is not known of the answer.
        """
        with self._changed:
            self._open -= 1
            self._open_tokens -= reservation.tokens
            self._open_usd = self._open_usd - reservation.usd if self._open else 0.0
            if answer is not None:
                self._counted.add(key)
                self._paid.add(answer)
            self._changed.notify_all()
        if answer is not None:
            self._require_known(answer)

    def settle_unanswered(self, reservation: Reservation, key: str, reply: Reply) -> None:
        """Release a reservation and count a reply that was paid for and is no answer.

        Where the service does not say what it took, all that was set aside for it counts as spent.
        """
        with self._changed:
            if reply.input_tokens is None or reply.output_tokens is None:
                self._unknown_tokens += reservation.tokens
            if reply.cost_usd is None:
                self._unknown_usd += reservation.usd
            if key not in self._counted:
                self._counted.add(key)
                self._paid.add(reply)
        self.settle(reservation, key, None)

    def _excess(self, wanted: Reservation) -> str | None:
        """Which budget the reservation could exceed, as a message, or None."""
        budget_usd, budget_tokens = self._model.budget_usd, self._model.budget_tokens
        usd = self._paid.usd + self._cached.usd + self._unknown_usd
        tokens = sum(total.input_tokens + total.output_tokens for total in (self._paid, self._cached))
        tokens += self._unknown_tokens
        if budget_usd is not None and usd + self._open_usd + wanted.usd > budget_usd:
            return f"{usd:.4f} USD of {budget_usd} are spent, and this could take {wanted.usd:.4f}"
        if budget_tokens is not None and tokens + self._open_tokens + wanted.tokens > budget_tokens:
            return f"{tokens} tokens of {budget_tokens} are spent, and this could take {wanted.tokens}"
        return None

    def _require_known(self, answer: Answer) -> None:
        if self._model.budget_usd is not None and answer.cost_usd is None:
            raise ConfigurationError(f"budget_usd is set, but what {self._model.model} costs is not known")
        if self._model.budget_tokens is not None and None in (answer.input_tokens, answer.output_tokens):
            raise ConfigurationError(
                f"budget_tokens is set, but {self._model.model} does not report its tokens"
            )
