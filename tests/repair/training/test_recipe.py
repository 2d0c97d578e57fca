"""Recipes: validation, overrides, and the parts of the big one without its weights."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.training.recipe import FromScratch, Pretrained, Recipe
from repair.training.recipes import RECIPES, load_recipe

BIG = "deepseek-coder-7b-instruct-v1.5"


def test_the_big_recipe_has_the_published_values() -> None:
    recipe = load_recipe(BIG)
    assert (recipe.optimizer.learning_rate, recipe.optimizer.betas) == (1e-5, (0.9, 0.99))
    assert (recipe.optimizer.eps, recipe.optimizer.weight_decay) == (1e-8, 0)
    assert (recipe.schedule.warmup_batches, recipe.schedule.alpha_f) == (100, 0.01)
    assert (recipe.global_batch_size, recipe.epochs, recipe.clip_norm) == (16, 4, 1.0)
    assert (recipe.packing_ratio, recipe.samples_per_step) == (6.0, 96)
    assert (recipe.precision, recipe.attention) == ("amp_bf16", "flash_attention_2")
    assert recipe.sharding and recipe.sharding.strategy == "FULL_SHARD" and recipe.activation_checkpointing
    assert isinstance(recipe.base, Pretrained)


def test_an_override_reaches_into_parts_and_switches_them() -> None:
    recipe = load_recipe(
        BIG,
        {
            "epochs": 1,
            "optimizer.betas": [0.9, 0.95],  # JSON has no tuples
            "clip_norm": 2,  # and writes 2.0 as 2
            "resumption.every_batches": 5,
            "activation_checkpointing": False,
            "sharding": None,
        },
    )
    assert (recipe.epochs, recipe.optimizer.betas, recipe.clip_norm) == (1, (0.9, 0.95), 2.0)
    assert recipe.resumption and recipe.resumption.every_batches == 5 and recipe.resumption.keep == 2
    assert recipe.sharding is None
    again = load_recipe("tiny", {"resumption": {"every_batches": 7}})
    assert again.resumption and again.resumption.every_batches == 7


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 1}, "no setting 'epoch'"),  # a misspelt name
        ({"optimizer.rate": 1}, "no setting 'optimizer.rate'"),  # a misspelt part of a part
        ({"epochs.first": 1}, "no parts"),  # a path into a number
        ({"epochs": 0}, "epochs is 0"),  # below the least
        ({"epochs": "4"}, "epochs is '4'"),  # a string where a number belongs
        ({"epochs": True}, "epochs is True"),  # a bool is no count, though Python says it is an int
        ({"epochs": 1.5}, "epochs is 1.5"),  # a fraction of an epoch
        ({"optimizer": {"eps": 1}}, "set them one by one"),  # would reset the other settings silently
        ({"optimizer.learning_rate": 0.0}, "learning_rate"),
        ({"optimizer.betas": [0.9, 1.0]}, "betas"),
        ({"optimizer.weight_decay": -0.1}, "weight_decay"),
        ({"schedule.alpha_f": 2.0}, "alpha_f"),
        ({"schedule.warmup_batches": -1}, "warmup_batches"),
        ({"packing_ratio": 0.5}, "packing_ratio"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"precision": "fp8"}, "precision"),
        ({"attention": "flash"}, "attention"),
        ({"attention": "flash_attention_2"}, "16 bits only"),  # tiny computes in 32 bits
        ({"activation_checkpointing": True}, "without sharding"),  # nothing would apply it
        ({"sharding": {"strategy": "SOME"}}, "sharding.strategy"),
        ({"sharding": {"degree": 2}}, "degree"),
        ({"resumption": {"keep": 0}}, "resumption.keep"),
        ({"base.hidden_size": 100}, "base.hidden_size"),  # not a multiple of the heads' pairs
        ({"base.vocabulary": 100}, "base.vocabulary"),  # the bytes alone are 256
        ({"threads": 0}, "threads"),
        ({"lora": {}}, "lora is set"),  # random weights would stay as they are
        ({"lora": {"rank": 0}}, "lora.rank"),
        ({"base.kind": "Pretrained"}, "no setting 'base.kind'"),  # another base is another recipe
    ],
)
def test_a_bad_setting_is_named(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_recipe("tiny", overrides)


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=f"{BIG}, smollm2-135m, tiny"):
        load_recipe("small")


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_is_json(name: str) -> None:
    values = json.loads(json.dumps(load_recipe(name).as_dict()))
    kinds = {"tiny": FromScratch, "smollm2-135m": Pretrained, BIG: Pretrained}
    assert values["base"]["kind"] == kinds[name].__name__


def documented(recipe: Recipe) -> dict[str, str]:
    """The rows of the table in docs/training.md, as far as they are the recipe's."""
    rate = re.sub("e-0?", "e-", f"{recipe.optimizer.learning_rate:.0e}")
    computing = [recipe.precision, recipe.attention]
    computing += [f"FSDP {recipe.sharding.strategy}"] if recipe.sharding else []
    computing += ["activation checkpointing"] if recipe.activation_checkpointing else []
    trained = f"LoRA of rank {recipe.lora.rank} on all linear layers" if recipe.lora else "all weights"
    return {
        "trained": trained,
        "row": f"{recipe.max_seq_len:,} tokens",
        "step": f"{recipe.global_batch_size} rows, {recipe.packing_ratio:g} samples a row",
        "epochs": f"{recipe.epochs}",
        "learning rate, warm-up": f"{rate}, {recipe.schedule.warmup_batches} batches",
        "optimizer": "DecoupledAdamW {betas}, weight decay {weight_decay:g}".format(**dict(recipe.optimizer)),
        "schedule, clipping": f"cosine to {recipe.schedule.alpha_f * 100:g} %, norm {recipe.clip_norm:g}",
        "computing": ", ".join(computing),
    }


def test_the_documentation_says_the_numbers_of_the_recipes() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "training.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    start = rows.index(["", *(f"`{name}`" for name in RECIPES)])
    table = {name: cells for name, *cells in rows[start + 2 : start + 12]}
    for column, recipe in enumerate(RECIPES.values()):
        rows_of_recipe = documented(recipe)
        assert {name: table[name][column] for name in rows_of_recipe} == rows_of_recipe
    assert set(table) == {"for", "base", *documented(RECIPES["tiny"])}


def test_the_documentation_says_the_weights_of_the_small_model() -> None:
    from transformers import LlamaForCausalLM

    from repair.training.base_model import llama_config

    recipe = RECIPES["tiny"]
    assert isinstance(recipe.base, FromScratch)
    config = llama_config(recipe.base, recipe.max_seq_len, vocabulary=recipe.base.vocabulary)
    millions = LlamaForCausalLM(config).num_parameters() / 1e6
    text = (
        f"a Llama of {millions:.1f} million weights and a BPE tokenizer of {recipe.base.vocabulary:,} tokens"
    )
    assert text in (Path(__file__).parents[3] / "docs" / "training.md").read_text()


def test_recipes_load_without_torch() -> None:
    code = (
        "import sys, repair.training.recipes, repair.training.packing, repair.training.export, "
        "repair.training.dataset, repair.models.decoding; "
        "assert not {'torch', 'composer', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_big_recipe_builds_its_optimizer_and_its_sharding() -> None:
    import torch
    from composer.utils.parallelism import FSDPConfig

    from repair.training.program import optimizer, parallelism

    recipe = load_recipe(BIG)
    built = optimizer(recipe, torch.nn.Linear(3, 2))
    assert type(built).__name__ == "DecoupledAdamW"
    assert {name: built.param_groups[0][name] for name in ("lr", "betas", "eps", "weight_decay")} == {
        "lr": 1e-5,
        "betas": (0.9, 0.99),
        "eps": 1e-8,
        "weight_decay": 0,
    }
    config = parallelism(recipe)
    assert config is not None
    # Composer sets whatever it is given: a name that it does not know would be ignored
    assert set(config["fsdp"]) <= set(FSDPConfig.__dataclass_fields__)
    assert FSDPConfig(**config["fsdp"]).sharding_strategy == "FULL_SHARD"
    assert parallelism(load_recipe("tiny")) is None


def test_flash_attention_without_its_package_is_refused_before_anything_is_loaded() -> None:
    import importlib.util

    from repair.training.program import train

    if importlib.util.find_spec("flash_attn"):
        pytest.skip("flash-attn is installed here")
    with pytest.raises(ConfigurationError, match="GPU image"):
        train(load_recipe(BIG), "/nonexistent", "/nonexistent", lambda figures: None)
