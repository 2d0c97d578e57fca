"""Which projects may be learned from."""

from collections.abc import Mapping
from typing import Any

from repair.schema.events import Visibility


def project_reject(project: Mapping[str, Any]) -> str | None:
    """The reason why nothing of this project (a row of `PROJECTS`) may be learned from, or None.

    A project is used only if it is known to be public and its owner is known to agree; silence is
    no agreement. The first that holds of, in this order:

    `private`               its visibility says so
    `unknown_visibility`    its visibility is not recorded as public
    `no_consent`            its owner declined
    `unknown_consent`       its owner's answer is not recorded
    `not_python`            its language is recorded and is another one; where none is recorded, its
                            files decide later
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
