"""Batching: every sample once an epoch, in steps of a bounded number of rows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.training.batching import evaluation_rows, plan
from repair.training.recipes import load_recipe

TINY = load_recipe("tiny", {"max_seq_len": 100, "epochs": 2})


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=60),
    st.integers(1, 5),
    st.floats(1, 6),
    st.integers(1, 3),
)
def test_each_epoch_holds_every_sample_once(
    lengths: list[int], rows: int, ratio: float, processes: int
) -> None:
    recipe = TINY.model_copy(update={"global_batch_size": rows, "packing_ratio": ratio})
    steps = plan(lengths, recipe, processes=processes)
    assert len(steps.epoch_ends) == 2
    start = 0
    for end in steps.epoch_ends:
        epoch = [index for step in steps.steps[start:end] for row in step for index in row]
        assert Counter(epoch) == Counter(range(len(lengths)))
        start = end
    for step in steps.steps:
        assert len(step) % processes == 0
        assert len(step) <= -(-rows // processes) * processes
        assert any(step)
        assert all(sum(lengths[index] for index in row) <= 100 for row in step)
        assert sum(map(len, step)) <= max(recipe.samples_per_step, rows * 100)
    assert 0 < steps.efficiency(lengths, 100) <= 1


def test_a_step_takes_as_many_samples_as_rows_times_ratio_say() -> None:
    recipe = TINY.model_copy(update={"global_batch_size": 4, "packing_ratio": 6.0, "epochs": 1})
    steps = plan([10] * 100, recipe)
    # 24 samples of 10 tokens would fit into 3 of the 4 rows: the number of samples is kept, not the rows
    assert [sum(map(len, step)) for step in steps.steps] == [24, 24, 24, 24, 4]


def test_what_does_not_fit_a_step_is_in_the_next_one() -> None:
    recipe = TINY.model_copy(update={"global_batch_size": 2, "packing_ratio": 4.0, "epochs": 1})
    steps = plan([90] * 5, recipe)  # each needs a row
    assert [sum(map(len, step)) for step in steps.steps] == [2, 2, 1]


def test_the_order_is_another_one_in_each_epoch_and_the_same_for_the_same_seed() -> None:
    lengths = [50] * 40
    steps = plan(lengths, TINY)
    first, second = steps.steps[: steps.epoch_ends[0]], steps.steps[steps.epoch_ends[0] :]
    assert first != second
    assert plan(lengths, TINY) == steps
    assert plan(lengths, TINY.model_copy(update={"seed": 18})) != steps


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_evaluation_rows_divide_among_the_processes(processes: int) -> None:
    rows = evaluation_rows([30, 30, 30, 80, 80], 100, processes=processes)
    assert len(rows) % processes == 0
    assert sorted(index for row in rows for index in row) == [0, 1, 2, 3, 4]
