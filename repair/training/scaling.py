"""Scaling study: the models, their answer formats, the numbers of training examples, and nested subsets.

A smaller subset is part of every larger one of the same seed, so that two sizes differ in the examples that
were added and in nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from repair.prompt.answer_formats import LINE_DIFF
from repair.text.stable_hash import rank

SIZES = (0, 300, 1_000, 3_000, 10_000, 25_000, 50_000, 75_000)
"""Training examples. 0 is the base without training, where a recipe has one."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """What is trained: a recipe, and the format in which it is asked and answers."""

    recipe: str
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer_format: str = LINE_DIFF


def _llama(hidden_size: int, intermediate_size: int, layers: int, heads: int) -> Scaled:
    sizes = {
        "hidden_size": hidden_size,
        "intermediate_size": intermediate_size,
        "layers": layers,
        "heads": heads,
    }
    return Scaled("tiny", {"epochs": 3, **{f"base.{name}": size for name, size in sizes.items()}})


SCALED: Mapping[str, Scaled] = {
    "scratch-2m": _llama(192, 448, 4, 4),
    "scratch-10m": _llama(384, 1088, 5, 6),
    "scratch-35m": _llama(640, 1664, 7, 10),
    "smollm2-135m": Scaled("smollm2-135m"),
    "smollm2-135m-unified-diff": Scaled("smollm2-135m", answer_format="unified_diff"),
    "smollm2-135m-unified-diff-unnumbered": Scaled("smollm2-135m", answer_format="unified_diff_unnumbered"),
    "smollm2-135m-search-replace": Scaled("smollm2-135m", answer_format="search_replace"),
    "deepseek-coder-7b-instruct-v1.5": Scaled("deepseek-coder-7b-instruct-v1.5"),
}
"""Those from scratch are `tiny` in other sizes and for more epochs, and those of another format the same
examples: all else is equal."""


def nested_subset(examples: Iterable[str], size: int, seed: int) -> list[str]:
    """At most `size` of the ids of `examples`, drawn at random by a seeded hash.

    Those of a smaller size are the first of a larger one's, whatever the order of `examples`.
    """
    return sorted(examples, key=lambda example: rank(seed, "scaling", example))[:size]
