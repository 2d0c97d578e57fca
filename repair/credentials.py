"""Masking of credentials: keys and the secret parts of URLs in texts that are shown or stored.

Of a URL only `scheme://host:port` is shown. Services and proxies echo what they were sent, so every text that
comes from one is masked before it goes into an error, a table or a log.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlsplit
from urllib.request import getproxies

from repair.errors import ConfigurationError

MASK = "***"

# What is shorter is found in too many texts that are not about it.
_SHORTEST = 4

# A service that cuts an echo short may cut a key, too: this much of its start at the end of a text is one.
_SHORTEST_START = 6

# Parts of the paths of model services that say nothing: they stand in every message about a model.
_ORDINARY = frozenset(
    {"anthropic", "chat", "completions", "deployments", "endpoints", "engines", "inference", "messages"}
    | {"models", "openai", "openai-compatible", "projects", "responses", "serving", "serving-endpoints"}
)
_LONG = 12  # as short as keys of services get
_WORD = re.compile(r"[A-Z]?[a-z_-]*|[A-Z_-]*")
_VERSION = re.compile(r"v\d\w*")


def split_url(url: str, setting: str) -> SplitResult:
    """The parts of an HTTP address that `setting` holds.

    Raises:
        ConfigurationError: it is none; the message does not repeat it, as it may hold a secret.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigurationError(
            f"{setting}: expected an address such as http://127.0.0.1:8080 (what is set is not"
            " shown, as it may hold a secret)"
        )
    return parts


def origin(url: str) -> str:
    """`scheme://host:port` of a URL, which holds no secret; a mask if the text is no URL."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return MASK
    if not parts.scheme or not parts.hostname:
        return MASK
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


def proxies() -> list[str]:
    """The proxies that the environment names: their addresses often hold a password."""
    return [url for scheme, url in getproxies().items() if scheme != "no"]


class Credentials:
    """Secret values (keys, tokens, and those within URLs) and how to mask them in a text.

    A value is found as it is and as JSON, HTML, a URL, Base64 or hexadecimal digits write it.
    `unmistakable`: mask only what can be nothing else, in texts that must stay whole: a key may be a word
    (some servers want `EMPTY`), and the word may stand in a program.
    """

    def __init__(
        self,
        values: Iterable[str | None] = (),
        urls: Iterable[str | None] = (),
        *,
        unmistakable: bool = False,
    ) -> None:
        self._urls = {url: origin(url) for url in urls if url}
        secrets = {form for value in values if value for form in (value, value.strip())}
        for url in self._urls:
            secrets.update(_secrets_of(url))
        if unmistakable:
            self._urls = {}  # their secret parts do
            secrets = {secret for secret in secrets if len(secret) >= _LONG and not _WORD.fullmatch(secret)}
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        self._forms = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._forms)), re.IGNORECASE) if forms else None

    def mask(self, text: str) -> str:
        """`text` without any of the secrets."""
        for url, shown in self._urls.items():
            for form in (url, url.rstrip("/")):
                text = text.replace(form, shown) if form != shown else text
        if self._pattern is None:
            return text
        text = self._pattern.sub(MASK, text)
        lowered = text.rstrip().lower()
        for form in self._forms:
            for length in range(len(form) - 1, _SHORTEST_START - 1, -1):
                if lowered.endswith(form[:length].lower()):
                    return text.rstrip()[:-length] + MASK
        return text

    def __repr__(self) -> str:
        return f"Credentials({len(self._forms)} forms)"


def _secrets_of(url: str) -> Iterator[str]:
    """What may be secret of a URL: user, password, parts of the path, the query and the fragment."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        yield url
        return
    if parts.password:
        yield f"{parts.username or ''}:{parts.password}"
        yield parts.password
        yield f"{unquote(parts.username or '')}:{unquote(parts.password)}"
        yield unquote(parts.password)
    if parts.username and (not parts.password or len(parts.username) >= 2 * _SHORTEST):
        yield parts.username
        yield unquote(parts.username)
    for part in parts.path.split("/"):
        if part.lower() not in _ORDINARY and not _VERSION.fullmatch(part):
            yield part
            yield unquote(part)
    yield parts.query
    yield from (value for _, value in parse_qsl(parts.query))
    yield parts.fragment


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    data = secret.encode(errors="surrogatepass")
    yield data.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for shift in range(3):  # within a longer text it begins at any of three places of a group
            digits = encode(bytes(shift) + data).decode().rstrip("=")
            # the first and the last digits depend on the neighbours
            yield digits[(0, 2, 3)[shift] : len(digits) - ((shift + len(data)) % 3 != 0)]
