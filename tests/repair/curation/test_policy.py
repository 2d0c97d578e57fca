import itertools

import pytest

from repair.curation.policy import project_reject, project_rejects
from repair.schema.events import PROJECTS

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
    assert project_reject({**OPEN, **change}) == reason


def test_only_public_agreed_python_projects_pass() -> None:
    values = {
        "visibility": ["public", "private", "unknown", None, ""],
        "consent": [True, False, None],
        "language": ["python", "rust", None, ""],
    }
    passed = [
        combination
        for combination in itertools.product(*values.values())
        if project_reject(dict(zip(values, combination, strict=True))) is None
    ]
    assert passed == [("public", True, "python"), ("public", True, None)]


def test_an_empty_record_opens_nothing() -> None:
    assert project_reject({}) == "unknown_visibility"
    assert set(OPEN) == set(PROJECTS.names)


def test_of_many_projects_those_that_may_be_used_are_left_out() -> None:
    projects = {"open": OPEN, "shut": {**OPEN, "visibility": "private"}, "mute": {**OPEN, "consent": None}}
    assert project_rejects(projects) == {"shut": "private", "mute": "unknown_consent"}
