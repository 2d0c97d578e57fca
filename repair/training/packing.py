"""Bin packing of samples into rows: best-fit decreasing, or first-fit decreasing where that is better.

Both have the same guarantee (at most 11/9 of the fewest bins, plus a constant), and neither beats the other
on all inputs. `pack` uses best fit, and where that is not provably optimal, the better of the two.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from repair.errors import InputError

_Run = tuple[int, list[int]]  # a length, and the samples that have it


class PackingError(InputError):
    """A sample does not fit into any bin."""

    reason: ClassVar[str] = "does_not_fit"


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Pack samples into bins of indices into `lengths`; the lengths of a bin add up to at most `capacity`.

    Every index is in exactly one bin, no bin is empty, and equal input gives equal output. Never more
    bins than first-fit decreasing. Time: about n log n; one million samples take seconds.

    Raises PackingError, with the index, on a length that is not positive or exceeds `capacity`.
    """
    for index, length in enumerate(lengths):
        if not 0 < length <= capacity:
            raise PackingError(
                f"sample {index} has length {length}; expected 1 to {capacity}, the capacity of a bin: "
                "leave it out before packing"
            )
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    runs = [(length, list(run)) for length, run in groupby(order, key=lambda index: lengths[index])]
    bins = _best_fit(runs, capacity)
    if len(bins) == _fewest(lengths, capacity):
        return bins
    return min(bins, _first_fit(runs, capacity, len(lengths)), key=len)


def _fewest(lengths: Sequence[int], capacity: int) -> int:
    """Lower bound of the number of bins: by total length, and by samples of which no two fit into one bin."""
    return max(-(-sum(lengths) // capacity), sum(2 * length > capacity for length in lengths))


def _best_fit(runs: list[_Run], capacity: int) -> list[list[int]]:
    """Best-fit decreasing, a whole run of equal lengths at a time.

    The fullest bin that a sample fits into stays the fullest one for the next sample of the same
    length, so a bin gets as many of the run as fit before another bin is tried.
    """
    bins: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]  # room left -> numbers of bins
    rooms = 0  # bit r is set if with_room[r] is not empty: the next room is one shift away

    def settle(number: int, room: int) -> None:
        nonlocal rooms
        with_room[room].append(number)
        rooms |= 1 << room

    for length, run in runs:
        placed = 0
        while placed < len(run):
            fitting = rooms >> length
            if not fitting:
                break
            room = length + (fitting & -fitting).bit_length() - 1
            number = with_room[room].pop()
            if not with_room[room]:
                rooms ^= 1 << room
            count = min(room // length, len(run) - placed)
            bins[number].extend(run[placed : placed + count])
            placed += count
            settle(number, room - count * length)
        for start in range(placed, len(run), capacity // length):
            samples = run[start : start + capacity // length]
            bins.append(samples)
            settle(len(bins) - 1, capacity - len(samples) * length)
    return bins


def _first_fit(runs: list[_Run], capacity: int, samples: int) -> list[list[int]]:
    """First-fit decreasing; a segment tree of the most room finds the first bin that fits."""
    leaves = 1 << max(samples - 1, 0).bit_length()
    most_room = [capacity] * (2 * leaves)
    bins: list[list[int]] = []
    for length, run in runs:
        placed = 0
        while placed < len(run):
            node = 1
            while node < leaves:
                node *= 2
                node += most_room[node] < length
            number = node - leaves
            if number == len(bins):
                bins.append([])
            count = min(most_room[node] // length, len(run) - placed)
            bins[number].extend(run[placed : placed + count])
            placed += count
            most_room[node] -= count * length
            while node := node // 2:
                most_room[node] = max(most_room[2 * node], most_room[2 * node + 1])
    return bins
