"""What may be asked and spent: so much in any minute, so much in all. For several threads.

DSPy and LiteLLM have no limiter of their own. Tokens are guessed before a question is sent and corrected
when its answer is there: for the rate as a quarter of the characters plus the most that may be answered, for
the budget as an upper bound, one for each byte of UTF-8 (no byte-level tokenizer needs more) plus the most
that may be answered.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from repair.errors import ConfigurationError, RepairError
from repair.synthesis.lm.response_cache import Answer
from repair.synthesis.lm.settings import LanguageModel

MINUTE_S = 60.0

# Whoever waits looks again so often: corrections make room before a minute is over.
_LOOK_AGAIN_S = 0.25

# Of a message beside its text: the role and the marks around it.
_TOKENS_OF_A_MESSAGE = 16

Messages = Sequence[Mapping[str, str]]


def likely_tokens(messages: Messages) -> int:
    """About what a question takes."""
    return sum(len(message["content"]) for message in messages) // 4


def most_tokens(messages: Messages) -> int:
    """What a question takes at the most."""
    texts = [message["content"].encode(errors="surrogatepass") for message in messages]
    return sum(len(text) + _TOKENS_OF_A_MESSAGE for text in texts)


class BudgetExhaustedError(RepairError):
    """Another question could pass the budget; the message says what is spent."""


class StoppedError(RepairError):
    """The run ended while a question waited for its turn."""


@dataclass(slots=True, eq=False)
class Sent:
    """A question that counts in its minute."""

    at: float
    tokens: int
    counted: bool = True
    """Until its minute is over."""


class RateLimit:
    """At most so many requests and tokens in any 60 seconds, whoever asks; None: no limit.

    A question waits until those sent in the last minute leave it room, in the order of arrival. One that is
    larger than the limit itself goes out when it is alone in its minute. `clock` counts seconds.
    """

    def __init__(
        self,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests, self._tokens = requests_per_minute, tokens_per_minute
        self._clock = clock
        self._turn = threading.Lock()  # held by the one that waits for the minute; the others queue behind it
        self._lock = threading.Lock()
        self._minute: deque[Sent] = deque()
        self._used = 0  # tokens of `_minute`

    def admit(self, tokens: int, stop: threading.Event) -> Sent:
        """Wait for room, and take it.

        Raises:
            StoppedError: `stop` was set first.
        """
        with self._turn:
            while True:
                sent, pause = self._try(tokens)
                if sent is not None:
                    return sent
                if stop.wait(min(pause, _LOOK_AGAIN_S)):
                    raise StoppedError

    def correct(self, sent: Sent, tokens: int) -> None:
        """Say what the question took after all, its answer included."""
        with self._lock:
            if sent.counted:
                self._used += tokens - sent.tokens
            sent.tokens = tokens

    def _try(self, tokens: int) -> tuple[Sent | None, float]:
        """The admission, or the seconds until the next one sent leaves the minute."""
        now = self._clock()
        with self._lock:
            while self._minute and self._minute[0].at <= now - MINUTE_S:
                over = self._minute.popleft()
                over.counted = False
                self._used -= over.tokens
            crowded = self._requests is not None and len(self._minute) >= self._requests
            heavy = self._tokens is not None and self._used + tokens > self._tokens
            if self._minute and (crowded or heavy):
                return None, max(self._minute[0].at + MINUTE_S - now, 0.001)
            sent = Sent(now, tokens)
            self._minute.append(sent)
            self._used += tokens
            return sent, 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers took, each of them counted once. They are counted whether their rows go on or not."""

    answers_paid: int = 0
    """Asked for now."""
    answers_kept: int = 0
    """Paid for by an earlier run."""
    cost_usd: float = 0.0
    """Of both together."""
    cost_usd_now: float = 0.0
    """Of those asked for now."""
    input_tokens: int = 0
    output_tokens: int = 0
    answers_without_cost: int = 0
    """Answers of which no cost is known: with them, the costs are lower bounds."""


@dataclass(slots=True)
class _Totals:
    input_tokens: int = 0
    output_tokens: int = 0
    answers: int = 0
    without_cost: int = 0
    usd: float = 0.0

    def add(self, answer: Answer) -> None:
        self.answers += 1
        self.input_tokens += answer.input_tokens or 0
        self.output_tokens += answer.output_tokens or 0
        self.without_cost += answer.cost_usd is None
        self.usd += answer.cost_usd or 0.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an open question may cost at the most."""

    tokens: int
    usd: float


class Budget:
    """What has been spent, and what the open questions may add to it, against the model's budget.

    A question is sent only if it can't pass the budget together with what is spent and what every open
    question may cost. If it might, it waits for them: they cost less as a rule. Answers kept by an earlier
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
        self._paid, self._kept = _Totals(), _Totals()
        self._counted: set[str] = set()
        self._open = 0
        self._open_tokens = 0
        self._open_usd = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return self._model.budget_usd is not None or self._model.budget_tokens is not None

    @property
    def spent(self) -> Spent:
        """The totals until now."""
        with self._changed:
            paid, kept = self._paid, self._kept
            return Spent(
                answers_paid=paid.answers,
                answers_kept=kept.answers,
                cost_usd=paid.usd + kept.usd,
                cost_usd_now=paid.usd,
                input_tokens=paid.input_tokens + kept.input_tokens,
                output_tokens=paid.output_tokens + kept.output_tokens,
                answers_without_cost=paid.without_cost + kept.without_cost,
            )

    def count_kept(self, key: str, answer: Answer) -> None:
        """Count an answer of an earlier run, once.

        Raises:
            ConfigurationError: there is a budget, and what it limits is not known of the answer.
        """
        self._require_known(answer)
        with self._changed:
            if key not in self._counted:
                self._counted.add(key)
                self._kept.add(answer)

    def reserve(self, messages: Messages, stop: threading.Event) -> Reservation:
        """Keep aside what a question may cost; `settle` it in any case.

        Raises:
            BudgetExhaustedError: it could pass the budget with no other question open.
            StoppedError: `stop` was set while it waited for the open ones.
        """
        tokens, usd = most_tokens(messages), 0.0
        if self._price is not None:
            usd = (tokens * self._price[0] + self._model.max_tokens * self._price[1]) / 1e6
        wanted = Reservation(tokens + self._model.max_tokens, usd)
        with self._changed:
            while said := self._passed_by(wanted):
                if not self._open:
                    raise BudgetExhaustedError(said)
                self._changed.wait(_LOOK_AGAIN_S)
                if stop.is_set():
                    raise StoppedError
            self._open += 1
            self._open_tokens += wanted.tokens
            self._open_usd += wanted.usd
        return wanted

    def settle(self, reservation: Reservation, key: str, answer: Answer | None) -> None:
        """Give a reservation back; `answer` is what was paid for it, None if nothing came.

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

    def _passed_by(self, wanted: Reservation) -> str | None:
        """What could be passed, in words, or None."""
        budget_usd, budget_tokens = self._model.budget_usd, self._model.budget_tokens
        usd = self._paid.usd + self._kept.usd
        tokens = sum(each.input_tokens + each.output_tokens for each in (self._paid, self._kept))
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
