"""Values of declared types: texts of any kind pass, and an error names place, value and what is due."""

from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from repair.declared_types import UnexpectedValueError, converted
from repair.messages import LONGEST, printable, shown, shown_names


class Part(Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=0)]


class Whole(Struct, forbid_unknown_fields=True):
    parts: list[Part] = []
    texts: dict[str, str] = {}
    maybe: bool | None = None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "whole is 3, expected an object"),
        ({"parts": {}}, "whole.parts is {}, expected a list"),
        ({"parts": [{"count": 1}, 2]}, "whole.parts[1] is 2, expected an object"),
        ({"parts": [{"count": 1}, {"count": "1"}]}, "whole.parts[1].count is '1', expected words"),
        ({"parts": [{"count": -1}]}, "whole.parts[0].count is -1, expected words"),
        ({"parts": [{}]}, "whole.parts[0] lacks count"),
        ({"parts": [{"count": 1, "x\x1b[": 1}]}, "whole.parts[0] has the unknown field 'x\\x1b['"),
        ({"part": []}, "whole has the unknown field 'part', expected parts, texts, maybe"),
        (
            {"a" * 10**6: 1},
            f"whole has the unknown field '{'a' * 37}...{'a' * 38}', expected parts, texts, maybe",
        ),
        ({"\ud800": 1}, "whole has an unknown name with a lone surrogate"),
        ({"maybe": 1}, "whole.maybe is 1, expected true or false or null"),
        ({"texts": {"a": "", "b\ud800": None}}, "whole.texts['b\\ud800'] is null, expected a string"),
        ({"texts": {"a": {"b": 1}}}, "whole.texts['a'] is {'b': 1}, expected a string"),
    ],
)
def test_an_error_names_the_place_the_value_and_what_is_due(value: object, message: str) -> None:
    with pytest.raises(UnexpectedValueError) as raised:
        converted(value, Whole, "whole", {"parts[].count": "words"})
    assert str(raised.value) == message


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters()), st.text(st.characters())))
def test_texts_pass_whatever_is_in_them(texts: dict[str, str]) -> None:
    assert converted({"texts": texts}, Whole, "whole").texts == texts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=200),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@settings(deadline=None)
@given(JSON, st.sampled_from([Whole, Part, list[Part], dict[str, Part], dict[str, dict[str, int]]]))
def test_any_value_is_of_the_type_or_told_in_few_printable_characters(value: Any, declared: Any) -> None:
    try:
        converted(value, declared, "whole")
    except UnexpectedValueError as error:
        assert len(str(error)) < 400
        assert str(error).isprintable()


@settings(deadline=None)
@given(JSON)
def test_what_is_shown_is_short_and_printable(value: object) -> None:
    assert len(shown(value)) <= LONGEST + 10
    assert shown(value).isprintable()


@settings(deadline=None)
@given(st.text(st.characters()))
def test_printable_text_stays_and_the_rest_is_escaped(text: str) -> None:
    escaped = printable(text)
    assert all(character == "\n" or character.isprintable() for character in escaped)
    if text.isprintable():
        assert escaped == text


def test_names_are_few() -> None:
    assert shown_names(map(str, range(9))) == "'0', '1', '2', '3', '4', '5' and 3 more"
