"""The named recipes."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from repair.errors import ConfigurationError
from repair.training.recipe import (
    FromScratch,
    Optimizer,
    Pretrained,
    Recipe,
    Resumption,
    Schedule,
    Sharding,
)


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe `name` with single values changed.

    `overrides` maps a setting, with dots into its parts, to its value: `{"schedule.alpha_f": 0.1}`.
    A part that is off in the recipe (`resumption`, `sharding`) is switched on by a mapping of its
    settings, and off by None. Raises ConfigurationError on an unknown name or setting, or a bad value.
    """
    if name not in RECIPES:
        raise ConfigurationError(f"no recipe {name!r}; expected one of {', '.join(sorted(RECIPES))}")
    recipe = RECIPES[name]
    for setting, value in (overrides or {}).items():
        recipe = _changed(recipe, setting.split("."), value, setting)
    return recipe


_PARTS: dict[str, type] = {"sharding": Sharding, "resumption": Resumption}


def _changed(part: Any, path: list[str], value: Any, setting: str) -> Any:
    """`part` with the value at `path` replaced."""
    name, *rest = path
    names = [f.name for f in fields(part)]
    if name not in names:
        raise ConfigurationError(f"recipe: no setting {setting!r}; at this place expected one of {names}")
    current = getattr(part, name)
    if rest:
        if not is_dataclass(current):
            raise ConfigurationError(f"recipe: {setting!r} reaches into {name}, which has no parts here")
        return replace(part, **{name: _changed(current, rest, value, setting)})
    if name in _PARTS and isinstance(value, Mapping):
        try:
            value = _PARTS[name](**value)
        except TypeError as error:
            raise ConfigurationError(f"recipe: {setting} is {value!r}: {error}") from error
    elif is_dataclass(current) and value is not None:
        raise ConfigurationError(f"recipe: {setting} has parts; set them one by one, as in '{setting}.NAME'")
    return replace(part, **{name: _typed(value, current, setting)})


def _typed(value: Any, current: Any, setting: str) -> Any:
    """`value` as the kind of thing that `current` is: JSON has no tuples, and writes 1 for 1.0."""
    if isinstance(current, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if current is None or value is None or isinstance(value, type(current)):
        return value
    raise ConfigurationError(
        f"recipe: {setting} is {value!r}; expected a value like {current!r} ({type(current).__name__})"
    )


# A model from nothing in minutes on two CPU cores: it proves the road from examples to a checkpoint
# that decodes, not that a model repairs. Random weights need a far higher learning rate and a shorter
# warm-up than a pretrained model, and several hundred samples make few steps: hence small batches.
TINY = Recipe(
    name="tiny",
    base=FromScratch(vocabulary=2048, hidden_size=128, intermediate_size=384, layers=4, heads=4),
    max_seq_len=1536,
    global_batch_size=4,
    packing_ratio=2.0,
    epochs=3,
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

RECIPES = {recipe.name: recipe for recipe in (TINY, DEEPSEEK_CODER_7B)}
