"""Batching: the packed rows of each optimizer step.

A step takes a fixed number of samples (rows x packing ratio) in a seeded order, so that packing does
not change how much the optimizer sees at a time, and packs them. Samples that do not fit into its rows
go to the next step. Every sample is in exactly one step of an epoch.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from repair.training.packing import pack
from repair.training.recipe import Recipe

Row = list[int]  # indices of the samples that share a packed row; empty: only padding


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a run, each a list of rows; `epoch_ends[i]` is the number of steps after epoch i."""

    steps: list[list[Row]]
    epoch_ends: list[int]

    def efficiency(self, lengths: Sequence[int], capacity: int) -> float:
        """Packing efficiency: the share of the rows' tokens that are samples, 0 to 1."""
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
        pending: list[int] = []
        drawn = 0
        while drawn < len(order) or pending:
            new = order[drawn : drawn + max(1, recipe.samples_per_step - len(pending))]
            drawn += len(new)
            pending += new
            bins = pack([lengths[index] for index in pending], recipe.max_seq_len)
            # the longest-pending sample goes first, so that none is left to the epoch's end
            bins.sort(key=min)
            chosen = bins[: recipe.global_batch_size]
            steps.append(_divisible([[pending[position] for position in row] for row in chosen], processes))
            used = {position for row in chosen for position in row}
            pending = [index for position, index in enumerate(pending) if position not in used]
        epoch_ends.append(len(steps))
    return Plan(steps=steps, epoch_ends=epoch_ends)


def evaluation_rows(lengths: Sequence[int], capacity: int, *, processes: int = 1) -> list[Row]:
    """All samples in packed rows; `processes` divides their number."""
    return _divisible(pack(lengths, capacity), processes)


def _divisible(rows: list[Row], processes: int) -> list[Row]:
    """`rows`, some of them split or empty ones added, so that `processes` divides their number."""
    rows = list(rows)
    while len(rows) % processes:
        fullest = max(range(len(rows)), key=lambda row: len(rows[row]))
        middle = len(rows[fullest]) // 2
        rows.append(rows[fullest][:middle])
        rows[fullest] = rows[fullest][middle:]
    return rows
