"""Private keys: PEM and PGP blocks, whole or broken off, PuTTY files and age identities.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from collections.abc import Iterator

from repair.curation.detectors.findings import MARK, Finding, Source

_HEAD = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{12}")
_MOST = 20_000
# What can be nothing but key material: lines of base64, maybe quoted or joined by escapes.
_MATERIAL = re.compile(
    r"(?:(?:\\[nrt]|[\s\"'+,\\])*+[A-Za-z0-9+/=]{40,}+)+(?:(?:\\[nr]"
    r"|[\s\"'+,\\])*+[A-Za-z0-9+/]{4,}+={1,2}+)?"
)
_PUTTY = re.compile(r"Private-Lines:[ \t]*\d{1,4}")
_PUTTY_LINES = re.compile(
    r"(?:(?:\\[nr]|[\s\"'+,])*+[A-Za-z0-9+/=]{40,}+)*+(?:(?:\\[nr]"
    r"|[\s\"'+,])*+[A-Za-z0-9+/]{4,}+={0,2}+(?=[\s\"'\\]|\Z))?"
)
_PUTTY_MAC = re.compile(r"Private-(?:MAC|Hash):[ \t]*([0-9a-f]{40,64})")
_AGE = re.compile(r"(?<![\w-])AGE-SECRET-KEY-1([0-9A-Za-z]{20,100})(?!\w)")

KEY_TEXT = re.compile(r"(?P<escape>\\[nrt])|[A-Za-z0-9+/=]{4,}")
"""Parts of a block that are masked; escapes are none."""


def find_key_blocks(source: Source) -> Iterator[Finding]:
    """Blocks (kind `key block`): what stands between the lines that begin and end them."""
    text = source.text
    if "-----BEGIN " in text or "---- BEGIN SSH2" in text:
        done = 0
        for head in _HEAD.finditer(text):
            if head.start() < done:
                continue
            end = _end(text, head.end())
            if _KEY_LINE.search(text, head.end(), end):
                yield Finding(head.end(), end, None if MARK in text[head.end() : end] else "key block")
            done = max(end, head.end())
    if "Private-" in text:
        for head in _PUTTY.finditer(text):
            body = _PUTTY_LINES.match(text, head.end())
            if body and body.end() > body.start() and MARK not in body[0]:
                yield Finding(body.start(), body.end(), "key block")
        for mac in _PUTTY_MAC.finditer(text):
            if MARK not in mac[0]:
                yield Finding(*mac.span(1), "key block")
    if "AGE-SECRET-KEY-1" in text:
        for key in _AGE.finditer(text):
            yield Finding(*key.span(), None if MARK in key[0] else "token")


def _end(text: str, start: int) -> int:
    """The end of the block from `start` on: before its last line, or of what is surely its material."""
    end = text.find("-----", start, start + _MOST)
    if end >= 0 and text.startswith("-----END ", end):
        return end
    material = _MATERIAL.match(text, start, start + _MOST)
    return material.end() if material else start
