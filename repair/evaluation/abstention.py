"""Abstention: an answer that proposes nothing, counted apart from one that is wrong."""

from repair.line_diff.answer_block import find_block
from repair.line_diff.errors import NoDiffError


def abstains(answer: str | None) -> bool:
    """Whether an answer proposes nothing: there is none, it is blank, or its diff has no line.

    Prose without a diff is an answer, and so is a diff that changes nothing: both are scored as wrong.
    """
    if answer is None or not answer.strip():
        return True
    try:
        return not "".join(find_block(answer).lines).strip()
    except NoDiffError:
        return False
