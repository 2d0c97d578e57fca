"""Lines and columns, against the simplest way to count them."""

from hypothesis import given
from hypothesis import strategies as st

from repair.text.lines import lines_of
from repair.text.positions import LineOffsets

# characters of 1 and 2 UTF-16 units, a combining one, and what Python alone takes for a line's end
POINTS = st.sampled_from("a é€😀𝒳\u0301\x0b\x0c\x1c\u2028\x85\t")


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text(POINTS), st.data())
def test_columns_and_characters_are_inverse(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(0, len(line)))
    offsets = LineOffsets(line)
    assert offsets.to_character(column) == units(line[:column])
    assert offsets.to_column(offsets.to_character(column)) == column


def test_an_offset_inside_a_pair_is_the_pairs_start() -> None:
    assert [LineOffsets("a😀b").to_column(character) for character in range(5)] == [0, 1, 1, 2, 3]


@given(st.text(POINTS), st.integers(1, 9))
def test_a_place_behind_the_end_stays_as_far_behind(line: str, beyond: int) -> None:
    offsets = LineOffsets(line)
    assert offsets.to_character(len(line) + beyond) == units(line) + beyond
    assert offsets.to_column(units(line) + beyond) == len(line) + beyond


def lines_one_by_one(text: str) -> list[str]:
    lines, line = [], ""
    for index, point in enumerate(text):
        if point == "\n" and text[:index].endswith("\r"):
            continue  # the second half of a terminator
        if point in "\r\n":
            lines.append(line)
            line = ""
        else:
            line += point
    return [*lines, line]


@given(st.text(st.sampled_from("ab\r\n\x0b\x0c\x1c\u2028\x85")))
def test_lines_end_at_terminators_only(text: str) -> None:
    assert lines_of(text) == lines_one_by_one(text)


def test_the_text_behind_the_last_terminator_is_a_line() -> None:
    assert lines_of("") == [""]
    assert lines_of("a\n") == ["a", ""]
    assert lines_of("a\r\n\r\n") == ["a", "", ""]
