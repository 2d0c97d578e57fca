"""The model that ships: its golden answers, its size, its card."""

from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from repair.models.base import packaged_file
from repair.models.made_by import read_made_by
from repair.models.shipped import CARD, Golden, is_shipped, read_golden, shipped_folder, write_golden
from repair.prompt.sentinels import PROMPT_VERSION
from repair.verification.confidence import Calibration

SURE = 0.2
"""A lead in logits that no other order of summing turns round."""


def test_golden_answers_are_read_as_written(tmp_path: Path) -> None:
    golden = [Golden("a\nprompt", "an \u2028 answer", 1.5), Golden("another", "", 0.0)]
    write_golden(tmp_path, golden)
    assert read_golden(tmp_path) == golden
    assert not is_shipped(tmp_path)


def shipped() -> Path:
    """The model's folder, or a skip that says what is missing."""
    folder = shipped_folder()
    if not is_shipped(folder):
        pytest.skip(f"no model is shipped in {folder}")
    return folder


def test_the_shipped_adapter_is_small_and_knows_this_prompt() -> None:
    folder = shipped()
    assert (folder / "adapter_model.safetensors").stat().st_size <= 6_000_000
    assert read_made_by(folder)["prompt_version"] == PROMPT_VERSION
    Calibration.read(folder)  # raises if it is that of other weights
    assert {"## Data", "## Scores", "## What it can't do"} <= set((folder / CARD).read_text().splitlines())


@pytest.mark.slow
def test_the_shipped_model_gives_its_golden_answers() -> None:
    folder = shipped()
    pytest.importorskip("peft")
    from repair.models.golden import golden_answers

    try:
        packaged_file(read_made_by(folder)["recipe"]["base"]["path"])
    except ConfigurationError as error:
        pytest.skip(str(error))
    from repair.models.decoding import Decoder

    golden = read_golden(folder)
    answers = golden_answers(Decoder(str(folder), bf16=False))
    assert [pair.prompt for pair in answers] == [pair.prompt for pair in golden]
    pairs = [pair for pair in zip(answers, golden, strict=True) if pair[1].lead > SURE]
    assert len(pairs) >= 3
    assert [found.answer for found, _ in pairs] == [known.answer for _, known in pairs]
