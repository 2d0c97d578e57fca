"""Training program: a real training of a small model, in this process and in child processes."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from code_location import train_main
from repair.models.made_by import MADE_BY
from repair.prompt.sentinels import PROMPT_VERSION
from repair.training.dataset import MixtureError
from repair.training.recipe import Recipe
from repair.training.recipes import load_recipe
from tests.own_process import in_this_process
from tests.repair.training.conftest import example_row

Write = Callable[[list[dict[str, str]]], str]

SMALL: dict[str, Any] = {
    "base.vocabulary": 400,
    "base.hidden_size": 32,
    "base.intermediate_size": 64,
    "base.layers": 1,
    "max_seq_len": 512,
    "packing_ratio": 2.0,
    "threads": 1,
}
ROOT = Path(__file__).parents[3]


def small(**overrides: Any) -> Recipe:
    return load_recipe("tiny", {**SMALL, **overrides})


def rows() -> list[dict[str, str]]:
    train = [example_row(number) for number in range(24)]
    long = [example_row(number, lines=400) for number in (24, 25)]
    return [*train, *long, *(example_row(number, split="validation") for number in range(26, 30))]


def train(recipe: Recipe, mixture: str, out: Path, reported: list[dict[str, Any]] | None = None) -> Any:
    from repair.training.program import train as program

    return program(recipe, mixture, str(out), [].append if reported is None else reported.append)


def weights(checkpoint: Path) -> bytes:
    return (checkpoint / "model.safetensors").read_bytes()


def leftovers(folder: Path) -> list[str]:
    """Everything in `folder` but the mixture."""
    return sorted(path.name for path in folder.iterdir() if path.name != "mixture")


def test_the_loss_falls_and_the_checkpoint_says_what_made_it(tmp_path: Path, write_mixture: Write) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reported: list[dict[str, Any]] = []
    out = tmp_path / "checkpoint"
    result = train(small(epochs=8), write_mixture(rows()), out, reported)
    batches = [figures for figures in reported if "loss" in figures]
    assert result.last_loss < 0.9 * result.first_loss
    assert (result.samples, result.validation_samples, result.left_out_too_long) == (24, 4, 2)
    assert result.batches == len(batches) == 24  # 8 epochs of 3 steps of 4 rows times 2 samples
    assert [figures["batch"] for figures in batches] == list(range(1, 25))
    assert batches[-1]["tokens_per_second"] > 0
    assert sum(figures["tokens"] for figures in batches) == 8 * result.tokens
    assert max(figures["learning_rate"] for figures in batches) == pytest.approx(2e-3)
    assert batches[-1]["learning_rate"] < 1e-3  # the schedule comes down
    validations = [figures["validation_loss"] for figures in reported if "validation_loss" in figures]
    assert len(validations) == 8  # one an epoch
    assert result.validation_loss == validations[-1] < validations[0]
    made_by = json.loads((out / MADE_BY).read_text())
    assert {**made_by["result"], "checkpoint": result.checkpoint} == result.as_dict()
    assert made_by["recipe"]["base"]["kind"] == "FromScratch"
    assert made_by["left_out_too_long"] == ["0024", "0025"]
    assert made_by["prompt_version"] == PROMPT_VERSION
    assert made_by["versions"]["mosaicml"]
    assert [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()] == reported
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert sum(parameter.numel() for parameter in model.parameters()) == result.parameters
    assert tokenizer("1 x")["input_ids"][0] == tokenizer.bos_token_id
    assert leftovers(tmp_path) == ["checkpoint"]


def test_the_same_training_twice_gives_the_same_weights_and_replaces_the_first(
    tmp_path: Path, write_mixture: Write
) -> None:
    mixture, out = write_mixture(rows()), tmp_path / "checkpoint"
    first = train(small(epochs=1), mixture, out)
    made, curve = weights(out), (out / "metrics.jsonl").read_text()
    (out / "stale").touch()
    second = train(small(epochs=1), mixture, out)
    assert weights(out) == made
    assert not (out / "stale").exists()
    assert first.data_fingerprint == second.data_fingerprint
    assert [json.loads(line).get("loss") for line in curve.splitlines()] == [
        json.loads(line).get("loss") for line in (out / "metrics.jsonl").read_text().splitlines()
    ]
    train(small(epochs=1, seed=18), mixture, out)
    assert weights(out) != made
    assert leftovers(tmp_path) == ["checkpoint"]


def test_rows_computed_one_by_one_or_together_give_the_same_losses(
    tmp_path: Path, write_mixture: Write
) -> None:
    mixture = write_mixture(rows())
    losses: list[list[float]] = []
    for size in (1, 4):
        reported: list[dict[str, Any]] = []
        train(small(epochs=2, microbatch_rows=size), mixture, tmp_path / str(size), reported)
        losses.append([figures["loss"] for figures in reported if "loss" in figures])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


class StoppedHereError(Exception):
    """Ends a training from within, as a lost machine would."""


def test_an_interrupted_run_goes_on_where_it_was_and_ends_with_the_same_weights(
    tmp_path: Path, write_mixture: Write
) -> None:
    mixture = write_mixture(rows())
    train(small(epochs=3), mixture, tmp_path / "whole")

    def stop(figures: dict[str, Any]) -> None:
        if figures["batch"] == 6:
            raise StoppedHereError

    recipe = small(epochs=3, resumption={"every_batches": 2, "folder": str(tmp_path / "states")})
    from repair.training.program import train as program

    with pytest.raises(StoppedHereError):
        program(recipe, mixture, str(tmp_path / "resumed"), stop)
    assert leftovers(tmp_path) == ["states", "whole"]
    reported: list[dict[str, Any]] = []
    result = train(recipe, mixture, tmp_path / "resumed", reported)
    assert result.resumed_from_batch == 4
    assert reported[0]["batch"] == 5
    assert weights(tmp_path / "resumed") == weights(tmp_path / "whole")
    curve = [json.loads(line) for line in (tmp_path / "resumed" / "metrics.jsonl").read_text().splitlines()]
    assert [figures["batch"] for figures in curve if "loss" in figures] == list(range(1, 10))
    assert list((tmp_path / "states").iterdir()) == []  # a finished run needs no states


def test_a_training_that_fails_leaves_nothing(tmp_path: Path, write_mixture: Write) -> None:
    mixture = write_mixture(rows())
    with pytest.raises(MixtureError, match="longer than the recipe's max_seq_len of 20"):
        train(small(max_seq_len=20), mixture, tmp_path / "checkpoint")
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "checkpoint").exists()


def test_a_trained_model_is_a_base_for_the_next_training(tmp_path: Path, write_mixture: Write) -> None:
    from repair.training.recipe import Pretrained

    mixture = write_mixture(rows())
    first = train(small(epochs=4), mixture, tmp_path / "first")
    base = Pretrained(path=str(tmp_path / "first"), fewest_sentinel_tokens=1, most_sentinel_tokens=20)
    second = train(small(epochs=1).model_copy(update={"base": base}), mixture, tmp_path / "second")
    # what was learned is still there: random weights begin at about the logarithm of the vocabulary
    assert second.first_loss < (first.first_loss + first.last_loss) / 2


class StopsAtTheFirstBatch(io.StringIO):
    """A terminal whose process is ended once it has shown that the training goes on."""

    def write(self, text: str) -> int:
        written = super().write(text)
        if "batch" in text:
            os.kill(os.getpid(), signal.SIGTERM)
        return written


def test_a_training_that_is_stopped_leaves_no_checkpoint(tmp_path: Path, write_mixture: Write) -> None:
    folders = ["--mixture", write_mixture(rows()), "--out", str(tmp_path / "checkpoint")]
    overrides = json.dumps({**SMALL, "epochs": 5000})
    with (
        in_this_process(),
        contextlib.redirect_stdout(StopsAtTheFirstBatch()) as terminal,
        pytest.raises(SystemExit) as ended,
    ):
        train_main.main(["--recipe", "tiny", "--overrides", overrides, *folders])
    assert ended.value.code == 128 + signal.SIGTERM
    assert "batch 1 of" in terminal.getvalue()
    assert leftovers(tmp_path) == []


def test_a_bad_setting_fails_the_process_before_torch_is_loaded(tmp_path: Path) -> None:
    arguments = ["--recipe", "tiny", "--mixture", "nowhere", "--out", str(tmp_path / "out")]
    with child([*arguments, "--overrides", '{"epochs": 0}'], PYTHONPROFILEIMPORTTIME="1") as process:
        _, output = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "epochs is 0" in output
    imported = {
        line.rpartition("|")[2].strip() for line in output.splitlines() if line.startswith("import time")
    }
    assert "repair.training.recipe" in imported
    assert "torch" not in imported


def child(arguments: list[str], **env: str) -> Any:
    return subprocess.Popen(
        [sys.executable, "-m", "code_location.train_main", *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
