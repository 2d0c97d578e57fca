"""Near-duplicates against the exact Jaccard similarity of 5-grams."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from repair.curation.near_duplicates import NearDuplicates


def jaccard(left: str, right: str) -> float:
    one, other = (
        {tuple(words[n : n + 5]) for n in range(len(words) - 4)}
        for words in (re.findall(r"\w+", left), re.findall(r"\w+", right))
    )
    return len(one & other) / len(one | other)


def edited(words: list[str], share: float, seed: int) -> str:
    """The words with a share of them replaced, here and there."""
    chosen = random.Random(seed)
    return " ".join(f"w{chosen.random()}" if chosen.random() < share else word for word in words)


WORDS = [f"word{n}" for n in range(600)]
TEXT = " ".join(WORDS)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("share", [0.01, 0.03, 0.06, 0.1, 0.2])
def test_twins_are_those_above_the_threshold(share: float, seed: int) -> None:
    other = edited(WORDS, share, seed)
    similarity = jaccard(TEXT, other)
    if abs(similarity - 0.7) < 0.1:
        return  # 256 permutations estimate it with a standard deviation of 0.03
    seen = NearDuplicates()
    assert seen.find_or_add("a", TEXT) is None
    assert seen.find_or_add("b", other) == ("a" if similarity > 0.7 else None)


def test_the_first_is_kept_and_a_twin_is_not_remembered() -> None:
    seen = NearDuplicates()
    assert [seen.find_or_add(key, TEXT) for key in ("a", "b", "c")] == [None, "a", "a"]


def test_looking_does_not_remember() -> None:
    seen = NearDuplicates()
    assert seen.find(TEXT) is None
    assert seen.find(TEXT) is None
    seen.find_or_add("a", TEXT)
    assert seen.find(TEXT) == "a"


@pytest.mark.parametrize(
    ("left", "right", "similar"),
    [
        ("x = 1", "x = 1", True),  # too short for a 5-gram: a text is its own only one
        ("x = 1", "x = 2", False),
        ("", "", True),
        ("", "x", False),
        ("a b c d e f g h", "a  b\nc(d) e, f; g - h", True),  # layout and punctuation do not count
        ("eins zwei drei vier fünf", "eins zwei drei vier fünf", True),
    ],
)
def test_short_texts(left: str, right: str, similar: bool) -> None:
    seen = NearDuplicates()
    seen.find_or_add("left", left)
    assert (seen.find_or_add("right", right) == "left") is similar


def test_another_process_finds_the_same() -> None:
    program = (
        "import sys, random\n"
        "from repair.curation.near_duplicates import NearDuplicates\n"
        "seen, chosen = NearDuplicates(), random.Random(1)\n"
        "texts = [' '.join(chosen.choices('abcdefg', k=12)) for _ in range(3000)]\n"
        "print([seen.find_or_add(str(n), text) for n, text in enumerate(texts)])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[3],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
