"""Which samples make up each optimizer step, and how they lie in its packed rows.

A step takes a fixed number of samples (rows x packing ratio) in a seeded order, so that packing does
not change how much the optimizer sees at a time, and packs them. What its rows have no room for is
taken by the next step. Every sample is in exactly one step of an epoch.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from repair.training.packing import pack
from repair.training.recipe import Recipe

Row = list[int]  # indices of the samples that share a packed row; empty: nothing but padding


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a run, each a list of rows; `epoch_ends[i]` is the number of steps after epoch i."""

    steps: list[list[Row]]
    epoch_ends: list[int]

    def efficiency(self, lengths: Sequence[int], capacity: int) -> float:
        """The share of the rows' room that holds samples, 0 to 1."""
        used = sum(lengths[index] for rows in self.steps for row in rows for index in row)
        return used / (capacity * sum(1 for rows in self.steps for row in rows if row))


def plan(lengths: Sequence[int], recipe: Recipe, *, processes: int = 1) -> Plan:
    """The steps of all epochs for samples of `lengths` tokens.

    Deterministic in the lengths, the recipe and the number of processes. Each step has a number of
    rows that `processes` divides, so that each of them computes equally many.
    """
    steps: list[list[Row]] = []
    epoch_ends: list[int] = []
    for epoch in range(recipe.epochs):
        order = list(range(len(lengths)))
        random.Random(f"{recipe.seed}/{epoch}").shuffle(order)  # noqa: S311  # no secret
        waiting: list[int] = []
        taken = 0
        while taken < len(order) or waiting:
            drawn = order[taken : taken + max(1, recipe.samples_per_step - len(waiting))]
            taken += len(drawn)
            waiting += drawn
            bins = pack([lengths[index] for index in waiting], recipe.max_seq_len)
            # the sample that waits longest goes first, so that none waits for the epoch's end
            bins.sort(key=min)
            chosen = bins[: recipe.global_batch_size]
            steps.append(_divisible([[waiting[place] for place in row] for row in chosen], processes))
            gone = {place for row in chosen for place in row}
            waiting = [index for place, index in enumerate(waiting) if place not in gone]
        epoch_ends.append(len(steps))
    return Plan(steps=steps, epoch_ends=epoch_ends)


def evaluation_rows(lengths: Sequence[int], capacity: int, *, processes: int = 1) -> list[Row]:
    """All samples in packed rows, in a number that `processes` divides."""
    return _divisible(pack(lengths, capacity), processes)


def _divisible(rows: list[Row], processes: int) -> list[Row]:
    """`rows`, some of them split, or empty ones added, until `processes` divides their number."""
    rows = list(rows)
    while len(rows) % processes:
        fullest = max(range(len(rows)), key=lambda row: len(rows[row]))
        middle = len(rows[fullest]) // 2
        rows.append(rows[fullest][:middle])
        rows[fullest] = rows[fullest][middle:]
    return rows
