"""Canaries: the installed redaction finds them in real files, also in those that do not parse."""

import random
import string
from pathlib import Path

import pytest

from repair.curation import canaries
from repair.curation.canaries import canary_recall

FILES = ("bisect.py", "textwrap.py", "colorsys.py")


def test_they_are_found_in_modules_of_the_standard_library() -> None:
    texts = [Path(string.__file__).with_name(name).read_text() for name in FILES]
    found = canary_recall(texts)
    assert (found.planted, found.replaced) == (8 * len(FILES), 8 * len(FILES)), found.missed


@pytest.mark.parametrize("text", ["", "def broken(:\n    return (1,\n", 'text = """never closed\nmore\n'])
def test_they_are_found_where_nothing_parses(text: str) -> None:
    assert not canary_recall([text]).missed


def test_a_redaction_that_does_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "redact", lambda text: (text, 0))
    found = canary_recall(["a = 1\n"])
    assert (found.planted, found.replaced) == (8, 0)
    assert set(found.missed.values()) == {1}


def test_no_two_are_equal_and_equal_seeds_draw_equal_ones() -> None:
    secrets = [secret for _ in range(3) for _, _, secret in canaries._canaries(random.Random(1))]
    assert len(set(secrets)) == 8
