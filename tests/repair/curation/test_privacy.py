"""Redaction: one row for each kind of secret, what is not redacted, and invariants."""

import ast
import re
import time
import tokenize
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.curation.privacy import Redactor, redact

# Shapes only, put together here so that scanners of this repository rest; none was ever valid.
A36 = "aB3" * 12
TOKENS = {
    "aws": "AKIA" + "Q3XW" * 4,
    "github": "ghp_" + A36,
    "github_fine": "github_pat_" + A36 + "_" + A36,
    "gitlab": "glpat-" + A36[:20],
    "slack": "xoxb-" + "1234567890-" + A36[:24],
    "slack_hook": "hooks.slack.com/services/" + "T01/B02/" + A36[:24],
    "openai": "sk-" + A36,
    "openai_project": "sk-proj-" + A36,
    "anthropic": "sk-ant-api03-" + A36,
    "stripe": "sk_live_" + A36[:24],
    "google": "AIza" + A36[:35],
    "hugging_face": "hf_" + A36[:34],
    "pypi": "pypi-" + A36 * 2,
    "npm": "npm_" + A36,
    "sendgrid": "SG." + A36[:22] + "." + A36,
    "jwt": "eyJ" + A36[:17] + ".eyJ" + A36[:20] + "." + A36,
    "telegram": "123456789:AA" + A36[:33],
    "discord": "M" + "TA5" * 8 + ".X1y2z3." + A36,
}


@pytest.mark.parametrize("secret", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("form", ["key = '{}'", "# {}", "client = login({!r})"])
def test_tokens(secret: str, form: str) -> None:
    text, count = redact(form.format(secret))
    assert count == 1
    assert secret[-12:] not in text
    assert "REDACTED" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'alice.smith+x@uni-köln.corp.io'", None),  # not ASCII: no host name
        ("'alice.smith+x@mail.corp.io'", "'user1@example.com'"),
        ("# mail a@b.de or c@d.museum", "# mail user1@example.com or user2@example.com"),
        ("'''\nAlice <alice@corp.com>\n'''", "'''\nAlice <user1@example.com>\n'''"),
        ("'someone@example.com'", None),  # nobody's
        ("'x@host.test'", None),
        ("'git@github.com:a/b.git'", None),  # a login that everybody has
        ("y = x@w.T", None),  # a product
        ("y = alice@corp.com", None),  # parses, so it is one as well
        ("mail = alice@corp.com oops", "mail = user1@example.com oops"),  # a broken file: no product
        ("y = (embedding@self.org(1)", None),  # broken, and a product
        ("'203.0.113.9', '192.168.1.1', '127.0.0.1', '8.8.8.8'", None),  # documentation, private, everybody's
        ("connect('93.184.216.34', 80)", "connect('192.0.2.1', 80)"),
        ("version = '93.184.216.34'", None),
        ("# needs foo==93.184.216.34", None),
        ("'224.0.0.251'", None),  # multicast
        ("'999.1.1.1'", None),
        ("'93.184.216.34.5'", None),
        ("open('/home/alice/x.txt')", "open('/home/user1/x.txt')"),
        ("open(/home/alice/x.txt)", "open(/home/user1/x.txt)"),  # a broken file
        ("r'C:\\Users\\Alice Smith\\x'", "r'C:\\Users\\user1\\x'"),
        ("'C:\\\\Users\\\\alice\\\\x'", "'C:\\\\Users\\\\user1\\\\x'"),
        ("'/Users/alice'", "'/Users/user1'"),
        ("'/home/runner/app'", None),  # nobody's
        ("'https://a.com/home/alice'", None),  # no folder
        ("z = x/home/y", None),  # a quotient
        ("'postgres://bob:hunter22@db/x'", "'postgres://bob:REDACTED1@db/x'"),
        ("f'postgres://{user}:{password}@db'", None),
        ("# call +49 170 1234567", "# call +00 000 0000001"),
        ("# call (555) 123-4567 or 555-123-4567", "# call (000) 000-0001 or 000-000-0001"),
        ("x = 555-123-4567", None),  # a difference
        ("# 2026-01-05, 1234-5678", None),
        ("Decimal('+35236450.6')", None),
        ("'sd_IN@devanagari.UTF-8'", None),  # a locale
        ("api_key = 'Zx81Kq02LmP7Vt93'", "api_key = 'REDACTED00000001'"),
        ("SECRET_KEY = 'django-insecure-key'", None),  # written, not drawn
        ("token = 'the_name_of_a_token_2'", None),
        (
            "{'api_key': '0123456789abcdef0123456789abcdef'}",
            "{'api_key': '" + "REDACTED".ljust(31, "0") + "1'}",
        ),
        ("checksum = '0123456789abcdef0123456789abcdef'", None),  # no secret by its name
    ],
)
def test_what_is_replaced_and_what_stays(before: str, after: str | None) -> None:
    text, count = redact(before)
    assert text == (before if after is None else after)
    assert (count > 0) is (after is not None)


def test_private_keys_keep_their_lines() -> None:
    body = "\n".join(["MIIEpAIBAAKCAQEA" * 4] * 5)
    text = f'KEY = """-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"""\nx = 1\n'
    after, count = redact(text)
    assert count == 1
    assert "MIIE" not in after
    assert [len(line) for line in after.split("\n")] == [len(line) for line in text.split("\n")]
    assert after.endswith('-----END RSA PRIVATE KEY-----"""\nx = 1\n')


def test_a_private_key_in_one_string_stays_one() -> None:
    text = (
        r'KEY = "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nnAbCdEfGhIjK==\n-----END PRIVATE KEY-----\n"'
    )
    after, _ = redact(text)
    assert after.count(r"\n") == text.count(r"\n")
    assert "MIIE" not in after
    assert "AbCd" not in after
    ast.parse(after)


def test_a_private_key_that_breaks_off_takes_no_code_with_it() -> None:
    code = "\nfrom a_long_name_of_a_module import something_else\n"
    text = "-----BEGIN PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 4 + code
    after, _ = redact(text)
    assert "MIIE" not in after
    assert after.endswith(code)


def test_a_workspace_has_one_placeholder_for_each_secret() -> None:
    redactor = Redactor()
    first = redactor.redact("a = 'alice@corp.com'\nb = 'bob@corp.com'\n")
    second = redactor.redact("c = 'bob@corp.com'\nd = 'Alice@corp.com'\n")
    assert first == "a = 'user1@example.com'\nb = 'user2@example.com'\n"
    assert second == "c = 'user2@example.com'\nd = 'user1@example.com'\n"
    assert redactor.count == 4


def test_text_that_is_no_program_is_redacted_everywhere() -> None:
    assert Redactor().redact("author = alice@corp.de, 555-123-4567", python=False) == (
        "author = user1@example.com, 000-000-0001"
    )


SECRETS = [
    *TOKENS.values(),
    "alice@corp.io",
    "x@w.com",
    "93.184.216.34",
    "/home/alice/x",
    r"C:\Users\alice\x",
    "+49 170 1234567",
    "password='Zx81Kq02LmP7Vt93'",
    "mysql://a:geheim1@h",
    "-----BEGIN PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 4 + "\n-----END PRIVATE KEY-----",
]
pieces = st.sampled_from(
    [*SECRETS, "'", '"', '"""', "#", "\n", "\r\n", "\\", " ", "x = ", "(", "é", "𝕏", "\f"]
)


@given(st.lists(pieces | st.text(max_size=3), max_size=12).map("".join))
def test_redaction_is_final_and_moves_no_line(text: str) -> None:
    once, _ = redact(text)
    again, count = redact(once)
    assert (again, count) == (once, 0)
    assert re.findall(r"\r\n|\r|\n", once) == re.findall(r"\r\n|\r|\n", text)


@given(
    st.lists(st.sampled_from(SECRETS[:-1]), min_size=1, max_size=4), st.sampled_from(["'", '"', "'''", '"""'])
)
def test_a_program_stays_a_program(secrets: list[str], quote: str) -> None:
    literals = ", ".join(f"r{quote}{secret}{quote}" for secret in secrets if not set(quote) & set(secret))
    text = f"x = [{literals}]  # {secrets[0]}\ny = a@b.com / home / c\n"
    after, count = redact(text)
    assert count > 0
    kinds = [
        [token.type for token in tokenize.generate_tokens(StringIO(source).readline)]
        for source in (text, after)
    ]
    assert kinds[0] == kinds[1]
    assert after.endswith("y = a@b.com / home / c\n")


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a.", "a@", "a@b.", "sk-aa-", "token", "/home/", "'", "1.", "://a:", "eyJ", "+", "M"),
        '"""',
        "+1 ",
        " ",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----" + "+" * 90,
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    started = time.monotonic()
    redact(piece * (100_000 // len(piece)))
    assert time.monotonic() - started < 5


def test_the_standard_library_is_hardly_touched() -> None:
    """What real code without secrets loses: hardly anything, and its syntax never."""
    texts = [path.read_text(errors="replace") for path in sorted(Path(ast.__file__).parent.glob("*.py"))[::3]]
    changed = 0
    for text in texts:
        after, _ = redact(text)
        ast.parse(after)
        stripped = [re.sub(r"#.*|'[^']*'|\"[^\"]*\"", "", source) for source in (text, after)]
        changed += stripped[0] != stripped[1]
    assert len(texts) > 50
    # E-mail addresses in docstrings of several lines are what remains.
    assert changed < 10
