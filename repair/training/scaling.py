"""Scaling study and its ablations: the models, the numbers of training examples, and nested subsets.

A smaller subset is part of every larger one of the same seed, so that two sizes differ in the examples that
were added and in nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from repair.prompt.answer_formats import LINE_DIFF
from repair.prompt.variants import INSTRUCTION, SENTINELS, UNNUMBERED, WHOLE_FILE
from repair.text.stable_hash import rank

SIZES = (0, 300, 1_000, 3_000, 10_000, 25_000, 50_000, 75_000)
"""Training examples. 0 is the base without training, where a recipe has one."""

SMALL = "smollm2-135m"


@dataclass(frozen=True, slots=True)
class Scaled:
    """What is trained: a recipe, and how it is asked and answers."""

    recipe: str
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer_format: str = LINE_DIFF
    variant: str = SENTINELS
    """Of the prompt: a name of `repair.prompt.variants`."""
    asked_of_itself: int = 0
    """Rejection sampling: a model of so many examples answers as many further questions of the mixture, so
    often; what is kept of its answers is learned, too, by the model of the point."""
    beside: str | None = None
    """What it differs from in one thing and is compared with; None: its own sizes are compared."""

    @property
    def is_repetition(self) -> bool:
        """Whether it is another training of what it stands beside: the same, with another seed."""
        return self.beside is not None and set(self.overrides) == {"seed"}


_FROM_SCRATCH = {
    "epochs": 3,
    "precision": "amp_bf16",
    "attention": "per_sample",
    "resumption": {"every_batches": 100},
}
"""`tiny` masks padded rows and computes in 32 bits, which takes far longer at 35 million weights. Its
learning rate is for 128 hidden units, and falls with the width as in muP (Yang et al. 2022): at 2e-3 ten
million weights end above the loss of two."""


def _llama(hidden_size: int, intermediate_size: int, layers: int, heads: int) -> Scaled:
    sizes = {
        "hidden_size": hidden_size,
        "intermediate_size": intermediate_size,
        "layers": layers,
        "heads": heads,
    }
    of_base = {f"base.{name}": size for name, size in sizes.items()}
    return Scaled("tiny", {**_FROM_SCRATCH, **of_base, "optimizer.learning_rate": 2e-3 * 128 / hidden_size})


def _small(**different: Any) -> Scaled:
    return Scaled(SMALL, beside=SMALL, **different)


SCALED: Mapping[str, Scaled] = {
    "scratch-2m": _llama(192, 448, 4, 4),
    "scratch-10m": _llama(384, 1088, 5, 6),
    "scratch-35m": _llama(640, 1664, 7, 10),
    SMALL: Scaled(SMALL),
    f"{SMALL}-unified-diff": _small(answer_format="unified_diff"),
    f"{SMALL}-unified-diff-unnumbered": _small(answer_format="unified_diff_unnumbered"),
    f"{SMALL}-search-replace": _small(answer_format="search_replace"),
    f"{SMALL}-instruction": _small(variant=INSTRUCTION),
    f"{SMALL}-whole-file": _small(variant=WHOLE_FILE),
    f"{SMALL}-unnumbered": _small(variant=UNNUMBERED),
    f"{SMALL}-2-epochs": _small(overrides={"epochs": 2}),
    f"{SMALL}-4-epochs": _small(overrides={"epochs": 4}),
    f"{SMALL}-self-taught": _small(asked_of_itself=1),
    f"{SMALL}-seed-18": _small(overrides={"seed": 18}),
    f"{SMALL}-seed-19": _small(overrides={"seed": 19}),
    "deepseek-coder-7b-instruct-v1.5": Scaled("deepseek-coder-7b-instruct-v1.5"),
}
"""Those from scratch are `tiny` in other sizes and for more epochs; one that stands beside another differs
from it in what its name says."""


def nested_subset(examples: Iterable[str], size: int, seed: int) -> list[str]:
    """At most `size` of the ids of `examples`, drawn at random by a seeded hash.

    Those of a smaller size are the first of a larger one's, whatever the order of `examples`.
    """
    return sorted(examples, key=lambda example: rank(seed, "scaling", example))[:size]
