"""What is an abstention, and what is a wrong answer."""

import pytest

from repair.evaluation.abstention import abstains


@pytest.mark.parametrize(
    "answer",
    [None, "", " \n\t", "<diff>\n</diff>", "</diff>", "\n</diff>", "I don't know.\n<diff>\n\n</diff>"],
)
def test_an_answer_that_proposes_nothing(answer: str | None) -> None:
    assert abstains(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I can't repair this.",  # prose without a diff
        "<diff>\n-1 x\n+1 x\n</diff>",  # a diff that changes nothing
        "<diff>\n-1 x\n+1 y\n</diff>",
        "<diff>\nnonsense\n</diff>",
        "<diff>",
        "0",
    ],
)
def test_an_answer(answer: str) -> None:
    assert not abstains(answer)
