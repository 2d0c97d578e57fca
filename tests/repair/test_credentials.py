"""Masking: a secret is found in every form in which a service may echo it, and other texts stay."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.credentials import MASK, Credentials, origin, proxies, split_url
from repair.errors import ConfigurationError

KEY = "sk-fake/9+aZ&q'1 Lä\"7"

ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "a header": lambda key: f"Authorization: Bearer {key}",
    "in a URL": lambda key: f"?key={quote(key, safe='')}&x=1",
    "in a path": quote,
    "JSON": lambda key: json.dumps({"headers": {"api-key": key}}),
    "JSON as text": lambda key: json.dumps({"headers": key}, ensure_ascii=False),
    "repr": lambda key: repr({"key": key}),
    "HTML": html.escape,
    "Base64": lambda key: base64.b64encode(key.encode()).decode(),
    "Base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "Basic": lambda key: "Basic " + base64.b64encode(f"user:{key}".encode()).decode(),
    "a header in Base64": lambda key: base64.b64encode(f"Bearer {key}\n".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex().upper(),
    "cut short": lambda key: f"bad key {key[:-4]}",
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_key_is_masked_however_it_is_written(echo: Callable[[str], str]) -> None:
    masked = Credentials([KEY]).mask(f"<p>{echo(KEY)}")
    assert MASK in masked
    for shift in range(0, len(KEY) - 8):
        part = KEY[shift : shift + 8]
        forms = (part, quote(part, safe=""), part.encode().hex())
        assert not any(form.lower() in masked.lower() for form in forms), masked


@given(st.text(min_size=8), st.binary(max_size=5), st.binary(max_size=5))
def test_base64_is_masked_wherever_in_a_text_the_key_begins(key: str, before: bytes, after: bytes) -> None:
    key = key.encode(errors="replace").decode()
    encoded = base64.b64encode(before + key.encode() + after).decode()
    masked = Credentials([key]).mask(encoded)
    # what is left are the few digits that key and neighbours share
    assert len(masked.replace(MASK, "")) <= 4 * (len(before) + len(after)) // 3 + 8


@given(st.text())
def test_without_secrets_a_text_stays(text: str) -> None:
    assert Credentials([None, ""], [None]).mask(text) == text
    assert Credentials(["sk-0123456789"], ["https://api.openai.com/v1"]).mask("openai/gpt 400: no") == (
        "openai/gpt 400: no"
    )


ADDRESSES = {
    "http://127.0.0.1:8000/v1": "http://127.0.0.1:8000",
    "https://gw.example.org/t/SECRET/v1": "https://gw.example.org",
    "https://user:SECRET@gw.example.org:444/v1?key=SECRET#SECRET": "https://gw.example.org:444",
    "https://SECRET@[::1]:9/": "https://[::1]:9",
    "SECRET": MASK,
    "http://[SECRET": MASK,
    "http://host:SECRET": MASK,
}


@pytest.mark.parametrize(("url", "shown"), ADDRESSES.items())
def test_of_an_address_scheme_host_and_port_are_shown(url: str, shown: str) -> None:
    assert origin(url) == shown
    said = Credentials(urls=[url]).mask(f"can't reach {url}: {url}/chat/completions")
    assert "SECRET" not in said and said.startswith("can't reach ")


def test_the_password_of_a_proxy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:SECRET@proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    said = Credentials(urls=proxies()).mask("407 from http://user:SECRET@proxy.example.org:3128, user:SECRET")
    assert said == f"407 from http://proxy.example.org:3128, {MASK}"


@pytest.mark.parametrize(
    "url", ["", "SECRET", "ftp://SECRET", "http://", "http://h:SECRET", "http://[SECRET"]
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REPAIR_X: expected an address") as refused:
        split_url(url, "REPAIR_X")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("key", ["EMPTY", "token", "not-needed", "Authorization", "a1b2c3"])
def test_a_key_that_may_be_a_word_stays_in_a_text_that_must_be_whole(key: str) -> None:
    text = f"<diff>\n-1 {key} = None\n</diff>"
    assert Credentials([key], unmistakable=True).mask(text) == text
    assert key not in Credentials([key]).mask(text)
    address = "https://api.example.org/v1"
    assert Credentials(urls=[address], unmistakable=True).mask(f"-1 {address}") == f"-1 {address}"
    assert MASK in Credentials([KEY], unmistakable=True).mask(f"you sent {KEY}")
