"""Consent and licence policy: which projects may be used for training."""

from collections.abc import Mapping
from typing import Any

from repair.schema.events import Visibility

REASONS = {
    "private": "the project's visibility says so",
    "unknown_visibility": "the project is not recorded as public",
    "no_consent": "the project's owner declined",
    "unknown_consent": "the answer of the project's owner is not recorded",
    "not_python": "the project's language is recorded and is another one",
}


def project_rejects(projects: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The projects that may not be used, with the reason; `projects`: rows of `PROJECTS` by their id."""
    rejects = ((project_id, project_reject(project)) for project_id, project in projects.items())
    return {project_id: reason for project_id, reason in rejects if reason}


def project_reject(project: Mapping[str, Any]) -> str | None:
    """The reason why this project (a row of `PROJECTS`) may not be used for training, or None.

    A project is used only if it is recorded as public and its owner's consent is recorded; missing consent
    counts as none. The first of `REASONS` that applies; without a recorded language, its files decide later.
    """
    visibility, consent, language = (project.get(name) for name in ("visibility", "consent", "language"))
    if visibility == Visibility.PRIVATE:
        return "private"
    if visibility != Visibility.PUBLIC:
        return "unknown_visibility"
    if consent is False:
        return "no_consent"
    if consent is not True:
        return "unknown_consent"
    if language is not None and language.lower() != "python":
        return "not_python"
    return None
