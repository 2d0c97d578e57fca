"""Typing model: splits a change into packets of a few characters, with pauses between them.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

from collections.abc import Iterator
from random import Random

from repair.ot.packets import Delete, Insert, Op, Skip

LONGEST_GAP_MS = 900
"""Between two packets of one change: shorter than any pause after which a state counts as settled."""


def replacement(before: str, after: str) -> tuple[int, str, str]:
    """Minimal replacement: the offset of the first difference, the removed and the inserted text."""
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return head, before[head : len(before) - tail], after[head : len(after) - tail]


def typed(before: str, after: str, random: Random) -> Iterator[tuple[int, list[Op]]]:
    """The change as typed packets: milliseconds since the packet before, and the packet's ops."""
    head, gone, come = replacement(before, after)
    left = len(gone)
    while left:
        # A few characters go by backspace, many by a selection.
        burst = left if left > 24 else min(left, random.randint(1, 4))
        left -= burst
        yield random.randint(60, 250), ops_of(head + left, burst, "")
    done = 0
    while done < len(come):
        burst = _burst(come, done, random)
        gap = random.randint(300, LONGEST_GAP_MS) if come[done] in "\n(:" else random.randint(50, 300)
        yield gap, ops_of(head + done, 0, come[done : done + burst])
        done += burst


def _burst(text: str, at: int, random: Random) -> int:
    """The number of characters in one packet: a line break includes the next line's indentation."""
    if text[at] == "\n":
        following = text[at + 1 :]
        return 1 + len(following) - len(following.lstrip(" \n"))
    end = text.find("\n", at)
    longest = (len(text) if end < 0 else end) - at
    return min(longest, random.choice([1, 2, 2, 3, 3, 4, 6]))


def ops_of(head: int, gone: int, come: str) -> list[Op]:
    """Ops that replace `gone` code points after the first `head` by `come`."""
    ops = [Skip(head) if head else None, Delete(gone) if gone else None, Insert(come) if come else None]
    return [op for op in ops if op is not None]
