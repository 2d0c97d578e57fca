"""Model interface: whatever answers the prompt of a stored sample, with size and latency of each answer.

| model | is | where |
|---|---|---|
| a checkpoint, or the base that it was trained from | decoded in batches | `repair.models.checkpoint` |
| `empty`, `history` | no change; the reference fix itself | `repair.models.baselines` |
| `rules` | the rule-based teacher | `repair.synthesis.rules.model` |
| a server with OpenAI's API, any model of LiteLLM | 0-, 1- or 2-shot | `repair.synthesis.lm.model` |

Tested by `tests/repair/models/test_checkpoint.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from repair.errors import ConfigurationError


class FinishReason(StrEnum):
    """Why a completion ended."""

    ENDED = "ended"  # the model ended it: the end-of-text token, a service's `stop`
    CLOSED = "closed"  # the line that closes the diff; nothing after it counts
    CUT = "cut"  # all new tokens are used up
    TOO_LONG = "too_long"  # the prompt leaves no room for the new tokens: not decoded
    UNANSWERED = "unanswered"  # the service gave none, or no rule has one


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: its text, why it ended, its tokens and the seconds until its end; null: not known.

    Of a prompt without an answer the text is empty. `seconds` count from the start of its batch, or of the
    request that got it: what else was decoded or open at that time slows it down.
    """

    text: str
    finish_reason: FinishReason
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None
    log_probability: float | None = None
    """Natural logarithm, of a greedy answer or one that a search found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are drawn: pass@1 of the reference system by default. A temperature of 0 is greedy.

    `search`: best-first search for the likeliest answers that change something, instead of draws; a greedy
    answer that does is the first. A checkpoint alone can be searched.
    """

    temperature: float = 0.1
    top_p: float = 0.95
    top_k: int = 50
    seed: int = 17
    max_new_tokens: int = 256
    search: bool = False

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.top_k < 1 or self.max_new_tokens < 1:
            raise ConfigurationError(
                f"temperature is {self.temperature}, top_p {self.top_p}, top_k {self.top_k}, max_new_tokens"
                f" {self.max_new_tokens}; expected at least 0, above 0 and at most 1, at least 1, at least 1"
            )

        if self.search and self.temperature > 0:
            raise ConfigurationError(
                f"search is true and temperature {self.temperature}: a search draws nothing, expected 0"
            )

    def check_drawn(self, model: str) -> None:
        """Raises ConfigurationError if answers are to be searched: `model`, behind an API, draws them."""
        if self.search:
            raise ConfigurationError(
                f"search is true, and {model} answers behind an API, which draws: search a checkpoint only"
            )

    def check_answers(self, k: int) -> None:
        """Raises ConfigurationError if `k` answers to one prompt can't be drawn, or would all be equal."""
        if k < 1 or (k > 1 and self.temperature == 0 and not self.search):
            raise ConfigurationError(
                f"answers is {k} and temperature {self.temperature}: expected at least 1 answer, and a"
                " temperature above 0 for more than one, which would all be the same"
            )


class Model(Protocol):
    """Answers the prompts of samples."""

    @property
    def name(self) -> str:
        """What identifies it in tables; it holds no address and no secret."""
        ...

    def prompt(self, sample: Mapping[str, Any]) -> str:
        """What it is asked about a sample (a row with `path`, `files` and `diagnostic`).

        Raises:
            PromptError: the sample can't be written as a prompt.
        """
        ...

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        """`k` answers to each sample, in order. One that always answers the same repeats it.

        Raises:
            PromptError: a sample can't be written as a prompt.
        """
        ...
