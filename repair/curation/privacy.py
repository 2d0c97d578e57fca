r"""Redaction: replaces secrets and personal data in a workspace, before any language model sees it.

| data | placeholder |
|---|---|
| keys and tokens by their shapes | their head, `REDACTED`, a number |
| what a name like `api_key` or `password` is given, passwords in URLs and headers, random values | the same |
| private keys | their lines, each of `REDACTED` |
| e-mail addresses | `user1@example.com` |
| names in `/home/NAME`, `/Users/NAME`, `C:\Users\NAME` | `user1` |
| public IPv4, IPv6 and MAC addresses | `192.0.2.1`, `2001:db8::1`, `00:00:5e:00:53:01`: for documentation |
| telephone and card numbers, IBANs, social security numbers | their form, the digits of a number |

In a workspace equal secrets get equal placeholders and different ones different placeholders. Redaction keeps
line breaks and tokens: a string stays a string of its prefix, and what might be an expression (`x@w.T`) is
not replaced in code. Placeholders are no secrets themselves: redacting twice changes nothing more. They are
numbered, not hashed, so that nobody can find a short secret by trying all.

What is found and what is not: `docs/redaction.md`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache

from repair.curation.detectors.contacts import find_emails, find_phones
from repair.curation.detectors.credentials import find_credentials
from repair.curation.detectors.findings import MARK, Finding, Source
from repair.curation.detectors.home_folders import find_home_folders
from repair.curation.detectors.key_blocks import KEY_TEXT, find_key_blocks
from repair.curation.detectors.named import find_named
from repair.curation.detectors.numbers import find_account_numbers, find_addresses
from repair.curation.detectors.random_values import find_random_values
from repair.curation.detectors.tokens import KEPT_HEAD, find_tokens

_DETECTORS: tuple[Callable[[Source], Iterator[Finding]], ...] = (
    find_key_blocks,
    find_credentials,
    find_tokens,
    find_named,
    find_random_values,
    find_home_folders,
    find_addresses,
    find_emails,
    find_account_numbers,
    find_phones,
)
"""In the order of precedence: of findings that overlap, the first detector's counts."""

_PASSES = 4
"""A placeholder may show what its secret hid, as in `a@b.com@c.com`: search until nothing is found."""

_REPEATED = frozenset({"token", "value", "password"})
_LEAST_REPEATED = 8
_SHOWN = 50
"""Characters of a string that pyright shows in a message, followed by an ellipsis."""
_QUOTED = re.compile(r"(?<=['\"])[^'\"\r\n]{8,600}(?=['\"])")

_DOCUMENTATION = ("192.0.2", "198.51.100", "203.0.113")


def redact(text: str) -> tuple[str, int]:
    """Redacts one Python text; the result, and the number of placeholders.

    Use one `Redactor` for all texts of a workspace.
    """
    redactor = Redactor()
    return redactor.redact(text), redactor.count


class Redactor:
    """Redacts the texts of one workspace. `counts`: the placeholders so far, by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._repeats: dict[str, str] = {}

    @property
    def count(self) -> int:
        """The number of placeholders so far."""
        return self.counts.total()

    def redact(self, text: str, *, python: bool = True) -> str:
        """`text` with placeholders. `python`: in code, what may be an expression is kept.

        A secret that was found once is replaced wherever it is a whole string: in later texts, and in
        messages of the servers, which show strings without the name that they are given to.
        """
        for _ in range(_PASSES):
            found = _findings(text, python)
            if not found:
                break
            text = self._replaced(text, found)
        return _QUOTED.sub(self._repeat, text) if self._repeats else text

    def learn(self, text: str, *, python: bool = True) -> None:
        """Takes note of the secrets of a text: `redact` knows them in whatever text comes first."""
        for finding in _findings(text, python):
            self._placeholder(finding, text[finding.start : finding.end])

    def _repeat(self, match: re.Match[str]) -> str:
        placeholder = self._repeats.get(match[0])
        if placeholder is None:
            return match[0]
        self.counts["repeat"] += 1
        return placeholder

    def _replaced(self, text: str, found: tuple[Finding, ...]) -> str:
        parts: list[str] = []
        position = 0
        for finding in found:
            parts += (
                text[position : finding.start],
                self._placeholder(finding, text[finding.start : finding.end]),
            )
            position = finding.end
            self.counts[finding.kind or ""] += 1
        return "".join([*parts, text[position:]])

    def _placeholder(self, finding: Finding, secret: str) -> str:
        kind = finding.kind or ""
        numbers = self._numbers[_NUMBERED_AS.get(kind, kind)]
        number = numbers.setdefault(finding.value or secret, len(numbers) + 1)
        placeholder = _PLACEHOLDERS[kind](secret, number)
        if kind in _REPEATED and len(secret) >= _LEAST_REPEATED:
            self._repeats.setdefault(secret, placeholder)
            if len(secret) > _SHOWN:
                self._repeats.setdefault(f"{secret[:_SHOWN]}…", f"{placeholder[:_SHOWN]}…")
        return placeholder


_NUMBERED_AS = {"email": "user", "password": "value"}
"""Kinds that share their numbers: a password in a URL may be that of a name."""


@lru_cache(maxsize=16_384)
def _findings(text: str, python: bool) -> tuple[Finding, ...]:
    """What is to be replaced, in order. Cached: a project's files are in many rows."""
    source = Source(text, python=python)
    claimed = bytearray(len(text))
    kept: list[Finding] = []
    for detect in _DETECTORS:
        for finding in detect(source):
            if finding.end > finding.start and claimed.find(1, finding.start, finding.end) < 0:
                kept.append(finding)
            claimed[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
    return tuple(sorted((finding for finding in kept if finding.kind), key=lambda finding: finding.start))


def _masked_block(secret: str, _: int) -> str:
    def line(part: re.Match[str]) -> str:
        if part["escape"]:
            return part[0]
        return (MARK * (len(part[0]) // len(MARK) + 1))[: len(part[0])]

    return KEY_TEXT.sub(line, secret)


def _masked_token(secret: str, number: int) -> str:
    found = KEPT_HEAD.match(secret)
    head = found[0] if found and len(found[0]) < len(secret) else ""
    return f"{head}{MARK}{number:0{max(1, len(secret) - len(head) - len(MARK))}}"


def _masked_digits(secret: str, number: int) -> str:
    """The form of a number, its digits and letters those of the counter; a plus sign stays."""
    digits = iter(f"{number:0{len(re.sub('[^0-9A-Za-z]', '', secret))}}")
    return re.sub(r"[0-9A-Za-z]", lambda _: next(digits), secret)


def _documentation_ipv4(_: str, number: int) -> str:
    block, last = divmod(number - 1, 254)
    return f"{_DOCUMENTATION[block % len(_DOCUMENTATION)]}.{last + 1}"


def _documentation_mac(secret: str, number: int) -> str:
    # 00-00-5E-00-53-00 to FF: RFC 7042.
    return f"00:00:5e:00:53:{number % 256:02x}".replace(":", secret[2])


_PLACEHOLDERS: dict[str, Callable[[str, int], str]] = {
    "key block": _masked_block,
    "token": _masked_token,
    "password": lambda _, number: f"{MARK}{number}",
    "value": lambda secret, number: f"{MARK}{number:0{max(1, len(secret) - len(MARK))}}",
    "user": lambda _, number: f"user{number}",
    "email": lambda _, number: f"user{number}@example.com",
    "ipv4": _documentation_ipv4,
    "ipv6": lambda _, number: f"2001:db8::{number:x}",
    "mac": _documentation_mac,
    "digits": _masked_digits,
    "iban": lambda secret, number: secret[:2] + _masked_digits(secret[2:], number),
}
