"""Checkpoint export: a Hugging Face folder with provenance (`made_by.json`), written as a whole.

`made_by.json` is written last: a folder or prefix without it is no checkpoint.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from repair.models.made_by import MADE_BY, write_made_by
from repair.store.atomic import whole_folder
from repair.training.recipe import Pretrained, Recipe

METRICS = "metrics.jsonl"
_PACKAGES = ("mosaicml", "torch", "transformers", "tokenizers", "peft", "repair")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """Figures of a training run. Losses are in nats per learned token."""

    checkpoint: str
    """The folder or URI of the model."""
    recipe: str
    data_fingerprint: str
    """SHA-256 of the mixture's rows."""
    parameters: int
    trained_parameters: int
    """Those among them that have a gradient: of an adapter, if the recipe has one."""
    samples: int
    """Training samples, each used once per epoch."""
    validation_samples: int
    left_out_too_long: int
    """Samples of both splits that are longer than a row, and were not used."""
    tokens: int
    """Of the training samples, once."""
    learned_tokens: int
    """The tokens of responses among them."""
    packing_efficiency: float
    """The share of the rows' tokens that are samples."""
    epochs: int
    batches: int
    precision: str
    """What it was computed in here: the recipe's, or 32 bits (`repair.training.base_model.computed_in`)."""
    warmup_batches: int
    resumed_from_batch: int
    """0: the run was not resumed."""
    first_loss: float
    """Mean over the first batches, a tenth of all and at most 10."""
    last_loss: float
    """Mean over the same number of last batches."""
    validation_loss: float | None
    """At the end; None without validation samples. Not a criterion to choose a checkpoint by."""
    seconds: float
    """Of this process, from its start to the last batch."""
    tokens_per_second: float
    """Over the time of the batches alone."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def versions() -> dict[str, str]:
    """Versions of the packages that decide the weights."""
    return {package: version(package) for package in _PACKAGES}


def write_checkpoint(
    uri: str,
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    weights: Mapping[str, Any] | None,
    made_by: Mapping[str, Any],
    curve: Sequence[Mapping[str, Any]],
) -> None:
    """Write a checkpoint as a whole: the model, its tokenizer, `metrics.jsonl` and then `made_by.json`.

    `weights` are those of the whole model; of an adapter None.
    """
    with whole_folder(uri, last=MADE_BY) as folder:
        if isinstance(recipe.base, Pretrained) and recipe.lora:
            from repair.training.lora import save_adapter

            save_adapter(model, folder, base=recipe.base)
        else:
            model.save_pretrained(folder, state_dict=weights)
        tokenizer.save_pretrained(folder)
        write_notes(folder, made_by, curve)


def write_notes(folder: Path, made_by: Mapping[str, Any], curve: Sequence[Mapping[str, Any]]) -> None:
    """Write `metrics.jsonl` and then `made_by.json` beside the model in `folder`."""
    lines = "".join(json.dumps(record) + "\n" for record in curve)
    (folder / METRICS).write_text(lines, encoding="utf-8")
    write_made_by(folder, made_by)
