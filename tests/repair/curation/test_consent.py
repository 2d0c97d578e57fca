"""Consent by its records: for what, from when, until when, revoked when, and by whose word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.curation.consent import (
    LICENCE,
    OWNER,
    PURPOSES,
    Revocation,
    Terms,
    allows,
    consent_records,
    decide,
    revoked,
)
from repair.recording.event import revocation_of
from repair.schema.events import CONSENT, Purpose, project_digest

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEFORE, LONG_BEFORE, AFTER = NOW - timedelta(days=1), NOW - timedelta(days=9), NOW + timedelta(days=1)
TERMS = Terms(now=NOW)


def record(purpose: str = "training", **fields: Any) -> dict[str, Any]:
    return {**dict.fromkeys(field.name for field in CONSENT), "purpose": purpose, "by": OWNER, **fields}


def project(*consents: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"project_id": "p", "licence": "MIT", "consent": None, "consents": list(consents), **fields}


@pytest.mark.parametrize(
    ("found", "purposes", "refused"),
    [
        (project(record()), ["training"], None),
        (project(record(given=BEFORE, until=AFTER)), ["training"], None),
        (project(record(given=NOW)), ["training"], None),  # from that moment on
        (project(record(given=AFTER)), [], "unknown_consent"),  # not yet
        (project(record(until=NOW)), [], "consent_expired"),
        (project(record(revoked=BEFORE)), [], "consent_revoked"),
        (project(record(revoked=AFTER)), ["training"], None),  # it still holds
        (project(record(revoked=BEFORE), record("evaluation")), ["evaluation"], None),
        (project(record(revoked=LONG_BEFORE), record(given=BEFORE)), ["training"], None),  # given again
        (project(record(until=BEFORE), record("evaluation", revoked=BEFORE)), [], "consent_revoked"),
        (project(record("resale")), [], "unknown_consent"),  # a purpose that we don't know opens nothing
        (project(), [], "unknown_consent"),  # an empty list is no plain answer
        (project(consent=True), [], "unknown_consent"),
        (project(consents=None), [], "unknown_consent"),
        (project(consents=None, consent=True), list(PURPOSES), None),  # of older recordings
        (project(record(by=LICENCE)), ["training"], None),
        (project(record(by=LICENCE), licence="GPL-3.0-only"), [], "licence_no_consent"),
        (project(record(by=LICENCE), licence="AGPL-3.0-only"), [], "licence_no_consent"),
        (project(record(by=LICENCE), licence=None), [], "licence_no_consent"),
        (project(record(), licence="GPL-3.0-only"), ["training"], None),  # the owner said so
    ],
)
def test_what_the_records_say_now(found: dict[str, Any], purposes: list[str], refused: str | None) -> None:
    decision = decide(found, TERMS)
    assert (list(decision.purposes), decision.refused) == (purposes, refused)


def test_which_licences_are_consent_is_the_deployments_word() -> None:
    found = project(record(by=LICENCE), licence="GPL-3.0-only OR Apache-2.0")
    assert decide(found, TERMS).refused is None
    assert decide(found, replace(TERMS, licences={"GPL-3.0-only"})).refused is None
    assert decide(found, replace(TERMS, licences=set())).refused == "licence_no_consent"


@pytest.mark.parametrize(
    ("found", "refused"),
    [
        (project(record()), "consent_revoked"),
        (project(record(given=LONG_BEFORE)), "consent_revoked"),
        (project(record(given=NOW)), None),  # given since
        (project(), "consent_revoked"),  # nobody asked: what was forgotten stays so
        (project(record(), project_id="q"), None),
    ],
)
def test_a_forgotten_project_needs_new_consent(found: dict[str, Any], refused: str | None) -> None:
    terms = replace(TERMS, forgotten={project_digest("p"): BEFORE})
    assert decide(found, terms).refused == refused


@pytest.mark.parametrize(
    ("payload", "purposes"),
    [
        (None, ()),
        ("{}", ()),
        ('{"purposes": ["training", "synthesis"]}', ("training", "synthesis")),
        ('{"purposes": ["training", "resale"]}', ()),  # what can't be read revokes everything
        ('{"purposes": "training"}', ()),
        ('{"purposes": 7}', ()),
        ("[", ()),
        ("[1]", ()),
    ],
)
def test_what_an_event_revokes(payload: str | None, purposes: tuple[str, ...]) -> None:
    assert revocation_of("p", NOW, payload) == Revocation("p", NOW, purposes)


def test_a_revocation_ends_what_was_given_before_it() -> None:
    given = [record(given=LONG_BEFORE), record("evaluation"), record(given=AFTER)]
    found = revoked(project(*given), [Revocation("p", NOW, ("training",))])
    assert found == [record(given=LONG_BEFORE, revoked=NOW), record("evaluation"), record(given=AFTER)]
    assert revoked(project(*given), []) == given
    assert revoked(project(consents=None), [Revocation("p", NOW)]) is None
    plain = revoked(project(consents=None, consent=True), [Revocation("p", NOW)])
    assert plain == [{**row, "revoked": NOW} for row in consent_records(OWNER)]


moments = st.none() | st.integers(0, 6).map(lambda day: NOW + timedelta(days=day))
records = st.builds(
    record, st.sampled_from(PURPOSES), given=moments, until=moments, revoked=moments, by=st.just(OWNER)
)


@given(st.lists(records, max_size=4), st.integers(0, 7), st.integers(0, 7))
def test_nothing_is_allowed_after_everything_was_revoked(
    consents: list[dict[str, Any]], at: int, later: int
) -> None:
    """By the plain rule: one record of the purpose that has begun, has not ended and was not taken back."""
    moment = NOW + timedelta(days=at)
    found = revoked(project(*consents), [Revocation("p", moment)]) or []
    now = moment + timedelta(days=later)
    purposes = decide({**project(), "consents": found}, Terms(now=now)).purposes
    expected = {
        row["purpose"]
        for row in consents
        if row["given"] is not None
        and moment < row["given"] <= now
        and (row["until"] is None or now < row["until"])
        and (row["revoked"] is None or now < row["revoked"])
    }
    assert set(purposes) == expected


def test_rows_of_no_recorded_project_count_as_with_consent() -> None:
    assert allows(None, Purpose.SYNTHESIS)
    assert allows(["synthesis"], Purpose.SYNTHESIS)
    assert not allows([], Purpose.SYNTHESIS)
