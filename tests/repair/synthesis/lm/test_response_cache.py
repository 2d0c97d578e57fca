"""Response cache: keys, first answer stays, several threads and processes."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.synthesis.lm.reply import Reply
from repair.synthesis.lm.response_cache import Answer, ResponseCache, answer_key

QUESTION: dict[str, Any] = {
    "model": "openai/m",
    "messages": [{"role": "user", "content": "x"}],
    "sampling": {"temperature": 0.0, "max_tokens": 10},
    "prompt_version": "1",
    "answer_format": "line_diff",
    "sample": 0,
}

OTHERS = [
    {"model": "openai/n"},
    {"messages": [{"role": "user", "content": "y"}]},
    {"messages": [{"role": "system", "content": "x"}]},
    {"sampling": {"temperature": 0.1, "max_tokens": 10}},
    {"sampling": {"temperature": None, "max_tokens": 10}},
    {"prompt_version": "2"},
    {"answer_format": "unified_diff"},
    {"sample": 1},
]


@pytest.mark.parametrize("other", OTHERS)
def test_each_part_of_a_question_is_in_its_key(other: dict[str, Any]) -> None:
    assert answer_key(**QUESTION) == answer_key(**QUESTION)
    assert answer_key(**{**QUESTION, **other}) != answer_key(**QUESTION)


ANSWERS = st.builds(
    Answer,
    text=st.text(st.characters(exclude_categories=["Cs"])),
    input_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    output_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    cost_usd=st.one_of(st.none(), st.floats(0, 100)),
    seconds=st.one_of(st.none(), st.floats(0, 1000)),
)


@given(ANSWERS, ANSWERS)
def test_the_first_answer_stays(first: Answer, second: Answer) -> None:
    with ResponseCache(Path(":memory:")) as cache:
        assert cache.get("k") is None
        cache.put("k", "m", first)
        cache.put("k", "m", second)
        assert (cache.get("k"), cache.get("other"), len(cache)) == (first, None, 1)


def test_many_threads_and_another_process_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "answers.sqlite"
    program = (
        "import sys; from pathlib import Path\n"
        "from repair.synthesis.lm.response_cache import Answer, ResponseCache\n"
        "with ResponseCache(Path(sys.argv[1])) as cache:\n"
        "    for n in range(200): cache.put(f'child {n}', 'm', Answer(str(n), n, n, 0.0))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[4])
    with ResponseCache(path) as cache, ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda n: cache.put(f"parent {n}", "m", Answer(str(n), n, n, 0.0)), range(200)))
        assert child.wait(timeout=60) == 0
        assert len(cache) == 400
        assert cache.get("child 7") == cache.get("parent 7") == Answer("7", 7, 7, 0.0)


EARLIER = """
CREATE TABLE answers (key TEXT PRIMARY KEY, model TEXT NOT NULL, text TEXT NOT NULL, input_tokens INTEGER,
    output_tokens INTEGER, cost_usd REAL, asked_at TEXT NOT NULL DEFAULT 'then') WITHOUT ROWID;
CREATE TABLE replies (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, model TEXT NOT NULL,
    content TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
    asked_at TEXT NOT NULL DEFAULT 'then');
INSERT INTO answers (key, model, text, input_tokens, output_tokens, cost_usd) VALUES ('k', 'm', 'x', 1, 2, 3);
INSERT INTO replies (key, model, content) VALUES ('r', 'm', '{}');
"""


def test_a_file_of_an_earlier_release_keeps_what_it_holds(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "answers.sqlite")
    connection.executescript(EARLIER)
    connection.close()
    for _ in range(2):
        with ResponseCache(tmp_path / "answers.sqlite") as cache:
            assert cache.get("k") == Answer("x", 1, 2, 3.0)
            assert [stored.reply for stored in cache.replies("r")] == [Reply("{}")]
            cache.put("new", "m", Answer("y", None, None, None, "stop", 1.5))
            assert cache.get("new") == Answer("y", None, None, None, "stop", 1.5)
