"""Consent and licence policy: which projects may be used, and for what."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from repair.curation import consent
from repair.curation.consent import Revocation, Terms, decide
from repair.schema.events import DECIDED_PROJECTS, PROJECTS, Visibility

REASONS = {
    "private": "the project's visibility says so",
    "unknown_visibility": "the project is not recorded as public",
    "no_consent": "the project's owner declined",
    **consent.WITHDRAWN,
    **consent.REASONS,
    "not_python": "the project's language is recorded and is another one",
}


def decided_projects(projects: pa.Table, terms: Terms, revocations: Iterable[Revocation] = ()) -> pa.Table:
    """Rows of `DECIDED_PROJECTS` for rows of `PROJECTS`, after events that revoke consent."""
    events = list(revocations)
    rows: list[dict[str, Any]] = []
    for row in projects.select(PROJECTS.names).to_pylist():
        own = [event for event in events if event.project_id == row["project_id"]]
        row["consents"] = consent.revoked(row, own)
        decision = decide(row, terms)
        rows.append({**row, "purposes": decision.purposes, "refused": _reject(row, decision)})
    return pa.Table.from_pylist(rows, schema=DECIDED_PROJECTS)


def decisions_sha256(projects: pa.Table) -> str:
    """SHA-256 over the decisions on rows of `DECIDED_PROJECTS`, in their order."""
    rows = projects.select(["project_id", "purposes", "refused"]).to_pylist()
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def withdrawn(projects: pa.Table) -> dict[str, str]:
    """The projects of which no row is kept, with the reason; `projects`: rows of `DECIDED_PROJECTS`."""
    rows = projects.select(["project_id", "refused"]).to_pylist()
    return {row["project_id"]: row["refused"] for row in rows if row["refused"] in consent.WITHDRAWN}


def project_rejects(projects: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The projects that may not be used, with the reason; `projects`: rows of `DECIDED_PROJECTS` by their
    id."""
    return {project_id: row["refused"] for project_id, row in projects.items() if row["refused"]}


def project_reject(project: Mapping[str, Any], terms: Terms) -> str | None:
    """The reason why this project (a row of `PROJECTS`) may not be used at all, or None.

    A project is used only if it is recorded as public and its owner's consent is recorded; missing consent
    counts as none. The first of `REASONS` that applies; without a recorded language, its files decide later.
    """
    return _reject(project, decide(project, terms))


def _reject(project: Mapping[str, Any], decision: consent.Decision) -> str | None:
    visibility, language = project.get("visibility"), project.get("language")
    if decision.refused in consent.WITHDRAWN:
        return decision.refused  # of a project that took its consent back, nothing is kept
    if visibility == Visibility.PRIVATE:
        return "private"
    if visibility != Visibility.PUBLIC:
        return "unknown_visibility"
    if project.get("consent") is False:
        return "no_consent"
    if decision.refused is not None:
        return decision.refused
    if language is not None and language.lower() != "python":
        return "not_python"
    return None
