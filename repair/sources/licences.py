"""Licence detection: the SPDX expression of a project's licence files, where they permit to learn from it.

Only an allow-list permits (`repair.curation.licence_expressions`), and only a text that is a known licence as
a whole (`repair.sources.licence_text`), or an SPDX tag that stands alone. Everything else is None: unknown,
which later stages treat as "not allowed", so that a miss loses a project and never uses one that said no. All
licence files of a project must permit: one that is not recognised may take back what the others give.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from repair.curation.licence_expressions import permitted_expression
from repair.sources.licence_text import is_notice, known_licence, strip_markup

_FILE = re.compile(
    r"(?:.*[-_. ])?(?:un)?(?:licen[cs](?:es?|ing)|copying|copyrights?|eula)(?![a-z]).*"
    r"|.*commons[-_ ]clause.*|.*non[-_ ]?commercial.*",
    re.IGNORECASE,
)
_CODE = re.compile(r".*\.(?:pyi?|pyc|pyx|ipynb|js|ts|sh|png|svg)", re.IGNORECASE)
_FOLDER = re.compile(r"licen[cs]es?", re.IGNORECASE)
_COPYRIGHT = re.compile(r"copyrights?(?:\.\w+)?", re.IGNORECASE)

_TAG = re.compile(r"SPDX-License-Identifier:\s*(?P<expression>[^\s].*)", re.IGNORECASE)
_LARGEST_TAGGED_TEXT = 16 << 10


def is_licence_file(path: str) -> bool:
    """Whether a path names a licence file of its project: in the root, or in the folder LICENSES of REUSE.

    NOTICE is none: the Apache licence says that it is for information and changes nothing.
    """
    folder, _, name = path.rpartition("/")
    if folder:
        return bool(_FOLDER.fullmatch(folder)) and not _CODE.fullmatch(name)
    return bool(_FILE.fullmatch(name)) and not _CODE.fullmatch(name)


@dataclass(frozen=True, slots=True)
class ProjectLicence:
    """What the licence files of a project say together."""

    licence: str | None
    """SPDX expression; null: there is no file, or one of them does not permit."""
    refused: Mapping[str, str]
    """The files that do not permit, each with the reason."""


def project_licence(files: Mapping[str, str]) -> ProjectLicence:
    """The licence of a project from its licence files, by path: all of them must permit."""
    found, refused = set[str](), dict[str, str]()
    for path, text in sorted(files.items()):
        if _COPYRIGHT.fullmatch(path.rpartition("/")[2]) and _only_notices(text):
            continue
        identifier = spdx(text)
        if identifier is None:
            refused[path] = why_refused(text)
        else:
            found.add(identifier)
    if refused or not found:
        return ProjectLicence(None, refused)
    if len(found) == 1:
        return ProjectLicence(found.pop(), refused)
    joined = " AND ".join(f"({licence})" if " " in licence else licence for licence in sorted(found))
    return ProjectLicence(joined, refused)


def spdx(text: str) -> str | None:
    """The SPDX expression of a licence text that permits to learn from what it covers, or None.

    The text is a licence as a whole, or consists of tags `SPDX-License-Identifier` and copyright
    notices; where it has both, they must agree.
    """
    tags, rest = _split_tags(text)
    if not tags:
        return known_licence(text)
    expression = tags[0] if len(tags) == 1 else " AND ".join(f"({tag})" for tag in tags)
    permitted = permitted_expression(expression)
    if permitted is None:
        return None
    lines = [line for line in map(strip_markup, rest.splitlines()) if re.search(r"\w", line)]
    if all(is_notice(line) and "reserved" not in line.lower() for line in lines):
        return permitted
    return permitted if known_licence(rest) == permitted else None


def why_refused(text: str) -> str:
    """Why `spdx` gives None for a text, in words for a report."""
    tags, _ = _split_tags(text)
    if not tags:
        return "not the whole text of a known permissive licence"
    if all(permitted_expression(tag) for tag in tags):
        return f"says more than its tag SPDX-License-Identifier: {_shown(tags[0])}"
    return f"SPDX-License-Identifier: {_shown(tags[0])} does not permit it"


def _shown(tag: str) -> str:
    """A stranger's words for a terminal: short, and without what it would take for a command."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in tag[:80])


def _split_tags(text: str) -> tuple[list[str], str]:
    """The expressions of the tags that have a line of their own, and the other lines."""
    if len(text) > _LARGEST_TAGGED_TEXT:
        return [], text
    tags, rest = dict[str, None](), list[str]()
    for line in text.removeprefix("\ufeff").splitlines():
        match = _TAG.fullmatch(strip_markup(line))
        if match:
            tags[match["expression"].strip()] = None
        else:
            rest.append(line)
    return list(tags), "\n".join(rest)


def _only_notices(text: str) -> bool:
    lines = (strip_markup(line) for line in text[:_LARGEST_TAGGED_TEXT].splitlines())
    return len(text) <= _LARGEST_TAGGED_TEXT and all(
        is_notice(line) and "reserved" not in line.lower() for line in lines if line
    )
