"""Long random values without a telling name: base64, and hexadecimal beside words of cryptography.

Hexadecimal alone is no secret: commits, checksums and UUIDs are written so.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator

from repair.curation.detectors.findings import MARK, Finding, Source
from repair.curation.detectors.randomness import is_hex, looks_random, unusual_share

_VALUE = re.compile(r"[A-Za-z0-9+/_-]{32,}+={0,2}")
_SECRET_WORDS = re.compile(
    r"(?i)secret|token|passw|(?<![a-z])key|[a-z_]key(?!word|s?_?error|board|point|frame)|fernet|aes"
    r"|hmac|cipher|crypt"
    r"|salt|seed|pepper|private|credential|(?<![a-z])auth|login|client|(?<![a-z])api|cookie|session"
    r"|jwt|wallet|mnemonic"
    r"|bearer|sign(?!al|ific|ed\b)|webhook|connect|master"
)
_PUBLIC_WORDS = re.compile(
    r"(?i)hash|sha-?_?\d|sha\b|md5|digest|checksum|crc|commit|revision|(?<![a-z])rev(?![a-z])|etag"
    r"|uuid|guid|fingerprint"
    r"|integrity|public|pubkey|ssh-|certificate|(?<![a-z])cert|image|png|jpe?g|gif|svg|icon|data:"
    r"|blob|font|zlib|gzip|pickle"
    r"|assert|expected|version|(?<![a-z])url|https?:|digest|signature|address|contract|(?<![a-z])tx"
    r"|block|nonce"
    r"|(?<![a-z])ids?(?![a-z])|_id(?![a-z])|snapshot|chunk|regex|alphabet|charset|chars|letters"
    r"|digits|whl|tar\.gz|lock|foreign|primary"
)
_PUBLIC_HEADS = (
    "iVBOR",
    "/9j/",
    "R0lGOD",
    "PHN2",
    "UklGR",
    "AAAA",
    "MII",
    "LS0t",
    "JVBER",
    "UEsDB",
    "H4sI",
    "eJ",
    "AQAB",
    "d09G",
    "gASV",
    "sha1-",
    "sha256-",
    "sha384-",
    "sha512-",
)
_DATA_BEFORE = re.compile(r"[A-Za-z0-9+/=]{24}(?:\\n)?['\",+ \\]{0,4}\n\Z")
_DATA_AFTER = re.compile(r"(?:\\n['\"]?)?\n[ \t]*[bru]{0,2}['\"]?[A-Za-z0-9+/]{24}")
_JOINED = tuple("%@$&#(")
_MOST = 128


def find_random_values(source: Source) -> Iterator[Finding]:
    """Values (kind `value`) that fill a string, or a word of a comment."""
    text = source.text
    for start, word in source.long_words:
        value = word.rstrip(".")
        end = start + len(value)
        if (
            len(value) > _MOST
            or _VALUE.fullmatch(value) is None
            or MARK in value
            or value.startswith(_PUBLIC_HEADS)
        ):
            continue
        if (
            text[start - 1 : start] in _JOINED
            or text[end : end + 1] in _JOINED
            or not looks_random(value, 32)
        ):
            continue
        if not source.is_inside(start, end):
            continue
        before = source.line_before(start)
        if _PUBLIC_WORDS.search(before):
            continue
        named = _SECRET_WORDS.search(before) is not None
        if is_hex(value.strip("=")):
            if named and "-" not in value:
                yield Finding(start, end, "value")
        elif _is_drawn(value) and (named or (len(value) >= 40 and _stands_alone(text, start, end))):
            yield Finding(start, end, "value")


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a value fills a string, and is no line of longer data."""
    quote = text[start - 1 : start]
    if quote not in ("'", '"') or text[end : end + 1] != quote:
        return False
    before = text[max(0, start - 250) : start].rstrip("'\"bru \t")
    after = text[end : end + 250].lstrip("'\" \t),+\\")
    return not (_DATA_BEFORE.search(before) or _DATA_AFTER.match(after))


def _is_text(value: str) -> bool:
    """Whether base64 of text: what is drawn has bytes of all values."""
    try:
        decoded = b64decode(
            value + "=" * (-len(value) % 4), altchars=b"-_" if set(value) & {"-", "_"} else None
        )
    except (Error, ValueError):
        return False
    return sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in decoded) > 0.8 * len(decoded)


def _is_drawn(value: str) -> bool:
    """Whether a value is base64 of random bytes: all three classes, hardly any usual neighbours."""
    classes = all(any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit))
    return (
        classes and value.count("/") * 8 <= len(value) and unusual_share(value) > 0.45 and not _is_text(value)
    )
