"""Consent records: for which purposes a project may be used now, and why it may not be used at all.

A project's consent is a list of records (`repair.schema.events.CONSENT`): for which purpose, given when and
by whom, until when, revoked when. Without the list, the plain answer `consent` stands for it: true is one
record for each purpose, by the owner, since ever and without an end.

What is decided here is decided once for a day, by the stage `session_events`, which stores it; later stages
read the decision, so that a stored result says under which terms it was made.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from repair.curation.licence_expressions import PERMISSIVE, permitted_expression
from repair.schema.events import Purpose, project_digest

PURPOSES = tuple(purpose.value for purpose in Purpose)
OWNER, LICENCE = "owner", "licence"
"""Who gives consent: the owner, or nobody but the project's licence."""

REVOKED, EXPIRED, NOT_BY_LICENCE, UNKNOWN = (
    *("consent_revoked", "consent_expired", "licence_no_consent"),
    "unknown_consent",
)
WITHDRAWN = {
    REVOKED: "every consent that the project had was revoked, or it was forgotten and none was given since",
    EXPIRED: "every consent that the project had has ended",
}
"""Why no row of a project is kept any more: reject reason -> meaning."""

REASONS = {
    NOT_BY_LICENCE: "its only consent is its licence, which is none of those that this deployment accepts",
    UNKNOWN: "the answer of the project's owner is not recorded, or counts from a later day on",
}

NOT_FOR = {purpose: f"no_consent_to_{purpose.value}" for purpose in Purpose}
"""The reject reason of a row that would need a purpose which its project has not agreed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What consent is decided by, besides the projects' records."""

    now: datetime
    licences: Collection[str] = PERMISSIVE
    """SPDX identifiers of the licences that are consent by themselves."""
    forgotten: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    """When a project was forgotten, by `project_digest`: consent counts only if it was given later."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The purposes that a project may be used for; without any, the reason."""

    purposes: tuple[str, ...]
    refused: str | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """An event of a project: its owner takes consent back. No purposes: for all of them."""

    project_id: str
    at: datetime
    purposes: tuple[str, ...] = ()


def decide(project: Mapping[str, Any], terms: Terms) -> Decision:
    """The decision on a row of `PROJECTS`, by its consent alone."""
    states = [
        (record["purpose"], _refusal(record, project, terms))
        for record in consents_of(project)
        if record["purpose"] in PURPOSES
    ]
    purposes = tuple(name for name in PURPOSES if (name, None) in states)
    if purposes:
        return Decision(purposes, None)
    found = {refusal for _, refusal in states}
    if _forgotten(project, terms) is not None:
        found.add(REVOKED)
    order = (REVOKED, EXPIRED, NOT_BY_LICENCE, UNKNOWN)
    return Decision((), next((reason for reason in order if reason in found), UNKNOWN))


def consents_of(project: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The consent records of a project, or what its plain answer stands for."""
    records = project.get("consents")
    if records is not None:
        return [dict(record) for record in records]
    return consent_records(OWNER) if project.get("consent") is True else []


def consent_records(by: str) -> list[dict[str, Any]]:
    """Consent to every purpose, since ever and without an end: rows of `CONSENT`."""
    return [
        {"purpose": purpose, "given": None, "by": by, "until": None, "revoked": None} for purpose in PURPOSES
    ]


def revoked(project: Mapping[str, Any], revocations: Iterable[Revocation]) -> list[dict[str, Any]] | None:
    """The consent records of a project after these events; null: it has none, and nothing is revoked.

    A record that was given after the event stays.
    """
    found = list(revocations)
    if not found:
        return project.get("consents")
    records = consents_of(project)
    for event in found:
        for record in records:
            named = not event.purposes or record["purpose"] in event.purposes
            before = record["given"] is None or record["given"] <= event.at
            if named and before and (record["revoked"] is None or event.at < record["revoked"]):
                record["revoked"] = event.at
    return records or project.get("consents")


def allows(purposes: Collection[str] | None, purpose: Purpose) -> bool:
    """Whether a row's project agreed to a purpose.

    Null: the row comes from a file without a record of its project, which counts as with consent.
    """
    return purposes is None or purpose.value in purposes


def _refusal(record: Mapping[str, Any], project: Mapping[str, Any], terms: Terms) -> str | None:
    """Why a record gives no consent now; null: it does."""
    given, until = _utc(record.get("given")), _utc(record.get("until"))
    taken_back = _utc(record.get("revoked"))
    if taken_back is not None and taken_back <= terms.now:
        return REVOKED
    forgotten = _forgotten(project, terms)
    if forgotten is not None and (given is None or given <= forgotten):
        return REVOKED
    if until is not None and until <= terms.now:
        return EXPIRED
    if given is not None and given > terms.now:
        return UNKNOWN
    if record.get("by") == LICENCE:
        licence = project.get("licence")
        if licence is None or permitted_expression(licence, terms.licences) is None:
            return NOT_BY_LICENCE
    return None


def _forgotten(project: Mapping[str, Any], terms: Terms) -> datetime | None:
    if not terms.forgotten:
        return None
    return terms.forgotten.get(project_digest(str(project.get("project_id"))))


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
