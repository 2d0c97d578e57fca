"""A trained model as a folder that any Hugging Face program reads, and that says what made it.

`made_by.json` is written last: a folder or prefix without it is no checkpoint.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

MADE_BY, METRICS = "made_by.json", "metrics.jsonl"
_PACKAGES = ("mosaicml", "torch", "transformers", "tokenizers", "repair")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a training run made, in figures. Losses are nats a learned token."""

    checkpoint: str
    """The folder or URI of the model."""
    recipe: str
    data_fingerprint: str
    """SHA-256 of the mixture's rows."""
    parameters: int
    samples: int
    """Samples that were trained on, each once an epoch."""
    validation_samples: int
    left_out_too_long: int
    """Samples of both splits that are longer than a row, and were not used."""
    tokens: int
    """Of the training samples, once."""
    learned_tokens: int
    """Those of them that belong to a response."""
    packing_efficiency: float
    """The share of the rows' room that holds samples."""
    epochs: int
    batches: int
    warmup_batches: int
    resumed_from_batch: int
    """0: the run was not resumed."""
    first_loss: float
    """Mean over the first batches, a tenth of all and at most 10."""
    last_loss: float
    """Mean over as many last batches."""
    validation_loss: float | None
    """At the end; None without validation samples. Not what a checkpoint is chosen by."""
    seconds: float
    """Of this process, from its start to the last batch."""
    tokens_per_second: float
    """Over all batches' own time."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def versions() -> dict[str, str]:
    """The versions of the packages that make the weights."""
    return {package: version(package) for package in _PACKAGES}


def write_notes(folder: Path, made_by: Mapping[str, Any], curve: Sequence[Mapping[str, Any]]) -> None:
    """`metrics.jsonl` and then `made_by.json` beside the model in `folder`."""
    lines = "".join(json.dumps(record) + "\n" for record in curve)
    (folder / METRICS).write_text(lines, encoding="utf-8")
    (folder / MADE_BY).write_text(json.dumps(made_by, indent=2, sort_keys=True) + "\n", encoding="utf-8")
