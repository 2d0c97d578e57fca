"""The model that ships: where it is, and its golden prompts and answers.

In a checkout it is below `models/`; a wheel installs it below the environment's `share/repair/models/`. It is
an adapter without a tokenizer: that of its base is used.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "smollm2-135m-repair"
GOLDEN = "golden.jsonl"
CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Golden:
    """A prompt, the greedy answer to it, and the least lead of a token of the answer over the second best, in
    logits: where it is small, another machine may answer otherwise."""

    prompt: str
    answer: str
    lead: float


def shipped_folder() -> Path:
    """The folder of the model that ships; it is there or not."""
    root = Path(__file__).parents[2]
    is_checkout = (root / "pyproject.toml").is_file()
    return root / "models" / NAME if is_checkout else Path(sys.prefix, "share", "repair", "models", NAME)


def is_shipped(folder: Path) -> bool:
    """Whether a model is in `folder`."""
    return (folder / "adapter_model.safetensors").is_file()


def write_golden(folder: Path, golden: Iterable[Golden]) -> None:
    """Write golden prompts and answers to `folder`."""
    lines = "".join(json.dumps(asdict(pair)) + "\n" for pair in golden)
    (folder / GOLDEN).write_text(lines, encoding="utf-8")


def read_golden(folder: Path) -> Sequence[Golden]:
    """The golden prompts and answers of the model in `folder`."""
    return [Golden(**json.loads(line)) for line in (folder / GOLDEN).read_text("utf-8").splitlines()]
