r"""Redaction: replaces secrets and personal data in a workspace, before any language model sees it.

| data | placeholder |
|---|---|
| e-mail addresses | `user1@example.com` |
| public IPv4 addresses | `192.0.2.1`, a range that is reserved for documentation |
| keys and tokens by their known shapes | their head, `REDACTED`, a number |
| long random values assigned to a name like `api_key` | `REDACTED`, a number |
| passwords in URLs | `REDACTED1` |
| private key blocks | their lines, each of `REDACTED` |
| names in `/home/NAME`, `/Users/NAME`, `C:\Users\NAME` | `user1` |
| telephone numbers with a country code, or as in North America | their form, the digits of a number |

In a workspace equal secrets get equal placeholders and different ones different placeholders. Redaction keeps
line breaks and valid Python: what might be an expression (`x@w.T`) is not replaced in code. Placeholders are
no secrets themselves: redacting twice changes nothing more. They are numbered, not hashed, so that nobody can
find a short secret by trying all.

Not found: names of people, postal addresses, IPv6 addresses, passwords without a known shape, secrets that
are spread over several strings.
"""

import ast
import ipaddress
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from re import Match

_TOKENS = re.compile(
    r"""
    \b(?P<aws>A(?:KIA|SIA))[0-9A-Z]{16}\b
    | \b(?P<github>gh[pousr]_)[A-Za-z0-9]{36,}\b
    | \b(?P<github_pat>github_pat_)[A-Za-z0-9_]{40,}\b
    | \b(?P<gitlab>glpat-)[A-Za-z0-9_-]{20,}
    | \b(?P<slack>xox[abeoprs]-)[A-Za-z0-9-]{10,}
    | (?P<slack_hook>hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}
    | \b(?P<openai>sk-(?:[a-z0-9]{2,10}-){0,3})(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,}
    | \b(?P<stripe>[rs]k_live_)[A-Za-z0-9]{16,}\b
    | \b(?P<google>AIza)[0-9A-Za-z_-]{35}
    | \b(?P<hugging_face>hf_)[A-Za-z0-9]{30,}\b
    | \b(?P<pypi>pypi-)[A-Za-z0-9_-]{50,}
    | \b(?P<npm>npm_)[A-Za-z0-9]{36}\b
    | \b(?P<sendgrid>SG\.)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
    | \b(?P<jwt>eyJ)[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    | \b(?P<telegram>\d{8,10}:AA)[A-Za-z0-9_-]{32,}
    | \b(?P<discord>[MNO](?=[\w-]{0,26}\d))[\w-]{22,26}\.[\w-]{6}\.[\w-]{27,}
    """,
    re.VERBOSE,
)
_ASSIGNED = re.compile(
    r"""
    (?P<head>(?i:secret|token|passw(?:or)?d|api_?key|access_?key|auth_?key|private_?key)\w{0,40}["']?\s{0,20}[=:]\s{0,20}
    [rbuRBU]{0,2}["'])
    (?P<secret>[A-Za-z0-9+/=_.~!@%^&*-]{16,})(?=["'])
    """,
    re.VERBOSE,
)
_URL_PASSWORD = re.compile(
    r"(?P<head>\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"]{0,64}:)(?P<secret>[^\s:/@'\"{}<>$%]{3,})(?=@)"
)
_KEY_BLOCK = re.compile(
    r"(?P<head>-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)"
    r"(?P<body>(?:(?!-----)[\s\S]){0,20000}?)(?=-----END )"
)
# An incomplete block: only what can be nothing but key material.
_OPEN_KEY_BLOCK = re.compile(
    r"(?P<head>-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)"
    r"(?P<body>(?:(?:\\[nr]|[\s\"'+,\\])*+[A-Za-z0-9+/=]{40,}+)+)"
)
_KEY_TEXT = re.compile(r"(?P<escape>\\[nrt])|[A-Za-z0-9+/=]{4,}")
_EMAIL = re.compile(
    r"(?<![\w.%+-])(?P<name>[A-Za-z0-9](?:[\w.%+-]*\w)?)@(?P<host>(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})(?![\w-])"
)
_HOME = re.compile(
    r"(?P<head>(?<![\w.)\]/])/(?:home|Users)/|\b[A-Za-z]:(?P<slash>\\{1,2}|/)Users(?P=slash))"
    r"(?P<secret>[\w.-]+(?:[ ][\w.-]+)*(?=\\)|\w[\w.-]*)"
)
_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]|\.\d)")
_PHONE = re.compile(
    r"(?<![\w+.-])(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]?\d{2,4}){1,3}"
    r"|\(\d{3}\)[ ]?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w-]|\.\d)"
)
_LITERAL = re.compile(
    r"\#[^\r\n]*"
    r"|'''(?:\\[\s\S]|(?!''')[^\\])*(?:'''|\Z)|\"\"\"(?:\\[\s\S]|(?!\"\"\")[^\\])*(?:\"\"\"|\Z)"
    r"|'(?:\\[\s\S]|[^'\\\r\n])*'?|\"(?:\\[\s\S]|[^\"\\\r\n])*\"?"
)
_BEFORE_A_VERSION = re.compile(r"(?i:version|release|\bv)\W{0,5}$|[=<>~!]=\s*$")

# Prefilters: whether a text may contain a match. Most don't, and searching for a part that every match has
# costs a tenth of the patterns.
_TOKEN_HEADS = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "AIza", "hf_"),
    *("hooks.slack.com/services/", "sk-", "rk_live_", "sk_live_", "pypi-", "npm_", "SG.", "eyJ", ":AA"),
)
_DISCORD_END = re.compile(r"\.[\w-]{6}\.[\w-]{27}")
_LONG_VALUE = re.compile(r"""["'][A-Za-z0-9+/=_.~!@%^&*-]{16,}["']""")
_AT = re.compile(r"\w@[A-Za-z0-9-]")
_DOTTED = re.compile(r"\.\d{1,3}\.\d")
_DIALLED = (re.compile(r"\+\d"), re.compile(r"\(\d{3}\)"), re.compile(r"-\d{3}-\d{4}"))


def _may_hold_token(text: str) -> bool:
    return any(head in text for head in _TOKEN_HEADS) or _DISCORD_END.search(text) is not None


def _may_hold_key_block(text: str) -> bool:
    return "-----BEGIN " in text


def _may_hold_url_password(text: str) -> bool:
    return "://" in text


def _may_hold_assigned(text: str) -> bool:
    return _LONG_VALUE.search(text) is not None


def _may_hold_home(text: str) -> bool:
    return "/home/" in text or "Users" in text


def _may_hold_email(text: str) -> bool:
    return "@" in text and _AT.search(text) is not None


def _may_hold_address(text: str) -> bool:
    return _DOTTED.search(text) is not None


def _may_hold_phone(text: str) -> bool:
    return any(pattern.search(text) for pattern in _DIALLED)


_MARK = "REDACTED"
_EXAMPLE_HOSTS = ("example.com", "example.org", "example.net", ".example", ".test", ".invalid", "localhost")
_NOBODY = frozenset(
    {
        "jovyan",
        "ubuntu",
        "pi",
        "admin",
        "runner",
        "default",
        "user_name",
        "codespace",
        "public",
        "app",
        "me",
        "shared",
        "vscode",
        "node",
        "ec2-user",
        "user",
        "appuser",
        "git",
        "coder",
        "name",
        "your_name",
        "your_username",
        "root",
        "you",
        "anonymous",
        "guest",
        "yourname",
        "username",
    }
)
_PUBLIC_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"})
_PLACEHOLDER_NAME = re.compile(r"user\d+")
_DOCUMENTATION = ("192.0.2", "198.51.100", "203.0.113")
_COMMON_ENDINGS = frozenset({"com", "org", "edu", "gov"})


def redact(text: str) -> tuple[str, int]:
    """Redacts one Python text; the result, and the number of placeholders.

    Use one `Redactor` for all texts of a workspace.
    """
    redactor = Redactor()
    return redactor.redact(text), redactor.count


class Redactor:
    """Redacts the texts of one workspace. `count`: the number of placeholders so far."""

    def __init__(self) -> None:
        self.count = 0
        self._numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def redact(self, text: str, *, python: bool = True) -> str:
        """`text` with placeholders. `python`: in code, what may be an expression is kept."""
        return text if _is_clean(text, python) else self._redacted(text, python)

    def _redacted(self, text: str, python: bool) -> str:
        if _may_hold_key_block(text):
            text = _KEY_BLOCK.sub(self._key_block, text)
            text = _OPEN_KEY_BLOCK.sub(self._key_block, text)
        if _may_hold_token(text):
            text = _TOKENS.sub(self._token, text)
        if _may_hold_url_password(text):
            text = _URL_PASSWORD.sub(self._url_password, text)
        if _may_hold_assigned(text):
            text = _ASSIGNED.sub(self._assigned, text)
        if _may_hold_home(text):
            text = _HOME.sub(self._home, text)
        if _may_hold_address(text):
            text = _ADDRESS.sub(self._address, text)
        if _may_hold_email(text):
            text = _EMAIL.sub(_outside_code(text, self._email) if python else self._email, text)
        if _may_hold_phone(text):
            text = _PHONE.sub(_in_literals(text, self._phone) if python else self._phone, text)
        return text

    def _number(self, kind: str, secret: str) -> int:
        """Counts a placeholder, and numbers the secret among those of its kind, from 1."""
        self.count += 1
        numbers = self._numbers[kind]
        return numbers.setdefault(secret, len(numbers) + 1)

    def _key_block(self, match: Match[str]) -> str:
        if _MARK in match["body"]:
            return match[0]

        def line(part: Match[str]) -> str:
            if part["escape"]:
                return part[0]
            return (_MARK * (len(part[0]) // len(_MARK) + 1))[: len(part[0])]

        self.count += 1
        return match["head"] + _KEY_TEXT.sub(line, match["body"])

    def _token(self, match: Match[str]) -> str:
        if _MARK in match[0]:
            return match[0]
        head = next(part for part in match.groups() if part is not None)
        width = max(1, len(match[0]) - len(head) - len(_MARK))
        return f"{head}{_MARK}{self._number('token', match[0]):0{width}}"

    def _url_password(self, match: Match[str]) -> str:
        if _MARK in match["secret"]:
            return match[0]
        return f"{match['head']}{_MARK}{self._number('password', match['secret'])}"

    def _assigned(self, match: Match[str]) -> str:
        secret = match["secret"]
        if _MARK in secret or not _is_random(secret):
            return match[0]
        return f"{match['head']}{_MARK}{self._number('value', secret):0{len(secret) - len(_MARK)}}"

    def _home(self, match: Match[str]) -> str:
        name = match["secret"]
        if name.lower() in _NOBODY or _PLACEHOLDER_NAME.fullmatch(name):
            return match[0]
        return f"{match['head']}user{self._number('user', name)}"

    def _address(self, match: Match[str]) -> str:
        try:
            address = ipaddress.IPv4Address(match[0])
        except ValueError:
            return match[0]
        before = match.string[max(0, match.start() - 20) : match.start()]
        is_personal = address.is_global and not address.is_multicast and match[0] not in _PUBLIC_RESOLVERS
        if not is_personal or _BEFORE_A_VERSION.search(before):
            return match[0]
        block, last = divmod(self._number("address", match[0]) - 1, 254)
        return f"{_DOCUMENTATION[block % len(_DOCUMENTATION)]}.{last + 1}"

    def _email(self, match: Match[str]) -> str:
        if match["host"].lower().endswith(_EXAMPLE_HOSTS) or match["name"].lower() in _NOBODY:
            return match[0]
        return f"user{self._number('user', match[0].lower())}@example.com"

    def _phone(self, match: Match[str]) -> str:
        digits = re.sub(r"\D", "", match[0])
        if digits.startswith("00000"):  # a placeholder
            return match[0]
        replacement = iter(f"{self._number('phone', digits):0{len(digits)}}")
        return re.sub(r"\d", lambda _: next(replacement), match[0])


@lru_cache(maxsize=16_384)
def _is_clean(text: str, python: bool) -> bool:
    """Whether there is nothing to redact. Cached: most files of a project are clean, and are in many rows."""
    redactor = Redactor()
    return redactor._redacted(text, python) == text and not redactor.count  # pyright: ignore[reportPrivateUsage]


def _is_random(value: str) -> bool:
    """Whether a value looks random: mixed letters and digits, or hexadecimal."""
    if re.fullmatch(r"[0-9a-fA-F-]{32,}", value):
        return len(set(value)) > 6
    kinds = [any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit)]
    return all(kinds) and len(set(value)) >= 10


def _in_literals(text: str, replace: Callable[[Match[str]], str]) -> Callable[[Match[str]], str]:
    """Replaces inside strings and comments only."""
    spans = [match.span() for match in _LITERAL.finditer(text)]
    starts = [start for start, _ in spans]

    def inside(match: Match[str]) -> str:
        index = bisect_right(starts, match.start()) - 1
        return replace(match) if index >= 0 and match.end() <= spans[index][1] else match[0]

    return inside


def _outside_code(text: str, replace: Callable[[Match[str]], str]) -> Callable[[Match[str]], str]:
    """Replaces inside strings and comments; also in code, if the text does not parse and it is no product."""
    inside = _in_literals(text, replace)
    broken: bool | None = None

    def where(match: Match[str]) -> str:
        nonlocal broken
        if (put := inside(match)) != match[0]:
            return put
        ending = match["host"].rpartition(".")[2].lower()
        followed = match.string[match.end() : match.end() + 1]
        if ending not in _COMMON_ENDINGS or len(match["name"]) < 3 or followed in ("(", "[", "."):
            return match[0]
        if broken is None:
            broken = not _parses(text)
        return replace(match) if broken else match[0]

    return where


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
