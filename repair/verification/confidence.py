"""Calibrated confidence of a verified repair: logistic regression over what can be seen of it.

That the servers are content is not yet a repair: they do not know what the program was to do. The signals
tell verified repairs apart that pass a program's tests from those that do not; a `Calibration` turns them
into the probability that this one does. It is fitted and its threshold chosen by
`repair.evaluation.calibration`: for one model, beside which it lies as `confidence.json`; and for any
teacher, `verifiers_own`, by which verified rows get their confidence. That one lies beside this module.

What it was fitted to says nothing of other diagnostics: an undefined name that is spelt as another one is
mostly right, an exception in `except:` is mostly another one than was meant. So a calibration has the types
of diagnostic that it was measured on, and knows no confidence of others.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from math import exp
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import types_of_fault
from repair.diagnostics.star_imports import unresolved_star_import
from repair.errors import ConfigurationError
from repair.language_servers.scheduler import CheckCoroutine
from repair.messages import shown
from repair.models.made_by import weights_of
from repair.verification.code_as_text import code_as_text
from repair.verification.missing_name import is_of_no_code, takes_for_misspelt
from repair.verification.needless import changes, needless_changes
from repair.verification.verifier import Verdict

FILE = "confidence.json"
OWN = Path(__file__).with_name(FILE)
UNLIKELY = -2.0
"""A log-probability below it speaks against an answer."""
LEAST_LIKELY = -8.0
"""Log-probabilities below it are as good as equal."""
MEASURED = 10
"""Samples of a diagnostic type with a verified repair, from which on a calibration was measured on it."""
DIGITS = 4
"""Decimals of a stored confidence: the last ones of a sum differ between machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is seen of a verified repair, and of how it was found."""

    needless: int
    """Changed spans that can be taken back, each alone, and it still verifies."""
    code_as_text: bool
    """It closes a quote or writes a comment around what reads as code."""
    spans: int
    """Changed spans of tokens, of all files; brackets put around something are one."""
    later: bool
    """It is not the model's first answer: that one did not do."""
    log_probability: float | None = None
    """Natural logarithm of the answer's probability; None: the teacher does not tell it."""
    missing_name: bool = False
    """It takes a missing name for a misspelt one, or a word of what is no code
    (`repair.verification.missing_name`), or what a star import may bring (`repair.diagnostics.star_imports`).
    """

    def features(self) -> dict[str, float]:
        """The inputs of the regression."""
        return {
            "needless": float(self.needless > 0),
            "code_as_text": float(self.code_as_text),
            "two_spans": float(self.spans > 1),
            "three_spans": float(self.spans > 2),
            "later": float(self.later),
            "log_probability": max(self.log_probability or 0.0, LEAST_LIKELY),
        }

    def doubts(self) -> list[str]:
        """What speaks against it, in words."""
        told = {
            "a change that is not needed": self.needless > 0,
            "it makes a text of what reads as code": self.code_as_text,
            "the name may be missing, and not misspelt": self.missing_name,
            f"changes in {self.spans} places": self.spans > 1,
            "not the likeliest answer": self.later,
            "an unlikely answer": (self.log_probability or 0.0) < UNLIKELY,
        }
        return [words for words, holds in told.items() if holds]


FEATURES = tuple(Signals(needless=0, code_as_text=False, spans=1, later=False).features())


def signals_of(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    verdict: Verdict,
    before: Sequence[Diagnostic],
    *,
    later: bool = False,
    log_probability: float | None = None,
) -> CheckCoroutine[Signals]:
    """The signals of a repair that `verdict` accepts.

    Raises:
        UnansweredError: the servers failed, so that they are not known.
    """
    repaired = verdict.changed(diagnostic.path)
    pairs = [(workspace[path], text) for path, text in repaired.items()]
    return Signals(
        needless=(yield from needless_changes(workspace, diagnostic, repaired, before)),
        code_as_text=any(code_as_text(*pair) for pair in pairs),
        spans=sum(len(changes(*pair)) for pair in pairs),
        later=later,
        log_probability=log_probability,
        missing_name=unresolved_star_import(workspace, diagnostic, before) is not None
        or is_of_no_code(diagnostic, before, verdict.after)
        or (
            diagnostic.path in repaired
            and takes_for_misspelt(workspace[diagnostic.path], repaired[diagnostic.path], diagnostic)
        ),
    )


class Cut(NamedTuple):
    """A threshold: how many repairs that it was chosen on have its confidence, and how many of them are
    right."""

    threshold: float
    shown: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Weights of the features, and the least confidence at which a repair is shown.

    `chosen_on` tells how it was made: repairs that it was fitted to; samples with a verified repair that the
    threshold was chosen on, and how many of them it shows.
    """

    intercept: float
    weights: Mapping[str, float]
    threshold: float
    types: tuple[str, ...]
    """Diagnostic types that it was measured on, by at least `MEASURED` samples of each."""
    chosen_on: Mapping[str, Any] = field(default_factory=dict[str, Any])
    weights_sha256: Mapping[str, str] | None = None
    """Of the model's files of weights: its answers are what was calibrated."""
    cuts: tuple[Cut, ...] = ()
    """Of the verifier's own: every threshold that tells the repairs apart that it was chosen on, rising."""
    measured: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Teacher -> benchmark -> precision of all that verifies, in words; of none that it was not measured of.
    """

    def __post_init__(self) -> None:
        if set(self.weights) != set(FEATURES) or not 0 <= self.threshold <= 1:
            raise ConfigurationError(
                f"a calibration with weights of {shown(', '.join(self.weights))} and the threshold"
                f" {self.threshold}: expected weights of {', '.join(FEATURES)}, and a threshold in 0 to 1"
            )

    def confidence(self, signals: Signals, code: str) -> float | None:
        """The probability that a repair of a diagnostic with this code is right; None: it is not known.

        It is not where a missing name is taken for a misspelt one: each of the 12 such repairs of the
        problems is wrong, which are too few to fit a weight to.
        """
        return self.probability(signals) if self.measures(code) and not signals.missing_name else None

    def measures(self, code: str) -> bool:
        """Whether repairs of such diagnostics, of either server, were measured."""
        return not types_of_fault(code).isdisjoint(self.types)

    def probability(self, signals: Signals) -> float:
        """What the regression gives a repair with these signals, as if it was of a measured type."""
        logit = self.intercept + sum(self.weights[name] * value for name, value in signals.features().items())
        return 1 / (1 + exp(-max(-500.0, min(500.0, logit))))

    def threshold_for(self, precision: float) -> float:
        """The lowest threshold whose precision, on what it was chosen on, is at least `precision`.

        Raises:
            ConfigurationError: none has it.
        """
        enough = [cut.threshold for cut in self.cuts if cut.precision >= precision]
        if enough:
            return min(enough)
        best = max(self.cuts, key=lambda cut: cut.precision, default=None)
        known = f"the highest is {best.precision:.3f}, at {best.threshold}" if best else "it has none"
        raise ConfigurationError(
            f"a precision of {precision} is asked for, and no threshold of the calibration has it: {known}"
        )

    @property
    def sha256(self) -> str:
        """What rows say of the calibration that gave them their confidence."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it beside a model."""
        replace(self, weights_sha256=weights_of(folder)).write_to(folder / FILE)

    def write_to(self, path: Path) -> None:
        """Write it as a file of its own."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """That of the model in `folder`; None: its fixes were never calibrated.

        Raises:
            ConfigurationError: the file is not what `write` writes, or belongs to other weights.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        found = cls.read_from(path)
        if found.weights_sha256 != weights_of(folder):
            raise ConfigurationError(
                f"{shown(str(path))} is the calibration of other weights than those beside it: materialize"
                " model_calibration of their checkpoint, or remove it"
            )
        return found

    @classmethod
    def read_from(cls, path: Path) -> Self:
        """The calibration in a file. Raises ConfigurationError if it has none."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigurationError(
                f"{shown(str(path))} is no calibration: {error}; model_calibration makes a checkpoint's, and"
                " bench/precision.py --fit the verifier's own"
            ) from None


@cache
def verifiers_own() -> Calibration:
    """The verifier's calibration for any teacher: by it verified rows get their confidence."""
    return Calibration.read_from(OWN)
