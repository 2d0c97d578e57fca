"""The block of an answer: what stands around it does not count, and nothing else is taken for it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.line_diff.answer_block import CLOSING, OPENING, diff_length, find_block
from repair.line_diff.errors import LineDiffError, NoDiffError
from repair.line_diff.numbered import diff, extract
from tests.cpu_time import cpu_bound

DIFF = "-3 screen = turtle.screen\n+3 screen = turtle.Screen()"
DRAFT = "<diff>\n-3 screen = turtle.screen\n+3 screen = None\n</diff>"
LONG = "The name is not there. " * 2_000


@pytest.mark.parametrize(
    ("answer", "tolerated"),
    [
        (f"<diff>\n{DIFF}\n</diff>", ()),
        (f"<think>{LONG}</think>\n\n<diff>\n{DIFF}\n</diff>", ("thinking",)),
        (f"<think>\n{LONG}\n</think><diff>\n{DIFF}\n</diff>", ("thinking",)),
        (f"{LONG}\n</think>\n<diff>\n{DIFF}\n</diff>", ("thinking",)),  # its opening was in the prompt
        (f"[THINK]{LONG}[/THINK]<diff>\n{DIFF}\n</diff>", ("thinking",)),
        (f"<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|><diff>\n{DIFF}"
         "\n</diff>", ("thinking",)),
        (f"<think>{DRAFT}\nNo.</think>\n<diff>\n{DIFF}\n</diff>", ("thinking",)),
        (f"<think>a</think>\n<think>{DRAFT}\n- no</think>\n<diff>\n{DIFF}\n</diff>", ("thinking",)),
        # after a prefilled opening
        (f"hm\n</think>\n{DIFF}\n</diff>", ("thinking",)),
        (f"<think>\n{DRAFT}\n</think>\n{DIFF}\n</diff>", ("thinking",)),
        (f"{DRAFT}\nOr rather:\n<diff>\n{DIFF}\n</diff>", ()),
        # prose that speaks of the tag ends no thinking
        (f"<diff>\n{DIFF}\n</diff>\nI left out the </think> tag, as asked.", ()),
        # a thinking that was never closed, with the answer as its last word
        (f"<think>\nhm\n<diff>\n{DIFF}\n</diff>\n", ()),
        # the form of the sentinels
        (f"<diff> \n{DIFF}\n</diff>", ("sentinel_blanks",)),
        (f"<diff>\n{DIFF}\n</diff>\t ", ("sentinel_blanks",)),
        *[
            (f"<diff>\n{DIFF}\n</diff>{end}", ("end_token",))
            for end in (
                "<|im_end|>", "<|endoftext|>", "<|EOT|>", "</s>", "<|eot_id|>", " <|end|>\n",
                "<｜end▁of▁sentence｜>", "<end_of_turn>", "<|im_end|>\n<|im_start|>user\n" + DRAFT,
            )
        ],
        (f"<diff>\n```\n{DIFF}\n```\n</diff>", ("fence",)),
        (f"<diff>\n```diff\n{DIFF}\n```\n</diff>\n", ("fence",)),
        (f"```diff\n{DIFF}\n```\n</diff>", ("fence",)),
        (f"<diff>\n\n~~~ \n{DIFF}\n~~~\n\n</diff>", ("fence",)),
        (f"<diff>\n```\n{DIFF}\n</diff>\n```", ("fence",)),
        (f"```\n<diff>\n{DIFF}\n</diff>```", ("fence",)),
        (f"<diff>\r\n{DIFF}\r\n</diff>\r\n".replace("screen\n", "screen\r\n"), ("crlf",)),
    ],
)  # fmt: skip
def test_the_block_is_found(answer: str, tolerated: tuple[str, ...]) -> None:
    block = find_block(answer)
    assert ("\n".join(block.lines), block.tolerated) == (DIFF, tolerated)
    assert extract(answer) == DIFF
    assert diff_length(answer) == len(DIFF) + 1


def test_the_end_of_a_thinking_is_text_in_a_line_of_the_diff() -> None:
    block = "-1 end = '</think'\n+1 end = '</think>'\n+2 </think>"
    assert extract(f"<think>hm</think>\n<diff>\n{block}\n</diff>") == block
    assert extract(f"{block}\n</diff>") == block
    unified = "@@ -1 +1,2 @@\n-end\n+text</think>\n </think>"
    assert extract(f"<diff>\n{unified}\n</diff>") == unified


@pytest.mark.parametrize(
    "answer",
    [
        f"<think>\n{DRAFT}\n</think>\nI can't repair this.",  # a draft is no answer
        f"<think>\n{DRAFT}\n</think>",
        f"<think>\n{DRAFT}\n</think>\n<diff>\n-3 scr",  # cut off
        f"<think>\n{DRAFT}\nWait, that is not right: the name is",  # cut off while it thought
        f"<diff>\n{DIFF}</diff>",  # the sentinel may be the line's text
        f"<diff>\n{DIFF}\n</diff> is my answer",
        f"<diff>\n{DIFF}\n</diff>s",
        f"<diff>\n{DIFF}\n<|im_end|>",
        f" <diff>\n{DIFF}\n </diff>",  # a kept line of a unified diff may be it
    ],
)
def test_no_block(answer: str) -> None:
    with pytest.raises(NoDiffError, match="no complete <diff>"):
        find_block(answer)


def test_what_is_measured_without_a_block_is_what_follows_the_thinking() -> None:
    assert diff_length(f"<think>{LONG}</think>\nSorry.") == len("\nSorry.\n")
    assert diff_length(f"<think>{LONG}") == 0  # cut off: nothing of it can be a diff
    assert diff_length("<diff>\n" + "+2 b\n" * 10_000) > 40_000
    assert diff_length(f"{LONG}\n<diff>\n{DIFF}\n</diff>") == len(DIFF) + 1


PIECES = st.lists(
    st.sampled_from(
        [
            OPENING,
            CLOSING,
            "<think>",
            "</think>",
            "```",
            " ",
            "\n",
            "\r\n",
            "-1 a",
            "+1 b",
            "</s>",
            "[/THINK]",
        ]
    ),
    max_size=14,
).map("".join)


@given(PIECES)
def test_any_answer_has_a_block_or_none(answer: str) -> None:
    try:
        block = find_block(answer)
    except LineDiffError as error:
        assert error.reason == "no_diff"
    else:
        assert diff_length(answer) == sum(len(line) + 1 for line in block.lines)
        assert CLOSING not in block.lines and OPENING not in block.lines


@given(st.lists(st.sampled_from(["a", "</think>", "```", "", " ", "</diff>", "<diff>"]), max_size=5), PIECES)
def test_thinking_in_front_changes_nothing(repaired: list[str], thoughts: str) -> None:
    change = diff("a\nb", "\n".join(repaired))
    block = f"<diff>\n{change}\n</diff>" if change else "<diff>\n</diff>"
    assert extract(f"<think>{thoughts}\n</think>\n\n{block}") == change


def test_long_answers_take_linear_time() -> None:
    with cpu_bound(20):
        for piece in ("<think>", "</think>", "<diff>\n", "</diff>", "```\n", "<|a", " ", "- ", "</diff> "):
            with contextlib.suppress(NoDiffError):
                find_block(piece * 200_000)
        with contextlib.suppress(NoDiffError):
            find_block("</think>" + " " * 500_000 + "a")
