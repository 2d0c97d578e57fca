"""Numbered line diffs: how fast they are made and applied, and how much shorter they are than unified ones.

    python bench/line_diff.py

The files are made up from a seed: `SMALL` of about 40 lines with one or two edits each, as a repair is, and
one of 5,000 lines. The peers are difflib (the standard library) for making, and unified diffs, applied by
`repair.line_diff.unified`, for the format.
"""

import difflib
import random
from collections.abc import Callable
from time import perf_counter

from repair.line_diff import numbered as line_diff
from repair.line_diff import unified as unified_diff
from repair.line_diff import workspace as workspace_diff
from repair.text.lcs import changes

SMALL = 2_000
WORKSPACE = 20  # other files of a workspace
TARGET = 20_000  # small diffs parsed and applied in a second on one core


def small_file(chance: random.Random) -> list[str]:
    size = chance.randint(30, 50)
    return [f"{'    ' * chance.randint(0, 3)}value_{chance.randint(0, 20)} = f({n})" for n in range(size)]


def repaired(chance: random.Random, lines: list[str], edits: int) -> list[str]:
    result = list(lines)
    for _ in range(edits):
        at = chance.randrange(len(result))
        kind = chance.choice(["change", "change", "insert", "remove"])
        result[at : at + (kind != "insert")] = [] if kind == "remove" else [f"{result[at]}  # {kind}d"]
    return result


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The best of several: the machine has other things to do."""
    best = float("inf")
    for _ in range(repeats):
        start = perf_counter()
        work()
        best = min(best, perf_counter() - start)
    return best


def difflib_signed_lines(old: list[str], new: list[str]) -> int:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return sum(i2 - i1 + j2 - j1 for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")


def signed_lines(old: list[str], new: list[str]) -> int:
    return sum(c.old_end - c.old_start + c.new_end - c.new_start for c in changes(old, new))


def small() -> None:
    chance = random.Random(11)
    originals = [small_file(chance) for _ in range(SMALL)]
    pairs = [("\n".join(old), "\n".join(repaired(chance, old, chance.randint(1, 2)))) for old in originals]
    numbered = [(old, line_diff.diff(old, new)) for old, new in pairs]
    unified = [(old, unified_diff.diff(old, new)) for old, new in pairs]
    assert [line_diff.apply(*pair) for pair in numbered] == [new for _, new in pairs]
    assert [unified_diff.apply(*pair) for pair in unified] == [new for _, new in pairs]

    apply_time = seconds(lambda: [line_diff.apply(*pair) for pair in numbered])
    unified_time = seconds(lambda: [unified_diff.apply(*pair) for pair in unified])
    make_time = seconds(lambda: [line_diff.diff(*pair) for pair in pairs])
    difflib_time = seconds(lambda: [unified_diff.diff(*pair) for pair in pairs])
    print(
        f"parse and apply, {SMALL:,} files of 30 to 50 lines: {SMALL / apply_time:,.0f} a second"
        f" (target {TARGET:,}), {unified_time / apply_time:.1f} times as fast as unified diffs"
    )
    print(
        f"make: {SMALL / make_time:,.0f} a second, {difflib_time / make_time:.1f} times as fast as difflib's"
    )
    files = {f"module_{number}.py": text for number, (text, _) in enumerate(pairs[:WORKSPACE])}
    path, other = "main.py", "module_0.py"
    spaces = [({**files, path: old}, f"{diff}\n#{other}\n{numbered[0][1]}") for old, diff in numbered if diff]
    one_time = seconds(lambda: [workspace_diff.apply({path: old}, diff, path) for old, diff in numbered])
    two_time = seconds(lambda: [workspace_diff.apply(*space, path) for space in spaces])
    print(
        f"parse and apply as a diff of a workspace: {SMALL / one_time:,.0f} a second; with a second file, of"
        f" {WORKSPACE + 1}: {len(spaces) / two_time:,.0f}"
    )
    ratio = sum(len(diff) for _, diff in unified) / sum(len(diff) for _, diff in numbered)
    print(f"length: a unified diff (context 3) has {ratio:.1f} times the characters")


def large() -> None:
    chance = random.Random(12)
    old = [f"value_{n % 1700} = f({n % 13})" for n in range(5_000)]
    new = repaired(chance, ["first", *old[1:-1], "last"], 12)
    shuffled = chance.sample(old, len(old))
    for what, other in (("12 edits from end to end", new), ("the same lines in another order", shuffled)):
        mine = seconds(lambda other=other: changes(old, other), 3)
        peer = seconds(lambda other=other: difflib_signed_lines(old, other), 1)
        print(
            f"5,000 lines, {what}: {mine * 1000:,.0f} ms, difflib {peer * 1000:,.0f} ms;"
            f" signed lines {signed_lines(old, other):,}, difflib {difflib_signed_lines(old, other):,}"
        )


if __name__ == "__main__":
    small()
    large()
