"""Settings of a language model: provider, sampling, rate limit, budget and price.

Tested by `tests/repair/synthesis/lm/test_teacher.py`.
"""

import os
import re
from dataclasses import dataclass, field, replace
from typing import Any

from repair.credentials import Credentials, origin, proxies, split_url
from repair.errors import ConfigurationError
from repair.extras import extra
from repair.synthesis.lm.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A model of any provider that LiteLLM names, and the limits of its use."""

    model: str
    """LiteLLM's name, e.g. `openai/gpt-4o` or `anthropic/claude-3-opus`; a server of one's own with OpenAI's
    API is `openai/<its model>` with a `base_url`."""
    base_url: str | None = field(default=None, repr=False)
    """The address of the API, if not the provider's own. Its path may hold a token; a user and a password, or
    a query, are refused."""
    key_variable: str | None = field(default=None, repr=False)
    """The environment variable that holds the key; None: none is needed."""
    temperature: float | None = 0.0
    """None: the provider's default, which some models insist on."""
    top_p: float | None = None
    top_k: int | None = None
    """Sent where the provider's API has it. None, here as in `top_p`: the provider's default."""
    max_tokens: int = 1024
    """The most tokens of one answer."""
    prefill: bool = True
    """Begin the assistant's turn with `<diff>`. Some APIs refuse a begun turn."""
    concurrency: int = 8
    """Questions open at once."""
    timeout_s: float = 120.0
    """Seconds of silence after which an attempt is given up."""
    attempts: int = 5
    """Of one question, before its row is rejected."""
    first_pause_s: float = 1.0
    """Pause before the second attempt, where the service names none; it doubles with each attempt."""
    requests_per_minute: int | None = None
    """The most requests sent in any 60 seconds, attempts included; None: no limit."""
    tokens_per_minute: int | None = None
    """The most tokens of questions and answers in any 60 seconds, by the estimate."""
    budget_usd: float | None = None
    """The most that may be spent. A question that could exceed it is not sent, and its row is rejected."""
    budget_tokens: int | None = None
    """As `budget_usd`, in tokens of questions and answers together."""
    usd_per_million_input_tokens: float | None = None
    """The price, where the provider's public price list does not hold it (or holds another)."""
    usd_per_million_output_tokens: float | None = None

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigurationError("model is empty: name one as LiteLLM does, e.g. openai/gpt-4o")
        for name in (
            *("max_tokens", "concurrency", "timeout_s", "attempts"),
            *("requests_per_minute", "tokens_per_minute"),
        ):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigurationError(f"{name} is {value}: it must be above 0")
        for name in ("first_pause_s", "budget_usd", "budget_tokens"):
            if (getattr(self, name) or 0) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}: it can't be below 0")
        prices = (self.usd_per_million_input_tokens, self.usd_per_million_output_tokens)
        if None in prices and prices != (None, None):
            raise ConfigurationError("one of the two prices is set: set both, or none to use the public list")
        if self.base_url:
            _check_address(self.base_url)

    @property
    def address(self) -> str | None:
        """`scheme://host:port` of the API: all of the address that is shown or stored."""
        return origin(self.base_url) if self.base_url else None

    def credentials(self, *, unmistakable: bool = False) -> Credentials:
        """The key and the secret parts of the address, to mask them."""
        return Credentials([self._key()], [self.base_url, *proxies()], unmistakable=unmistakable)

    def sampling(self) -> dict[str, Any]:
        """Sampling parameters: an answer depends on them beside its question."""
        nucleus = {"top_p": self.top_p, "top_k": self.top_k}
        chosen = {name: value for name, value in nucleus.items() if value is not None}
        return {"temperature": self.temperature, "max_tokens": self.max_tokens, **chosen}

    def connection(self) -> dict[str, Any]:
        """Keyword arguments of the API client. They hold the key: never write or show them.

        Raises:
            ConfigurationError: the environment does not hold the key.
        """
        # OpenAI's clients refuse to run without a key, servers of one's own ignore it.
        key: str | None = "not-needed"
        if self.key_variable is not None:
            key = self._key()
            if not key:
                raise ConfigurationError(
                    f"the environment variable {_shown(self.key_variable)} is not set: it must hold the key"
                    f" of {self.model}"
                )
        address = {} if not self.base_url else {"api_base": self.base_url}
        return {"api_key": key, "timeout": self.timeout_s, **address}

    def _key(self) -> str | None:
        """The key, without the newline that a file of secrets ends with."""
        return os.environ.get(self.key_variable, "").strip() if self.key_variable else None

    def priced(self, reply: Reply) -> Reply:
        """`reply` with its cost by the prices set here, if they are set."""
        paid, written = self.usd_per_million_input_tokens, self.usd_per_million_output_tokens
        if paid is None or written is None or reply.input_tokens is None or reply.output_tokens is None:
            return reply
        cost = (reply.input_tokens * paid + reply.output_tokens * written) / 1e6
        return replace(reply, cost_usd=cost)

    def price(self) -> tuple[float, float] | None:
        """USD for a million tokens of questions and of answers: as set here, or as the public list has it."""
        paid, written = self.usd_per_million_input_tokens, self.usd_per_million_output_tokens
        if paid is not None and written is not None:
            return paid, written
        with extra("lm"):
            from dspy.clients.model_metadata import model_info  # what DSPy prices answers by

        provider, _, name = self.model.partition("/")
        listed = model_info(provider, name)
        paid, written = listed.get("input_cost_per_token"), listed.get("output_cost_per_token")
        return None if paid is None or written is None else (paid * 1e6, written * 1e6)


def _check_address(url: str) -> None:
    parts = split_url(url, "the address of the model (base_url, REPAIR_MODEL_URL)")
    if "@" in parts.netloc:
        raise ConfigurationError(
            f"the address of the model at {origin(url)} holds a user or a password, which its API does not"
            " take: set the address without them, and name the environment variable that holds the key in"
            " key_variable (REPAIR_MODEL_KEY_VARIABLE)"
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(
            f"the address of the model at {origin(url)} has a query or a fragment, behind which no path of"
            " its API can stand: set the address without it"
        )


def _shown(variable: str) -> str:
    """The name of a variable; a mask where it may be the key itself, set in its place."""
    return variable if re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", variable) else "that key_variable names"
