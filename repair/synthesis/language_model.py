"""Which language model is asked, how, and how much may be spent on it."""

import os
import threading
from dataclasses import dataclass, replace
from typing import Any

from repair.errors import ConfigurationError
from repair.synthesis.answers import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A model behind any interface that LiteLLM names, and the limits under which it is asked."""

    model: str
    """LiteLLM's name, e.g. `openai/gpt-4o` or `anthropic/claude-3-opus`; a server of one's own that speaks
    OpenAI's interface is `openai/<its model>` with a `base_url`."""
    base_url: str | None = None
    """Where the interface is, if not at the provider's own address."""
    key_variable: str | None = None
    """The environment variable that holds the key; None: none is needed."""
    temperature: float | None = 0.0
    """None: the provider's default, which some models insist on."""
    max_tokens: int = 1024
    """The most tokens of one answer."""
    prefill: bool = True
    """Begin the assistant's turn with `<diff>`. Some interfaces refuse a begun turn."""
    concurrency: int = 8
    """Questions open at once."""
    timeout_s: float = 120.0
    """Of silence, after which an attempt is given up."""
    attempts: int = 5
    """Of one question, before its row is rejected."""
    first_pause_s: float = 1.0
    """Before the second attempt, where the service names no time; it doubles with each attempt."""
    budget_usd: float | None = None
    """When this is spent, the remaining rows are rejected. Passed by what is open then, at most."""
    budget_tokens: int | None = None
    """As `budget_usd`, in tokens of questions and answers together."""
    usd_per_million_input_tokens: float | None = None
    """The price, where the provider's public price list does not hold it (or holds another)."""
    usd_per_million_output_tokens: float | None = None

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigurationError("model is empty: name one as LiteLLM does, e.g. openai/gpt-4o")
        for name in ("max_tokens", "concurrency", "timeout_s", "attempts"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}: it must be above 0")
        for name in ("first_pause_s", "budget_usd", "budget_tokens"):
            if (getattr(self, name) or 0) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}: it can't be below 0")
        prices = (self.usd_per_million_input_tokens, self.usd_per_million_output_tokens)
        if None in prices and prices != (None, None):
            raise ConfigurationError("one of the two prices is set: set both, or none to use the public list")

    def sampling(self) -> dict[str, Any]:
        """What an answer depends on beside its question."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    def client(self) -> dict[str, Any]:
        """The settings of the connection. They hold the key: never to be written or shown.

        Raises:
            ConfigurationError: the environment does not hold the key.
        """
        # OpenAI's clients refuse to run without a key, servers of one's own ignore it.
        key: str | None = "not-needed"
        if self.key_variable is not None:
            key = os.environ.get(self.key_variable)
            if not key:
                raise ConfigurationError(
                    f"the environment variable {self.key_variable} is not set: it must hold the key of"
                    f" {self.model}"
                )
        address = {} if self.base_url is None else {"api_base": self.base_url}
        return {"api_key": key, "timeout": self.timeout_s, **address}

    def priced(self, answer: Answer) -> Answer:
        """`answer` with the cost by the prices set here, if they are set."""
        paid, written = self.usd_per_million_input_tokens, self.usd_per_million_output_tokens
        if paid is None or written is None or answer.input_tokens is None or answer.output_tokens is None:
            return answer
        cost = (answer.input_tokens * paid + answer.output_tokens * written) / 1e6
        return replace(answer, cost_usd=cost)


class Spending:
    """What has been spent against a budget, by several threads.

    An answer that was kept by an earlier run counts as well: a run that was killed and resumed ends at
    the same budget as one that was not.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._lock = threading.Lock()
        self.usd = 0.0
        self.tokens = 0

    def add(self, answer: Answer) -> None:
        """Count an answer.

        Raises:
            ConfigurationError: there is a budget, and what it limits is not known of the answer.
        """
        if self._model.budget_usd is not None and answer.cost_usd is None:
            raise ConfigurationError(
                f"budget_usd is set, but no price of {self._model.model} is known: set"
                " usd_per_million_input_tokens and usd_per_million_output_tokens"
            )
        if self._model.budget_tokens is not None and None in (answer.input_tokens, answer.output_tokens):
            raise ConfigurationError(
                f"budget_tokens is set, but {self._model.model} does not report its tokens"
            )
        with self._lock:
            self.usd += answer.cost_usd or 0.0
            self.tokens += (answer.input_tokens or 0) + (answer.output_tokens or 0)

    def exhausted(self) -> str | None:
        """What has been used up, in words, or None."""
        budget_usd, budget_tokens = self._model.budget_usd, self._model.budget_tokens
        with self._lock:
            if budget_usd is not None and self.usd >= budget_usd:
                return f"{self.usd:.4f} USD of {budget_usd} are spent"
            if budget_tokens is not None and self.tokens >= budget_tokens:
                return f"{self.tokens} tokens of {budget_tokens} are spent"
        return None
