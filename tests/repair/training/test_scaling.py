"""The models of the scaling study have the sizes in their names, and subsets are nested."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.training.recipe import FromScratch
from repair.training.recipes import RECIPES, load_recipe
from repair.training.scaling import SCALED, SIZES, SMALL, Scaled, nested_subset


def parameters(base: FromScratch) -> int:
    """Weights of a Llama with tied embeddings, as many key heads as heads, and RMS norms."""
    attention = 4 * base.hidden_size**2
    feed_forward = 3 * base.hidden_size * base.intermediate_size
    norms = 2 * base.hidden_size
    layers = base.layers * (attention + feed_forward + norms)
    return base.vocabulary * base.hidden_size + layers + base.hidden_size


@pytest.mark.parametrize("name", SCALED)
def test_a_model_is_a_recipe_and_one_from_scratch_has_the_size_in_its_name(name: str) -> None:
    recipe = load_recipe(SCALED[name].recipe, SCALED[name].overrides)
    if SCALED[name].beside is None and not isinstance(recipe.base, FromScratch):
        assert SCALED[name] == Scaled(name) and recipe == RECIPES[name]
    if not isinstance(recipe.base, FromScratch):
        return
    found = re.fullmatch(r"scratch-(\d+)m", name)
    assert found and parameters(recipe.base) == pytest.approx(1e6 * int(found[1]), rel=0.02)
    tiny, small = RECIPES["tiny"], RECIPES[SMALL]
    assert (recipe.precision, recipe.attention) == (small.precision, small.attention)
    by_width = recipe.optimizer.learning_rate * recipe.base.hidden_size
    assert isinstance(tiny.base, FromScratch)
    assert by_width == pytest.approx(tiny.optimizer.learning_rate * tiny.base.hidden_size)
    rate = {"learning_rate": tiny.optimizer.learning_rate}
    assert recipe.optimizer.model_copy(update=rate) == tiny.optimizer
    differs = ("base", "epochs", "precision", "attention", "resumption", "optimizer")
    assert recipe.model_copy(update={name: getattr(tiny, name) for name in differs}) == tiny


@pytest.mark.parametrize("name", [name for name in SCALED if SCALED[name].beside])
def test_an_ablation_differs_in_the_one_thing_that_its_name_says(name: str) -> None:
    own, plain = SCALED[name], SCALED[SCALED[name].beside or ""]
    assert (plain.beside, plain.recipe) == (None, own.recipe)
    [different] = [
        value
        for what in ("answer_format", "variant", "overrides", "asked_of_itself")
        if (value := getattr(own, what)) != getattr(plain, what)
    ]
    if isinstance(different, str):
        said = different.replace("_", "-")
    elif isinstance(different, int):
        said = "self-taught"
    else:
        [(key, value)] = different.items()
        said = f"{key}-{value}" if own.is_repetition else f"{value}-{key}"
    assert name == f"{own.beside}-{said}"
    assert own.is_repetition == ("-seed-" in name)


@given(st.lists(st.text(max_size=4), unique=True, max_size=12), st.integers(0, 99), st.data())
def test_a_subset_is_part_of_every_larger_one_whatever_the_order(
    examples: list[str], seed: int, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(examples))
    subsets: Sequence[list[str]] = [nested_subset(examples, n, seed) for n in range(len(examples) + 1)]
    for size, subset in enumerate(subsets):
        assert len(subset) == len(set(subset)) == size
        assert set(subset) <= set(examples)
        assert subset == subsets[-1][:size] == nested_subset(shuffled, size, seed)


def test_another_seed_draws_others_and_no_seed_takes_the_first_by_name() -> None:
    examples = [f"{number:04}" for number in range(2 * SIZES[1])]
    drawn = [set(nested_subset(examples, SIZES[1], seed)) for seed in range(4)]
    assert len({frozenset(subset) for subset in drawn}) == len(drawn)
    for subset in drawn:
        assert 100 < len(subset & set(examples[: SIZES[1]])) < 200
