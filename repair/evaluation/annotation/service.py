"""The annotator's actions on samples: list, look at, decide, correct; each returns what the page is sent.

Tested by `tests/repair/evaluation/annotation/test_app.py`; in a browser by
`tests/repair/evaluation/annotation/test_page.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from repair.errors import InputError
from repair.evaluation.annotation import decisions as log
from repair.evaluation.annotation.agreement import agreements
from repair.evaluation.annotation.decisions import Decision, DecisionLog, ServersVerdict, annotator_name
from repair.evaluation.annotation.samples import Sample
from repair.evaluation.annotation.view import view
from repair.language_servers.scheduler import VersionedServers
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError
from repair.messages import printable, shown
from repair.text.lines import split_mark
from repair.verification.verifier import verify

OPEN, UNVERIFIED = "open", "unverified"
_KEYS = {
    log.ACCEPT: "a", log.CORRECT: "c", log.REJECT: "r",
    log.RIGHT: "a", log.WRONG: "r", log.UNSURE: "u", log.SKIP: "s",
}  # fmt: skip
BENCHMARK_CHOICES = (log.ACCEPT, log.CORRECT, log.REJECT, log.SKIP)
AUDIT_CHOICES = (log.RIGHT, log.WRONG, log.UNSURE, log.SKIP)
_WITH_REASON = (log.REJECT, log.WRONG)


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision as the page sends it; `files` are the edited files of a correction, path -> text."""

    sample_id: str
    annotator: str
    decision: Literal["accept", "correct", "reject", "skip", "right", "wrong", "unsure"]
    reason: str = ""
    files: dict[str, str] = {}


class Annotation:
    """A session over samples; thread-safe. `audit`: of verified rows, by right, wrong and unsure."""

    def __init__(
        self, samples: Sequence[Sample], decisions: DecisionLog, servers: VersionedServers, *, audit: bool
    ) -> None:
        self._samples = {sample.sample_id: sample for sample in samples}
        self._log, self._servers = decisions, servers
        self.choices = AUDIT_CHOICES if audit else BENCHMARK_CHOICES

    def overview(self, annotator: str) -> dict[str, Any]:
        """All samples in their order, with this annotator's state of each, and the progress."""
        name = annotator_name(annotator)
        states = {sample_id: self._state(sample, name) for sample_id, sample in self._samples.items()}
        counts = Counter(states.values())
        decided = len(states) - counts[OPEN] - counts[log.SKIP]
        return {
            "annotator": name,
            "progress": f"{decided} of {len(states)}, {counts[log.SKIP]} skipped",
            "choices": [
                {"decision": choice, "key": _KEYS[choice], "reason": choice in _WITH_REASON}
                for choice in self.choices
            ],
            "samples": [{"sample_id": sample_id, "state": state} for sample_id, state in states.items()],
            "states": [OPEN, *self.choices, *([UNVERIFIED] if log.CORRECT in self.choices else [])],
        }

    def look(self, sample_id: str, annotator: str) -> dict[str, Any]:
        """One sample with this annotator's decision; the adjudicator sees those of the others too."""
        sample, name = self._sample(sample_id), annotator_name(annotator)
        known = self._log.decisions.of(sample.sample_id, sample.sha256)
        own = known.get(name)
        repaired = self._repaired(sample, own)
        return {
            **view(sample, repaired),
            "state": self._state(sample, name),
            "decision": _decision(own) if own else None,
            "others": [_decision(row) for other, row in sorted(known.items()) if other != name]
            if name == log.ADJUDICATOR
            else [],
            "texts": {path: split_mark(text)[1] for path, text in repaired.items()},
        }

    def decide(self, action: Action) -> dict[str, Any]:
        """Save a decision at once; a correction is then checked by the servers, and their verdict saved.

        Raises:
            InputError: the sample is unknown, or the decision is none of the choices, lacks its reason, or
                corrects nothing.
        """
        sample, name = self._sample(action.sample_id), annotator_name(action.annotator)
        reason = " ".join(action.reason.split())
        if action.decision not in self.choices:
            raise InputError(f"the decision is {action.decision}: expected one of {', '.join(self.choices)}")
        if action.decision in _WITH_REASON and not reason:
            raise InputError("a reason is missing: say in a few words what is wrong")
        if len(reason) > log.LONGEST_REASON:
            raise InputError(
                f"the reason has {len(reason)} characters: expected at most {log.LONGEST_REASON}"
            )
        corrects = action.decision == log.CORRECT
        line_diff = self._corrected(sample, action.files) if corrects else sample.line_diff
        row = self._log.append(
            Decision(
                sample_id=sample.sample_id,
                sample_sha256=sample.sha256,
                annotator=name,
                decision=action.decision,
                reason=reason,
                line_diff=line_diff,
                timestamp=datetime.now(UTC),
            )
        )
        if corrects:
            verdict = verify(sample.files, sample.diagnostic, line_diff, self._servers, anywhere=True)
            found = ServersVerdict(
                verdict.accepted, verdict.reason, verdict.evidence, dict(self._servers.versions)
            )
            row = self._log.append(msgspec.structs.replace(row, verdict=found), instead_of=row)
        return {"state": self._state(sample, name), "decision": _decision(row)}

    def agreement(self) -> list[dict[str, Any]]:
        """Each pair of annotators."""
        found = agreements(self._samples.values(), self._log.decisions)
        return [{**asdict(pair), "text": str(pair)} for pair in found]

    def _sample(self, sample_id: str) -> Sample:
        if sample_id not in self._samples:
            raise InputError(f"there is no sample {shown(sample_id)}: load the page again")
        return self._samples[sample_id]

    def _state(self, sample: Sample, annotator: str) -> str:
        own = self._log.decisions.of(sample.sample_id, sample.sha256).get(annotator)
        if own is None:
            return OPEN
        refused = own.decision == log.CORRECT and not (own.verdict and own.verdict.accepted)
        return UNVERIFIED if refused else own.decision

    @staticmethod
    def _repaired(sample: Sample, own: Decision | None) -> Mapping[str, str]:
        """The files after the annotator's own correction, or else after the proposed diff."""
        if own is None or own.decision != log.CORRECT:
            return sample.repaired
        try:
            return workspace_diff.apply(sample.files, own.line_diff, sample.path)
        except LineDiffError:  # somebody has edited the file of decisions
            return sample.repaired

    @staticmethod
    def _corrected(sample: Sample, edited: Mapping[str, str]) -> str:
        """The diff to the edited files. A text area knows LF alone and no byte order mark: a diff of lines
        keeps the terminators of the original, and the mark is put back."""
        if unknown := sorted(edited.keys() - sample.files.keys()):
            raise InputError(f"{shown(unknown[0])} is not among the files: a diff creates none")
        texts = {path: split_mark(sample.files[path])[0] + text for path, text in edited.items()}
        line_diff = workspace_diff.diff(sample.files, {**sample.files, **texts}, sample.path)
        if not line_diff:
            raise InputError("every line is as it was in the original: reject the sample, or correct a line")
        return line_diff


def _decision(row: Decision) -> dict[str, Any]:
    shown_as = {
        name: printable(getattr(row, name)) for name in ("annotator", "decision", "reason", "line_diff")
    }
    verdict = row.verdict
    found = None if verdict is None else {
        "accepted": verdict.accepted, "reason": verdict.reason, "evidence": printable(verdict.evidence)
    }  # fmt: skip
    return {**shown_as, "timestamp": row.timestamp.isoformat(), "verdict": found}
