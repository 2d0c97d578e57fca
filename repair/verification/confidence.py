"""Calibrated confidence of a verified repair: logistic regression over what can be seen of it.

That the servers are content is not yet a repair: they do not know what the program was to do. The signals
tell verified repairs apart that pass a program's tests from those that do not; a `Calibration` turns them
into the probability that this one does. It is fitted and its threshold chosen for one model, by
`repair.evaluation.calibration`, and lies beside it as `confidence.json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import exp
from pathlib import Path
from typing import Any, Self

import msgspec

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError
from repair.language_servers.scheduler import CheckCoroutine
from repair.messages import shown
from repair.models.made_by import weights_of
from repair.verification.code_as_text import code_as_text
from repair.verification.needless import changed_spans, needless_changes

FILE = "confidence.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is seen of a verified repair, and of how it was found."""

    needless: int
    """Changed spans that can be taken back, each alone, and it still verifies."""
    code_as_text: bool
    """It closes a quote or writes a comment around what reads as code."""
    spans: int
    """Changed spans of tokens in the diagnostic's file."""
    sampled: bool
    """It is no greedy answer: that one did not do."""
    votes: float = 0.0
    """The share of the sampled answers that are this one; 0 of a greedy one."""

    def features(self) -> dict[str, float]:
        """The inputs of the regression."""
        return {
            "needless": float(self.needless > 0),
            "code_as_text": float(self.code_as_text),
            "two_spans": float(self.spans > 1),
            "three_spans": float(self.spans > 2),
            "sampled": float(self.sampled),
            "votes": self.votes,
        }

    def doubts(self) -> list[str]:
        """What speaks against it, in words."""
        told = {
            "a change that is not needed": self.needless > 0,
            "it makes a text of what reads as code": self.code_as_text,
            f"changes in {self.spans} places": self.spans > 1,
            "not the likeliest answer": self.sampled,
        }
        return [words for words, holds in told.items() if holds]


FEATURES = tuple(Signals(needless=0, code_as_text=False, spans=1, sampled=False).features())


def signals_of(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    repaired: str,
    before: Sequence[Diagnostic],
    *,
    sampled: bool = False,
    votes: float = 0.0,
) -> CheckCoroutine[Signals]:
    """The signals of a verified repair, `repaired` being the text of the diagnostic's file after it."""
    original = workspace[diagnostic.path]
    return Signals(
        needless=(yield from needless_changes(workspace, diagnostic, repaired, before)),
        code_as_text=code_as_text(original, repaired),
        spans=len(changed_spans(original, repaired)),
        sampled=sampled,
        votes=votes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Weights of the features, and the least confidence at which a repair is shown.

    `chosen_on` tells how it was made: repairs that it was fitted to; samples with a verified repair that the
    threshold was chosen on, and how many of them it shows.
    """

    intercept: float
    weights: Mapping[str, float]
    threshold: float
    chosen_on: Mapping[str, Any] = field(default_factory=dict[str, Any])
    weights_sha256: Mapping[str, str] | None = None
    """Of the model's files of weights: its answers are what was calibrated."""

    def __post_init__(self) -> None:
        if set(self.weights) != set(FEATURES) or not 0 <= self.threshold <= 1:
            raise ConfigurationError(
                f"a calibration with weights of {shown(', '.join(self.weights))} and the threshold"
                f" {self.threshold}: expected weights of {', '.join(FEATURES)}, and a threshold in 0 to 1"
            )

    def confidence(self, signals: Signals) -> float:
        """The probability that a repair with these signals is right."""
        logit = self.intercept + sum(self.weights[name] * value for name, value in signals.features().items())
        return 1 / (1 + exp(-max(-500.0, min(500.0, logit))))

    def write(self, folder: Path) -> None:
        """Write it beside a model."""
        of_model = replace(self, weights_sha256=weights_of(folder))
        (folder / FILE).write_text(json.dumps(asdict(of_model), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """That of the model in `folder`; None: its fixes were never calibrated.

        Raises:
            ConfigurationError: the file is not what `write` writes, or belongs to other weights.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigurationError(
                f"{shown(str(path))} is no calibration: {error}; run bench/precision.py --fit to make it"
                " again"
            ) from None
        if found.weights_sha256 != weights_of(folder):
            raise ConfigurationError(
                f"{shown(str(path))} is the calibration of other weights than those beside it: run"
                " bench/precision.py --fit to make it again, or remove it"
            )
        return found
