r"""User names in paths: home folders of Linux, macOS and Windows.

Also in file URLs, network paths, WSL, and with escaped separators.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from collections.abc import Iterator

from repair.curation.detectors.findings import Finding, Source
from repair.curation.detectors.placeholders import NOBODY, ROUTES

_FOLDER = re.compile(
    r"(?P<before>/|\\{1,4}+)(?P<folder>home|Users|USERS|users|Documents and Settings"
    r"|Documents%20and%20Settings)(?P<after>/|\\{1,4}+)"
    r"(?P<name>\w[\w.@-]{0,63}+(?:[ ][\w.-]{1,32}+){0,3}(?=\\)|\w[\w.@-]{0,63}+)"
)
_BEFORE = re.compile(r"(?<![\w.$%~+:|@/\\-])[\w.$%~+:|@/\\-]*+\Z")
# Protocols whose paths are those of a machine.
_FILE_SCHEMES = re.compile(
    r"(?:file|sqlite(?:\+\w+)?|duckdb|git\+file|unix|vscode(?:-\w+)*|smb|sftp|scp|ssh|rsync|lance"
    r"|s?ftp|local)\Z",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"/|\\{2,8}[\w.$]|/?[A-Za-z][:|]|[\w.-]{1,64}:/|\\\Z|~|\.{0,2}\Z")
_FILE_ENDING = re.compile(r"\.(?:html?|php|aspx?|jsp|js|css|py|json|xml|txt|md|png|jpe?g|svg|gif|ico|rst)\Z")
_API = re.compile(r"/(?:api|rest|scim|graph|v\d(?:\.\d)?)(?=/|\Z)", re.IGNORECASE)
_TILDE = re.compile(r"(?<![\w/~.\\)\]])~(?P<name>[a-z][a-z0-9_.-]{2,31})(?=[/\\][A-Za-z._])")
_PLACEHOLDER = re.compile(r"user\d+")


def find_home_folders(source: Source) -> Iterator[Finding]:
    """User names (kind `user`); not those of web addresses, and not accounts that every machine has."""
    text = source.text
    lowered = source.lowered
    if (
        "home" in lowered
        or "users" in lowered
        or "documents and settings" in lowered
        or "and%20settings" in lowered
    ):
        for match in _FOLDER.finditer(text):
            if match["before"][0] == match["after"][0] and _is_root(text, match):
                yield from _of_name(text, match.start("name"), match["name"])
    if "~" in text:
        for match in _TILDE.finditer(text):
            if source.is_inside(*match.span()):
                yield from _of_name(text, match.start("name"), match["name"])


def _is_root(text: str, match: re.Match[str]) -> bool:
    """Whether the path that `match` is in belongs to a machine, and not to a web site or a quotient."""
    window = text[max(0, match.start() - 160) : match.start()]
    before = _BEFORE.search(window)
    head = before[0] if before else ""
    outside = window[: len(window) - len(head)][-1:]
    if match["folder"] == "users" and not re.search(
        r"(?i)(?:(?<![a-z])[a-z][:|]|/mnt/[a-z]|/cygdrive/[a-z]|\A/[a-z])\Z", head
    ):
        return False  # of an API
    scheme, colon, _ = head.rpartition("://")
    if colon:
        return _FILE_SCHEMES.search(scheme) is not None
    if (outside and outside in ")]") or _API.search(head):
        return False
    path = head + match["before"]
    # `file:/home`, `-I/home`, `PATH=/usr/bin:/home` begin an absolute path within.
    within = re.search(r"(?:\A|[:@])/[^:]*\Z|(?:\A|(?<=:)|(?<=@))\Z|-[A-Za-z]\Z|[=,]\Z", head)
    drive = re.search(r"(?<![A-Za-z])[A-Za-z][:|]\Z", head)
    share = re.match(r"\\{2,8}[\w.$-]+", path)
    if match["before"][0] == "\\":
        return drive is not None or share is not None or head == ""
    return within is not None or drive is not None or head.startswith(("/", "~", "//"))


def _of_name(text: str, start: int, name: str) -> Iterator[Finding]:
    name = name.rstrip(".-@")
    end = start + len(name)
    last = text[end : end + 1] not in ("/", "\\")
    lowered = name.lower()
    if not name or lowered in NOBODY or _PLACEHOLDER.fullmatch(lowered) or lowered.isdigit():
        return
    if lowered in ROUTES or (last and _FILE_ENDING.search(lowered)):
        return
    yield Finding(start, end, "user", name)
