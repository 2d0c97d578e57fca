"""Proof of a verified row: every claim of the row is computed again from the data in it.

A row of `VERIFIED_DIFFS` has the workspace, the teacher's answer and the diagnostics before and after.
`prove` checks it with the installed servers:

| step | what must be equal |
|---|---|
| `hash` | `files_sha256` is that of `files`, and `workspace_sha256` as well if nothing was redacted |
| `before` | the diagnostics of `files` |
| `answer` | the diff in `answer`, in the fewest signed lines that the prompt shows, is `line_diff` |
| `diff` | `line_diff` applies to `files` |
| `repaired` | it gives `repaired` and `repaired_files` |
| `after` | the diagnostics of the repaired workspace |
| `verdict` | `repair.verification.verifier` accepts the diff |
| `signals` | what can be seen of the repair, and the confidence if it is of the calibration that is here |

`workspace_sha256` of a redacted row is the hash of the texts in `error_states`, which the row does not have.
The judge is not asked again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic, format_diagnostics
from repair.language_servers import LanguageServerError, Request
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.rows import DiagnosticRow, VerifiedDiffRow
from repair.text.files import files_of, workspace_sha256
from repair.text.lines import lines_of
from repair.verification.confidence import DIGITS, signals_of, verifiers_own
from repair.verification.needless import UnansweredError
from repair.verification.stage import answered_diff, scored
from repair.verification.verifier import Verdict, examine, fewest_lines

STEPS = ("hash", "before", "answer", "diff", "repaired", "after", "verdict", "signals")

_COMPARED = frozenset(
    {None, "diagnostic_remains", "new_error", "cheat"}
)  # verdicts that have the diagnostics after the diff


@dataclass(frozen=True, slots=True)
class Proof:
    """The result for one row.

    `faults`: step -> what does not agree, in words. `unknown`: steps that could not be checked because of a
    fault. `other_versions`: the versions of the row that are not the installed ones.
    """

    row: VerifiedDiffRow
    faults: Mapping[str, str]
    unknown: tuple[str, ...]
    other_versions: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        diagnostic = self.row["diagnostic"]
        location = f"{diagnostic['path']}:{diagnostic['start_line'] + 1} {diagnostic['code']}"
        agreed = [step for step in STEPS if step not in self.faults and step not in self.unknown]
        parts = [f"{step}: {fault}" for step, fault in self.faults.items()]
        parts += [f"agreed: {', '.join(agreed) or 'nothing'}"]
        parts += [f"other versions: {', '.join(self.other_versions)}"] if self.other_versions else []
        word = "holds" if self.holds else "FAILS"
        return f"{word} {self.row['diagnostic_id']} {location} by {self.row['teacher']}; {'; '.join(parts)}"


def prove(
    batches: Iterable[pa.RecordBatch], servers: Servers, versions: Mapping[str, str]
) -> Iterator[Proof]:
    """Checks each row of `VERIFIED_DIFFS`, in order. `versions` are those of `servers`."""
    for batch in batches:
        rows = batch.to_pylist()
        yield from run_all([_prove(row, versions) for row in rows], servers)


def _prove(row: VerifiedDiffRow, versions: Mapping[str, str]) -> CheckCoroutine[Proof]:
    faults: dict[str, str] = {}
    unknown: list[str] = []
    files, path = files_of(row), str(row["path"])
    if fault := _hash_fault(row, files):
        faults["hash"] = fault
    if fault := _answer_fault(row, files, path):
        faults["answer"] = fault
    try:
        before = yield Request(files, edited=(path,))
        verdict = yield from examine(
            files,
            Diagnostic.from_row(row["diagnostic"]),
            row["line_diff"] or "",
            before,
            anywhere=row["prompt_version"] != PROMPT_VERSION,  # another version may have shown more
        )
    except LanguageServerError as error:
        faults["before"] = f"{error.reason}: {error}"
        unknown += ["diff", "repaired", "after", "verdict", "signals"]
        return Proof(row, faults, tuple(unknown), _other_versions(row, versions))
    if fault := _difference(row["before"], before):
        faults["before"] = fault
    if not verdict.accepted:
        faults["verdict"] = f"{verdict.reason}: {verdict.evidence}"
    if verdict.repaired is None:
        faults["diff"] = f"it does not apply: {faults.pop('verdict')}"
        unknown += ["repaired", "after", "verdict", "signals"]
    else:
        wanted = {**files_of(row, "repaired_files"), path: row["repaired"]}
        if fault := _text_fault(wanted, {**verdict.repaired_files, path: verdict.repaired}):
            faults["repaired"] = fault
        if verdict.reason not in _COMPARED:
            unknown.append("after")
        elif fault := _difference(row["after"], verdict.after):
            faults["after"] = fault
        if not verdict.accepted:
            unknown.append("signals")
        elif fault := (yield from _signals_fault(row, files, verdict, before)):
            faults["signals"] = fault
    ordered = {step: faults[step] for step in STEPS if step in faults}
    return Proof(row, ordered, tuple(unknown), _other_versions(row, versions))


def _signals_fault(
    row: VerifiedDiffRow, files: Mapping[str, str], verdict: Verdict, before: Sequence[Diagnostic]
) -> CheckCoroutine[str | None]:
    try:
        signals = yield from signals_of(files, Diagnostic.from_row(row["diagnostic"]), verdict, before)
    except UnansweredError as error:
        return str(error)
    found = scored(signals, row["diagnostic"]["code"])
    if row["signals"] != found["signals"]:
        return f"they are {found['signals']}, and the row has {row['signals']}"
    same = row["calibration_sha256"] == found["calibration_sha256"]
    if same and _differ(row["confidence"], found["confidence"]):
        return f"they give a confidence of {found['confidence']}, and the row has {row['confidence']}"
    return None


def _differ(one: float | None, other: float | None) -> bool:
    return (one is None) != (other is None) or abs((one or 0.0) - (other or 0.0)) > 10**-DIGITS


def _hash_fault(row: VerifiedDiffRow, files: Mapping[str, str]) -> str | None:
    found = workspace_sha256(files)
    if row["files_sha256"] != found:
        return f"files_sha256 is {row['files_sha256']}, and that of the files is {found}"
    if row["redactions"] == 0 and row["workspace_sha256"] != found:
        return (
            f"workspace_sha256 is {row['workspace_sha256']}, and nothing was redacted from files of {found}"
        )
    return None


def _answer_fault(row: VerifiedDiffRow, files: Mapping[str, str], path: str) -> str | None:
    try:
        answered = answered_diff(row).line_diff
        changed = workspace_diff.apply(files, answered, path)
    except LineDiffError as error:
        return f"{error.reason}: {error}"
    fewest = fewest_lines(files, changed, Diagnostic.from_row(row["diagnostic"]), answered)
    return (
        None if fewest == row["line_diff"] else f"it says {fewest!r}, and line_diff is {row['line_diff']!r}"
    )


def _difference(rows: Sequence[DiagnosticRow] | None, found: Sequence[Diagnostic]) -> str | None:
    wanted = Counter(Diagnostic.from_row(row) for row in rows or ())
    missing, fresh = wanted - Counter(found), Counter(found) - wanted
    parts: list[str] = []
    if missing:
        parts.append(f"only the row has: {format_diagnostics(sorted(missing.elements()))}")
    if fresh:
        parts.append(f"only the servers report: {format_diagnostics(sorted(fresh.elements()))}")
    return "; ".join(parts) or None


def _text_fault(wanted: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    for path in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(path), found.get(path)
        if one is None or other is None:
            return f"{path} is among the repaired files of {'the row' if other is None else 'the diff'} alone"
        if one != other:
            pairs = enumerate(zip(lines_of(one), lines_of(other), strict=False), 1)
            at = next((number for number, (a, b) in pairs if a != b), None)
            where = "where one of them ends, or by a line's terminator" if at is None else f"at line {at}"
            return f"{path} is not what the diff gives: they differ {where}"
    return None


def _other_versions(row: VerifiedDiffRow, versions: Mapping[str, str]) -> tuple[str, ...]:
    here = {**versions, "prompt": PROMPT_VERSION, "calibration": verifiers_own().sha256}
    row_versions = [
        ("pyright", row["pyright_version"]),
        ("ruff", row["ruff_version"]),
        ("pyright", row["after_pyright_version"]),
        ("ruff", row["after_ruff_version"]),
        ("prompt", row["prompt_version"]),
        ("calibration", row["calibration_sha256"]),
    ]
    other = [f"{name} {here.get(name)} here, {version} in the row" for name, version in row_versions]
    return tuple(
        dict.fromkeys(
            fault
            for fault, (name, version) in zip(other, row_versions, strict=True)
            if version != here.get(name)
        )
    )
