"""Credentials in protocols: passwords in URLs, `Authorization` headers, `-u user:password` of a command.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator

from repair.curation.detectors.findings import MARK, Finding, Source
from repair.curation.detectors.placeholders import is_placeholder
from repair.curation.detectors.randomness import looks_random

# What may stand between `://` and the path.
_AUTHORITY = re.compile(r"[^\s/?#'\"`\\]{3,256}")
_CONTINUED = re.compile(r"[^\s'\"`\\@<>{}]{1,64}@(?=[\w.-]+[:/])")
_SCHEME_END = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}\Z")
_USUAL_PASSWORDS = frozenset(
    """
    admin guest postgres root mysql redis rabbitmq mongo mongodb minio user pw pass
    """.split()  # noqa: SIM905
)
_SCHEME = re.compile(
    r"(?P<scheme>bearer|basic|token|apikey|api-key|digest|splunk|ssws|genie-?key|bot)[ ]{1,2}(?=[a-z0-9])"
)
_HEADER = re.compile(r"[A-Za-z0-9+/_.~=-]{8,4096}+")
_LOGIN = re.compile(
    r"(?<![\w-])(?:-u|--user|--auth|--userpwd)(?:[ =]"
    r"|',[ ]?')['\"]?[\w.@-]{1,64}:(?P<value>[^\s'\"\\@:]{4,128})"
)


def find_credentials(source: Source) -> Iterator[Finding]:
    """Passwords (kind `password`) and tokens (`value`) of these forms.

    The whole `user:password@host` is claimed, so that it is no e-mail address.
    """
    yield from _in_urls(source.text)
    for scheme in _SCHEME.finditer(source.lowered):
        match = _HEADER.match(source.text, scheme.end())
        if match is None or MARK in match[0] or source.text[scheme.start() - 1 : scheme.start()].isalnum():
            continue
        if _is_credential(scheme["scheme"], match[0]) and source.is_inside(*match.span()):
            yield Finding(*match.span(), "value")
    if "-u" in source.text or "--auth" in source.text:
        for match in _LOGIN.finditer(source.text):
            value = match["value"]
            if MARK not in value and not is_placeholder(value) and source.is_inside(*match.span()):
                yield Finding(*match.span("value"), "password")


def _in_urls(text: str) -> Iterator[Finding]:
    position = text.find("://")
    while position >= 0:
        start = position + 3
        authority = _AUTHORITY.match(text, start)
        end = authority.end() if authority else start
        # A slash in the password itself.
        if authority and "@" not in authority[0] and ":" in authority[0] and text.startswith("/", end):
            more = _CONTINUED.match(text, end)
            port = authority[0].rpartition(":")[2]
            if more and not port.isdigit():
                end = more.end()
        if (
            end > start
            and "@" in text[start:end]
            and _SCHEME_END.search(text[max(0, position - 21) : position])
        ):
            yield from _of_authority(text, start, end)
        position = text.find("://", start)


def _of_authority(text: str, start: int, end: int) -> Iterator[Finding]:
    at = text.rindex("@", start, end)
    user, colon, password = text[start:at].partition(":")
    password_start = start + len(user) + len(colon)
    if colon:
        known = len(password) < 3 or MARK in password or is_placeholder(password)
        if not known and password != user and password.lower() not in _USUAL_PASSWORDS:
            yield Finding(password_start, at, "password")
        if looks_random(user) and not is_placeholder(user) and MARK not in user:
            yield Finding(start, start + len(user), "value")
        yield Finding(start, end, None)
    elif looks_random(user) and MARK not in user and not is_placeholder(user):
        yield Finding(start, at, "value")
        yield Finding(start, end, None)


def _is_credential(scheme: str, value: str) -> bool:
    if is_placeholder(value):
        return False
    if scheme == "basic":
        try:
            user, colon, password = b64decode(value, validate=True).decode("utf-8").partition(":")
        except (Error, ValueError):
            return looks_random(value)
        return bool(colon and password) and (user + password).isprintable()
    return looks_random(value)
