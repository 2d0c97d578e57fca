r"""Answer parser: finds the `<diff>` block of a model's answer, whatever stands around it.

A sentinel counts only as a whole line. Blanks may follow it, and behind the closing one a fence or an
end-of-text token, after which nothing counts. What a model thinks before it answers is not its answer: only
what follows the end of the thinking counts, drafts in it do not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from repair.line_diff.errors import NoDiffError

OPENING, CLOSING = "<diff>", "</diff>"

_TAGS = r"(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning)"
_THINKING_BEGINS = re.compile(rf"(?:<{_TAGS}>|\[THINK\]|◁think▷)")
_THINKING_ENDS = re.compile(rf"(?:</{_TAGS}>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>)")
# At the beginning or the end of its line, or in front of the diff: not where prose speaks of it.
_LAST_OF_THINKING = re.compile(
    rf"(?:^[ \t]*{_THINKING_ENDS.pattern}|{_THINKING_ENDS.pattern}(?=[ \t]*(?:{OPENING})?$))"
)
_END_TOKEN = re.compile(r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>\s]{1,40}｜>|</s>|<eos>|<EOT>|<end_of_turn>")
_FENCE = re.compile(r"(?:`{3,}|~{3,})[\w+-]*[ \t]*")
# A line of a diff in which the end of a thinking is the file's text.
_DIFF_LINE = re.compile(r"[+-][ \t]?[0-9]+\b")


@dataclass(frozen=True, slots=True)
class AnswerBlock:
    """The lines between the sentinels, and the names of the tolerances that finding them took."""

    lines: Sequence[str]
    tolerated: tuple[str, ...] = ()


def find_block(answer: str) -> AnswerBlock:
    r"""The last complete `<diff>` block of a model's answer.

    A closing sentinel without an opening one closes a block that the prompt opened: it begins with the answer
    or after the thinking (the rest of the opening line, a single newline, may come first). A fence directly
    inside the sentinels is not of the block.

    Raises:
        NoDiffError: no block is complete.
    """
    block, remaining = _scan(answer)
    if block is None:
        raise NoDiffError(
            f"the answer ({len(remaining)} lines after any thinking) has no complete"
            f" {OPENING} ... {CLOSING} block; each sentinel must be alone on its line"
        )
    return block


def diff_length(answer: str) -> int:
    """The characters of an answer that can be its diff: of its block or, without one, of what follows the
    thinking."""
    block, remaining = _scan(answer)
    return sum(len(line) + 1 for line in (remaining if block is None else block.lines))


def after_thinking(answer: str) -> tuple[str, bool]:
    """What follows the thinking in a model's answer, and whether it begins with a thinking without an end."""
    lines = answer.replace("\r\n", "\n").split("\n")
    first, thought = _after_thinking(lines)
    if not thought:
        return answer, _is_unfinished(answer, thought)
    return "\n".join((lines[first][_last_end(lines[first]) :], *lines[first + 1 :])), False


def _scan(answer: str) -> tuple[AnswerBlock | None, Sequence[str]]:
    """The block, if one is complete, and the lines after the thinking."""
    lines = answer.replace("\r\n", "\n").split("\n")
    first, thought = _after_thinking(lines)
    lines = lines[first:]
    if thought:
        lines[0] = lines[0][_last_end(lines[0]) :]
    # The rest of a line that ended, whether that of the opening sentinel or of the thinking.
    start: int | None = 1 if not lines[0].strip() and (thought or lines[0] == "") and len(lines) > 1 else 0
    bounds: tuple[int, int] | None = None
    tolerated: tuple[str, ...] = ()
    opening: list[str] = []
    for index, line in enumerate(lines):
        if not line.startswith("<"):  # nearly all of them
            continue
        if line.rstrip(" \t") == OPENING:
            start, opening = index + 1, [] if line == OPENING else ["sentinel_blanks"]
        elif line.startswith(CLOSING) and start is not None:
            closing = _closing(line)
            if closing is None:
                continue
            bounds, tolerated, start = (start, index), (*opening, *closing), None
            opening = []
            if "end_token" in closing:
                break
    if bounds is None:
        return None, [] if _is_unfinished(answer, thought) else lines
    if _is_unfinished(answer, thought) and any(map(_is_text, lines[bounds[1] + 1 :])):
        return None, []
    inside, fenced = _without_fence(lines[slice(*bounds)])
    names = [*tolerated, *fenced]
    if thought:
        names.insert(0, "thinking")
    if "\r\n" in answer:
        names.insert(0, "crlf")
    return AnswerBlock(inside, tuple(dict.fromkeys(names))), lines


def _after_thinking(lines: Sequence[str]) -> tuple[int, bool]:
    """The index of the line in which the thinking ends, and whether there is one."""
    opened, last = False, None
    if not _THINKING_ENDS.search("\n".join(lines)):  # far faster than line by line
        return 0, False
    for index, line in enumerate(lines):
        if line.rstrip(" \t") == OPENING:
            opened = True
        elif line.startswith(CLOSING):
            opened = False
        elif _LAST_OF_THINKING.search(line.rstrip()) and not (
            _DIFF_LINE.match(line) or (opened and line.startswith((" ", "+", "-")))
        ):
            opened, last = False, index
    return (0, False) if last is None else (last, True)


def _last_end(line: str) -> int:
    return max(match.end() for match in _LAST_OF_THINKING.finditer(line.rstrip()))


def _is_unfinished(answer: str, thought: bool) -> bool:
    """Whether the answer is a thinking without an end: a block in it is a draft unless nothing follows."""
    return not thought and _THINKING_BEGINS.match(answer.lstrip().removeprefix(OPENING).lstrip()) is not None


def _closing(line: str) -> list[str] | None:
    """The tolerances that it takes to read a line as the closing sentinel; None if it is none."""
    rest = line.removeprefix(CLOSING)
    if not rest:
        return []
    rest = rest.strip(" \t")
    if not rest:
        return ["sentinel_blanks"]
    if _END_TOKEN.match(rest):
        return ["end_token"]
    return ["fence"] if _FENCE.fullmatch(rest) else None


def _is_text(line: str) -> bool:
    return bool(_END_TOKEN.sub("", line).strip()) and not _FENCE.fullmatch(line.strip())


def _without_fence(lines: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """The lines without a fence directly inside the sentinels, and blank lines outside of it."""
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    opened = start < end and _FENCE.fullmatch(lines[start]) is not None
    closed = end - start > opened and _FENCE.fullmatch(lines[end - 1]) is not None
    if not opened and not closed:
        return lines, []
    return lines[start + opened if opened else 0 : end - closed if closed else len(lines)], ["fence"]
