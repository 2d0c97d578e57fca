"""The side-by-side view: rows are aligned, the range is marked, and every character can be seen."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.annotation.view import MOST_SHOWN, Segment, rows, segments
from repair.text.lines import lines_of
from tests.cpu_time import cpu_bound


def at(start: tuple[int, int], end: tuple[int, int]) -> Diagnostic:
    return Diagnostic("main.py", start[0], start[1], 0, end[0], end[1], 0, "ruff[F821]", "m", "error")


def text_of(parts: Sequence[Segment] | None) -> str:
    return "".join(text for _, text in parts or ())


def test_a_repair_is_aligned_line_by_line() -> None:
    original = "".join(f"{number}\n" for number in range(1, 31))
    repaired = original.replace("10\n", "ten\nand more\n").replace("20\n", "")
    found = rows(original, repaired, at((9, 0), (9, 2)))
    pairs = [
        (row["old"], row["new"], text_of(row["left"]), row["right"] and text_of(row["right"]))
        for row in found
    ]
    assert pairs[8:12] == [
        (9, 9, "9", None),
        (10, 10, "10", "ten"),
        (None, 11, "", "and more"),
        (11, 12, "11", None),
    ]
    assert pairs[20] == (20, None, "20", None)
    assert pairs[-1] == (31, 31, "", None)  # the line behind the last newline
    assert [row["old"] for row in found if row["mark"]] == [10]
    assert [row["old"] for row in found if not row["near"]] == [1, 2, 3, 27, 28, 29, 30, 31]


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "\u2028"]), max_size=12).map("\n".join)


@given(LINES, LINES, st.tuples(*[st.integers(-2, 14)] * 4))
def test_rows_hold_both_texts(original: str, repaired: str, place: tuple[int, int, int, int]) -> None:
    found = rows(original, repaired, at(place[:2], place[2:]))
    assert [row["old"] for row in found if row["old"]] == list(range(1, len(lines_of(original)) + 1))
    assert [row["new"] for row in found if row["new"]] == list(range(1, len(lines_of(repaired)) + 1))
    left = [text_of(row["left"]).strip() for row in found if row["old"]]
    assert left == [line.replace("\u2028", "U+2028") for line in lines_of(original)]
    right = [text_of(row["left"] if row["kept"] else row["right"]) for row in found if row["new"]]
    assert [text.strip() for text in right] == [
        line.replace("\u2028", "U+2028") for line in lines_of(repaired)
    ]


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("x = widht", (4, 9), [("", "x = "), ("mark", "widht")]),
        ("x", (1, 2), [("", "x"), ("mark", " ")]),  # behind the last character
        ("", (0, 1), [("mark", " ")]),
        ("a\tb", None, [("", "a\tb")]),
        # "Trojan source": the line would be shown in another order
        ("a\u202eb", None, [("", "a"), ("special", "U+202E"), ("", "b")]),
        ("a\u2066b", (0, 3), [("mark", "a"), ("mark special", "U+2066"), ("mark", "b")]),
        ("\ufeffimport os", None, [("special", "U+FEFF"), ("", "import os")]),
        ("a\u200bb", None, [("", "a"), ("special", "U+200B"), ("", "b")]),
        ("a\xa0b", None, [("", "a"), ("special", "U+00A0"), ("", "b")]),
        ("\ud800", None, [("special", "U+D800")]),
        ("\x1b[2J\x00", None, [("special", "U+001B"), ("", "[2J"), ("special", "U+0000")]),
        ("a\u2028b", None, [("", "a"), ("special", "U+2028"), ("", "b")]),
        ("\U000e0041", None, [("special", "U+E0041")]),
        ("<script>&amp;", None, [("", "<script>&amp;")]),
        ("שלום 😀 é", None, [("", "שלום 😀 é")]),
    ],
)
def test_characters_that_a_browser_hides_are_named(
    text: str, mark: tuple[int, int] | None, expected: list[Segment]
) -> None:
    assert segments(text, mark) == expected


def test_long_lines_are_cut_around_what_matters() -> None:
    line = "x" * 1_000_000 + "widht" + "y" * 500_000
    parts = segments(line, (1_000_000, 1_000_005))
    assert parts[0] == ("cut", "999,800 characters")
    assert ("mark", "widht") in parts
    assert sum(len(text) for style, text in parts if style != "cut") == MOST_SHOWN
    [row] = rows(line, line.replace("widht", "width"), None)
    assert "widht" in text_of(row["left"]) and "width" in text_of(row["right"])
    assert segments("z" * (MOST_SHOWN + 1))[-1] == ("cut", "1 characters")


def test_large_files_take_no_time() -> None:
    original = "".join(f"line_{number} = {number}  # é\u202e\n" for number in range(5_000))
    with cpu_bound(2):
        found = rows(original, original.replace("line_4000 ", "other "), at((4_000, 0), (4_000, 9)))
    assert len(found) == 5_001
    assert sum(row["near"] for row in found) == 13
