"""A checkpoint as a model: it continues the prompt, as it was trained to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from repair.errors import ConfigurationError
from repair.models.decoding import BATCH, Decoder
from repair.models.model import Completion, Sampling
from repair.prompt.answer_formats import LINE_DIFF
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import ZERO_SHOT_SYSTEM
from repair.prompt.variants import SENTINELS

Decode = Callable[[Sequence[str], int], Iterable[list[Completion]]]
"""So many completions of each prompt, in order: decoded here, or by a child process."""


def all_at_once(decode: Decode, k: int) -> Decode:
    """Decodes `k` answers to each prompt at the first question, whatever part of them it asks for.

    For searched answers that are logged, where most prompts need more than the first: a search that is asked
    for more reads the prompt, and decodes its greedy answer, again.
    """

    def decoded(prompts: Sequence[str], count: int) -> Iterator[list[Completion]]:
        for answers in decode(prompts, max(k, count)):
            yield answers[:count]

    return decoded


@dataclass(frozen=True, slots=True)
class CheckpointModel:
    """A model in Hugging Face format, decoded in batches.

    `instructions` precede each prompt: a base model never learned what the sentinels ask for. It is given
    the zero-shot instructions with their worked example as plain text, not in a chat template. It is asked in
    the variant (`repair.prompt.variants`), and answers in the format, that it was trained on.
    """

    name: str
    decode: Decode
    instructions: str = ""
    answer_format: str = LINE_DIFF
    variant: str = SENTINELS

    @classmethod
    def load(cls, folder: str, *, name: str, sampling: Sampling, batch_size: int = BATCH) -> Self:
        """The checkpoint in `folder` (a path or URI), loaded in this process."""
        return cls.of(Decoder(folder), name=name, sampling=sampling, batch_size=batch_size)

    @classmethod
    def of(
        cls, decoder: Decoder, *, name: str, sampling: Sampling, batch_size: int = BATCH, lookup: bool = False
    ) -> Self:
        """A checkpoint that is loaded already, and may be shared. `lookup`: as in `Decoder.decode`."""

        def decode(prompts: Sequence[str], k: int) -> list[list[Completion]]:
            batches = decoder.decode(prompts, sampling, k=k, batch_size=batch_size, lookup=lookup)
            answers = {(index, number): answer for batch in batches for index, number, answer in batch}
            return [[answers[index, number] for number in range(k)] for index in range(len(prompts))]

        return cls(name, decode)

    def prompt(self, sample: Mapping[str, Any]) -> str:
        return f"{self.instructions}{prompt_of(sample, self.answer_format, self.variant)}"

    def answer(self, samples: Sequence[Mapping[str, Any]], *, k: int = 1) -> Iterator[list[Completion]]:
        yield from self.decode([self.prompt(sample) for sample in samples], k)


BASE_INSTRUCTIONS = f"{ZERO_SHOT_SYSTEM}\n\n"


def has_base(made_by: Mapping[str, Any]) -> bool:
    """Whether a checkpoint was trained from a published model, by its own record (`made_by.json`)."""
    return made_by["recipe"]["base"]["kind"] == "Pretrained"


def base_of(made_by: Mapping[str, Any], checkpoint: str) -> tuple[str, str | None]:
    """Name or folder, and revision, of the model that a checkpoint was trained from.

    `made_by` is the checkpoint's own record (`made_by.json`), `checkpoint` names it in the error.

    Raises:
        ConfigurationError: it was trained from scratch.
    """
    base = made_by["recipe"]["base"]
    if not has_base(made_by):
        raise ConfigurationError(
            f"{checkpoint} was trained from scratch by the recipe {made_by['recipe']['name']}: there is no"
            " base model to compare it with; leave `base` out of the models"
        )
    return base["path"], base["revision"]
