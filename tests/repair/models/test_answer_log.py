"""The log of decoded answers: whole lines only, one writer at a time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from repair.errors import StoreError
from repair.models.answer_log import UNUSED_DAYS, AnswerLog, Key, logged_answers, prompt_sha256, use_log
from repair.models.model import Completion, FinishReason

ROOT = Path(__file__).parents[3]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNTS = st.one_of(st.none(), st.integers(0, 10**9))
COMPLETIONS = st.builds(
    Completion,
    text=st.one_of(TEXTS, st.just("a\nb\r\u2028\x85c\x00")),
    finish_reason=st.sampled_from(FinishReason),
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    seconds=st.one_of(st.none(), st.floats(0, 1000)),
)
ANSWERS = st.dictionaries(st.tuples(TEXTS.map(prompt_sha256), st.integers(0, 9)), COMPLETIONS, max_size=6)


ONE: dict[Key, Completion] = {(prompt_sha256("x"), 0): Completion("y", FinishReason.ENDED)}


@example(first=ONE, second={}, cut=1, junk=b"")  # the newline alone is missing
@example(first=ONE, second=ONE, cut=1, junk=b"\0")
@given(first=ANSWERS, second=ANSWERS, cut=st.integers(1, 10_000), junk=st.sampled_from([b"", b"\0\0", b"{}"]))
def test_after_any_cut_the_whole_lines_are_there_and_the_rest_is_dropped(
    tmp_path_factory: pytest.TempPathFactory,
    first: dict[Key, Completion],
    second: dict[Key, Completion],
    cut: int,
    junk: bytes,
) -> None:
    path = tmp_path_factory.mktemp("log") / "answers.jsonl"
    with AnswerLog(path) as log:
        log.append(first.items())
    assert logged_answers(path) == first
    whole = path.read_bytes()
    survived = whole[: len(whole) - cut % (len(whole) + 1)]
    path.write_bytes(survived + junk)
    lines = survived.count(b"\n")
    with AnswerLog(path) as log:
        assert log.answers == dict(list(first.items())[:lines])
        log.append(second.items())
        assert log.answers == {**dict(list(first.items())[:lines]), **second}
    assert logged_answers(path) == {**dict(list(first.items())[:lines]), **second}


def test_there_is_nothing_where_no_file_is(tmp_path: Path) -> None:
    assert logged_answers(tmp_path / "absent.jsonl") == {}


def test_a_second_writer_waits_for_the_first_and_sees_its_answers(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    program = (
        "import sys; from pathlib import Path\n"
        "from repair.models.answer_log import AnswerLog\n"
        "print('open', flush=True)\n"
        "with AnswerLog(Path(sys.argv[1])) as log: print(len(log.answers))\n"
    )
    with AnswerLog(path) as log:
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.3)
        log.append([((prompt_sha256("x"), 0), Completion("y", FinishReason.ENDED))])
    assert child.communicate(timeout=60)[0] == "1\n"


def test_a_log_that_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the log of decoded answers, can't be used"):
        AnswerLog(tmp_path)
    with pytest.raises(StoreError, match="its answers are decoded again"):
        logged_answers(tmp_path)


def test_a_log_that_no_run_used_for_long_is_removed_unless_it_is_open(tmp_path: Path) -> None:
    names = ("asked", "young", "old", "open")
    logs = {name: tmp_path / f"{name}.jsonl" for name in names}
    for log in logs.values():
        with AnswerLog(log) as opened:
            opened.append(ONE.items())
    before = time.time() - (UNUSED_DAYS + 1) * 24 * 3600
    for name in ("asked", "old"):
        os.utime(logs[name], (before, before))
    with AnswerLog(logs["open"]):
        os.utime(logs["open"], (before, before))
        use_log(logs["asked"])
        assert {name for name, log in logs.items() if log.exists()} == {"asked", "young", "open"}
    use_log(tmp_path / "new.jsonl")
    assert {name for name, log in logs.items() if log.exists()} == {"asked", "young"}
    assert logged_answers(logs["asked"]) == ONE


def test_a_log_that_is_removed_while_a_writer_waits_for_it_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    program = (
        "import sys; from pathlib import Path\n"
        "from repair.models.answer_log import AnswerLog\n"
        "from repair.models.model import Completion, FinishReason\n"
        "print('open', flush=True)\n"
        "with AnswerLog(Path(sys.argv[1])) as log:\n"
        "    log.append([(('x', 0), Completion('y', FinishReason.ENDED))])\n"
    )
    with AnswerLog(path):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.3)
        path.unlink()
    assert child.wait(timeout=60) == 0
    assert list(logged_answers(path)) == [("x", 0)]
