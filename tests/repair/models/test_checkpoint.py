"""A checkpoint as a model: what it is asked, and what its base is."""

from collections.abc import Sequence
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.models.checkpoint import BASE_INSTRUCTIONS, CheckpointModel, all_at_once, base_of
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.rows import prompt_of
from repair.training.recipes import load_recipe

SAMPLE: dict[str, Any] = {
    "path": "main.py",
    "files": [{"path": "main.py", "text": "prin(1)\n"}],
    "diagnostic": {"message": '"prin" is not defined', "start_line": 0},
}


def test_the_prompt_is_what_training_rendered_and_a_base_is_told_the_task() -> None:
    asked: list[Sequence[str]] = []

    def decode(prompts: Sequence[str], k: int) -> list[list[Completion]]:
        asked.append(prompts)
        return [[Completion(str(n), FinishReason.ENDED) for n in range(k)] for _ in prompts]

    trained, base = CheckpointModel("model", decode), CheckpointModel("base", decode, BASE_INSTRUCTIONS)
    assert [len(answers) for answers in trained.answer([SAMPLE, SAMPLE], k=3)] == [3, 3]
    list(base.answer([SAMPLE]))
    assert asked == [[prompt_of(SAMPLE)] * 2, [base.prompt(SAMPLE)]]
    # the worked example stands before the question, and both open the diff alike
    assert base.prompt(SAMPLE).endswith(f"</diff>\n\n{prompt_of(SAMPLE)}")
    other = CheckpointModel("other", decode, answer_format="unified_diff_unnumbered")
    assert other.prompt(SAMPLE) == prompt_of(SAMPLE, "unified_diff_unnumbered") != prompt_of(SAMPLE)


def test_answers_that_are_decoded_at_once_are_those_of_later_questions_too() -> None:
    asked: list[tuple[int, int]] = []

    def decode(prompts: Sequence[str], k: int) -> list[list[Completion]]:
        asked.append((len(prompts), k))
        return [[Completion(str(n), FinishReason.ENDED) for n in range(k)] for _ in prompts]

    model = CheckpointModel("model", all_at_once(decode, 4))
    for k in (1, 4, 5):
        [answers] = model.answer([SAMPLE], k=k)
        assert [answer.text for answer in answers] == [str(n) for n in range(k)]
    assert asked == [(1, 4), (1, 4), (1, 5)]


def test_the_base_of_a_checkpoint_is_the_one_that_its_recipe_names() -> None:
    recipe = load_recipe("deepseek-coder-7b-instruct-v1.5", {"base.revision": "abc"}).as_dict()
    assert base_of({"recipe": recipe}, "checkpoint[x]") == (recipe["base"]["path"], "abc")


def test_a_checkpoint_from_scratch_has_no_base() -> None:
    with pytest.raises(
        ConfigurationError, match=r"checkpoint\[x\] was trained from scratch by the recipe tiny"
    ):
        base_of({"recipe": load_recipe("tiny", {}).as_dict()}, "checkpoint[x]")


@pytest.mark.parametrize(
    "wrong", [{"temperature": -0.1}, {"top_p": 0}, {"top_p": 1.1}, {"top_k": 0}, {"max_new_tokens": 0}]
)
def test_sampling_that_can_not_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="expected at least 0, above 0 and at most 1"):
        Sampling(**wrong)
