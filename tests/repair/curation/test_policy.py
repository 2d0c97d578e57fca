import itertools
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from repair.curation.consent import Revocation, Terms
from repair.curation.policy import (
    decided_projects,
    decisions_sha256,
    project_reject,
    project_rejects,
    withdrawn,
)
from repair.schema.events import DECIDED_PROJECTS, PROJECTS

NOW = datetime(2026, 1, 5, tzinfo=UTC)
TERMS = Terms(now=NOW)

OPEN = {"project_id": "p", "visibility": "public", "language": "python", "licence": "MIT", "consent": True}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),  # public, agreed, Python
        ({"language": None}, None),  # a language that nobody recorded is judged by the files
        ({"language": "Python"}, None),  # recorders differ in the spelling
        ({"licence": None}, None),  # the licence is no condition here: it is carried along
        ({"visibility": "private"}, "private"),
        ({"visibility": "unknown"}, "unknown_visibility"),
        ({"visibility": None}, "unknown_visibility"),
        ({"visibility": "unlisted"}, "unknown_visibility"),  # a word we don't know opens nothing
        ({"consent": False}, "no_consent"),
        ({"consent": None}, "unknown_consent"),  # silence is no agreement
        ({"language": "rust"}, "not_python"),
        ({"visibility": "private", "consent": False}, "private"),  # the first that holds is the reason
        ({"visibility": None, "consent": False}, "unknown_visibility"),
        ({"consent": False, "language": "rust"}, "no_consent"),
    ],
)
def test_the_first_reason_that_holds(change: dict[str, object], reason: str | None) -> None:
    assert project_reject({**OPEN, **change}, TERMS) == reason


def test_only_public_agreed_python_projects_pass() -> None:
    values = {
        "visibility": ["public", "private", "unknown", None, ""],
        "consent": [True, False, None],
        "language": ["python", "rust", None, ""],
    }
    passed = [
        combination
        for combination in itertools.product(*values.values())
        if project_reject(dict(zip(values, combination, strict=True)), TERMS) is None
    ]
    assert passed == [("public", True, "python"), ("public", True, None)]


def test_an_empty_record_opens_nothing() -> None:
    assert project_reject({}, TERMS) == "unknown_visibility"
    assert set(OPEN) == set(PROJECTS.names) - {"consents"}


def test_of_many_projects_those_that_may_be_used_are_left_out() -> None:
    changes = {"open": {}, "shut": {"visibility": "private"}, "mute": {"consent": None}, "left": {}}
    rows = [{**OPEN, "project_id": name, **change} for name, change in changes.items()]
    decided = decided_projects(
        pa.Table.from_pylist(rows, schema=PROJECTS), TERMS, [Revocation("left", NOW), Revocation("gone", NOW)]
    )
    assert decided.schema == DECIDED_PROJECTS
    projects = {row["project_id"]: row for row in decided.to_pylist()}
    assert project_rejects(projects) == {
        "shut": "private",
        "mute": "unknown_consent",
        "left": "consent_revoked",
    }
    assert withdrawn(decided) == {"left": "consent_revoked"}
    assert projects["open"]["purposes"] == ["training", "evaluation", "synthesis"]
    before = decided_projects(pa.Table.from_pylist(rows, schema=PROJECTS), TERMS)
    assert decisions_sha256(before) != decisions_sha256(decided)
