"""Rows of the tables as `to_pylist` gives them. Made by `repair.schema.typed_rows`.

Tested by `tests/repair/schema/test_typed_rows.py`.
"""

from datetime import datetime
from typing import TypedDict


class FileRow(TypedDict):
    path: str
    text: str


class LaterStateRow(TypedDict):
    timestamp: datetime
    text: str | None
    ghostwriter: bool


class DiagnosticRow(TypedDict):
    path: str
    code: str
    message: str
    severity: str
    start_line: int
    start_column: int
    start_character: int
    end_line: int
    end_column: int
    end_character: int
    has_code_action: bool


class SignalsRow(TypedDict):
    needless: int
    code_as_text: bool
    spans: int
    missing_name: bool


class PublishedDiagnosticRow(TypedDict):
    code: str
    message: str
    severity: str | None
    start_line: int
    start_character: int
    end_line: int
    end_character: int
    code_action: bool | None


class ConsentRow(TypedDict):
    purpose: str
    given: datetime | None
    by: str | None
    until: datetime | None
    revoked: datetime | None


class EventRow(TypedDict):
    project_id: str
    session_id: str | None
    timestamp: datetime
    sequence: int
    kind: str
    path: str | None
    packet: bytes | None
    operation: str | None
    destination: str | None
    content: bytes | None
    version: int | None
    diagnostics: list[PublishedDiagnosticRow] | None
    payload: str | None


class ProjectRow(TypedDict):
    project_id: str
    visibility: str | None
    language: str | None
    licence: str | None
    consent: bool | None
    consents: list[ConsentRow] | None


class DecidedProjectRow(ProjectRow):
    purposes: list[str]
    refused: str | None


class RejectRow(TypedDict):
    diagnostic_id: str | None
    project_id: str | None
    path: str | None
    timestamp: datetime | None
    code: str | None
    message: str | None
    reason: str
    detail: str | None
    rows: int


class SampledEpisodeRow(TypedDict):
    diagnostic_id: str
    project_id: str
    session_id: str | None
    path: str
    moment: datetime
    sequence: int
    first_seen: datetime
    gone: datetime | None
    publications: int
    recorded: PublishedDiagnosticRow


class ErrorStateRow(SampledEpisodeRow):
    licence: str | None
    purposes: list[str] | None
    files: list[FileRow]
    later_states: list[LaterStateRow]
    workspace_sha256: str


class ReproducedDiagnosticRow(ErrorStateRow):
    diagnostic: DiagnosticRow
    agreed: list[str]
    before: list[DiagnosticRow]
    pyright_version: str
    ruff_version: str
    environment: str
    python_version: str | None
    ignored_settings: list[str]


class RepairCandidateRow(ReproducedDiagnosticRow):
    redactions: int


class SynthesizedDiffRow(RepairCandidateRow):
    teacher: str
    answer: str
    answer_format: str
    minimized: bool
    candidates: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


class VerifiedDiffRow(SynthesizedDiffRow):
    tolerated: list[str]
    line_diff: str
    repaired: str
    repaired_files: list[FileRow]
    after: list[DiagnosticRow]
    after_pyright_version: str
    after_ruff_version: str
    files_sha256: str
    prompt_version: str
    signals: SignalsRow
    confidence: float | None
    calibration_sha256: str
    judge: str | None
    judge_reason: str | None
    judge_cost_usd: float | None


class RepairExampleRow(TypedDict):
    example_id: str
    diagnostic_id: str
    project_id: str
    split: str
    code: str
    path: str
    response: str
    teacher: str
    licence: str | None
    purposes: list[str] | None
    prompt_version: str
    files: list[FileRow]
    diagnostic: DiagnosticRow
    before: list[DiagnosticRow]
    line_diff: str
    repaired: str
    repaired_files: list[FileRow]
    signals: SignalsRow
    confidence: float | None
    calibration_sha256: str


class FixAcceptanceRow(TypedDict):
    fix_id: str
    project_id: str
    session_id: str | None
    path: str
    moment: datetime
    sequence: int
    model: str
    code: str
    message: str | None
    start_line: int
    line_diff: str | None
    outcome: str
    decided: datetime | None
    fate: str | None
    policy: str | None
    licence: str | None
    purposes: list[str] | None
    files: list[FileRow]
    later_files: list[FileRow]
    ghostwriter: bool


class PreferencePairRow(TypedDict):
    pair_id: str
    fix_id: str
    project_id: str
    split: str
    path: str
    code: str
    message: str
    moment: datetime
    asked: str
    chosen: str
    rejected: str
    because: str
    chosen_from: str
    model: str
    licence: str | None
    prompt_version: str
