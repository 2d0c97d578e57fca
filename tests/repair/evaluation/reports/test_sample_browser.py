"""Embedded samples: any text survives, none ends the script element, and the page stays bounded."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.reports.sample_browser import ANSWER_CHARACTERS, LINE_CHARACTERS, embed, safe_json
from repair.evaluation.scored import Scored

Row = dict[str, Any]
TEXTS = st.text(st.sampled_from("</script>!-&\"'\\\u2028\u2029\x00\ud800😀\n")) | st.text()


@given(st.dictionaries(TEXTS, TEXTS | st.booleans() | st.none()))
def test_any_text_survives_and_none_ends_the_script(value: Row) -> None:
    text = safe_json(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert not set("<>&") & set(text)


def scored(samples: int, systems: int = 2, answer: str = "-1 a\n</diff>", line: str = "a = 1") -> Scored:
    rows = [
        {
            **{"sample_id": f"s{number:04}", "benchmark": "workspace", "diagnostic_type": "F821"},
            **{"code": "ruff[F821]", "path": "a.py", "system": f"system {system}", "answer": answer},
            **{"outcome": "no_change", "ast_match": False, "ast_or_string_match": False},
            **{"repaired": False, "functional": None},
        }
        for number in range(samples)
        for system in range(systems)
    ]
    known = {
        ("workspace", f"s{number:04}"): {
            "path": "a.py",
            "files": [{"path": "a.py", "text": "\n".join([line] * 100)}],
            "diagnostic": {"message": "m", "start_line": 50},
            "reference": "-51 a\n</diff>",
        }
        for number in range(samples)
    }
    return Scored(rows=rows, samples=known, leaks=[], mixture=True)


def test_at_most_so_many_samples_are_embedded_the_same_ones_each_time() -> None:
    found = embed(scored(50), at_most=10)
    assert (found.samples, found.of) == (10, 50)
    entries = json.loads(found.json)
    assert len({entry["id"] for entry in entries}) == 10
    assert all(len(entry["answers"]) == 2 for entry in entries), "a sample has all its answers"
    assert [entry["id"] for entry in entries] == sorted(entry["id"] for entry in entries)
    assert entries != json.loads(embed(scored(50), at_most=50).json)[:10], "not the first ones: a draw"
    assert found == embed(scored(50), at_most=10)


def test_the_bytes_are_bounded_too() -> None:
    found = embed(scored(50), bytes_at_most=20_000)
    assert 0 < found.samples < 50
    assert len(found.json) < 20_000 + 2 * 50


def test_long_texts_are_cut_and_say_so() -> None:
    (entry,) = json.loads(embed(scored(1, 1, answer="x" * 10_000, line="y" * 5_000)).json)
    assert entry["answers"][0]["answer"] == "x" * ANSWER_CHARACTERS + " … (10000 characters)"
    assert entry["lines"][0] == "y" * LINE_CHARACTERS + " … (5000 characters)"
    assert (entry["first"], entry["line"], entry["of"], len(entry["lines"])) == (39, 51, 100, 25)


def test_a_sample_that_is_not_stored_any_more_still_shows_its_answers() -> None:
    known = scored(1)
    (entry,) = json.loads(embed(Scored(rows=known.rows, samples={}, leaks=[], mixture=True)).json)
    assert entry["target"] is None
    assert len(entry["answers"]) == 2


def test_no_samples() -> None:
    assert embed(scored(0)).json == "[]"
