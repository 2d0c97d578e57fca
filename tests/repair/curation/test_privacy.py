"""Redaction: recall on planted secrets, look-alikes, one row for each placeholder, and invariants.

What is planted stands in `planted_secrets.py`; `bench/redaction.py` prints the recall of each kind.
"""

import ast
import re
import sys
import tokenize
from io import StringIO
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.curation.privacy import Redactor, redact
from tests.cpu_time import assert_linear

sys.path.insert(0, str(Path(__file__).parent))
from planted_secrets import LOOK_ALIKES, Planted, planted

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


KINDS = {
    kind: list(cases)
    for kind, cases in groupby(
        sorted(planted(seed=11), key=lambda case: case.kind), key=lambda case: case.kind
    )
}


@pytest.mark.parametrize("cases", KINDS.values(), ids=KINDS)
def test_recall_of_each_kind(cases: list[Planted]) -> None:
    missed = [case.text for case in cases if case.secret in redact(case.text)[0]]
    assert len(missed) <= 0.05 * len(cases), missed


def test_look_alikes_stay() -> None:
    changed = [text for text in LOOK_ALIKES if redact(text) != (text, 0)]
    assert len(LOOK_ALIKES) >= 100
    assert len(changed) <= 0.02 * len(LOOK_ALIKES), changed


def token_types(text: str) -> list[int]:
    return [token.type for token in tokenize.generate_tokens(StringIO(text).readline)]


@pytest.mark.parametrize("cases", KINDS.values(), ids=KINDS)
def test_placeholders_keep_tokens_and_are_final(cases: list[Planted]) -> None:
    for case in cases:
        after, count = redact(case.text)
        assert count >= 1
        assert redact(after) == (after, 0)
        try:
            expected = token_types(case.text)
        except (tokenize.TokenError, SyntaxError):
            continue
        assert token_types(after) == expected, after


KEY, MIXED = "5b7e1c09d4a84f6e93c2a1f0b8d7e6c5", "Zt9kQ2vLx8PmB4rY7sWd"


@pytest.mark.parametrize(
    "text",
    [
        f'app.config["SECRET_KEY"] = "{KEY}"',
        f'os.getenv("WEATHER_API_KEY", "{KEY}")',
        f'"https://api.x.io/v1?apiKey={KEY}"',
        f'api_key: str = "{MIXED}"',
        f'def f(api_key: str = "{MIXED}"): ...',
        f'API_KEY = (\n    "{MIXED}"\n)',
        f'token = f"{MIXED}"',
        f'{{"Authorization": "Bearer {MIXED}"}}',
        f'if (token := "{MIXED}"): ...',
        f'assert "{MIXED}" != token',
        f'f(token="{MIXED}"',
        'api_key = "x7f3k29dm4q8z1p6w5t0"',
        'api_key = "X7F3K29DM4Q8Z1P6W5T0"',
        'if user.password == "hunter2!x":',
        '["--password", "hunter2!x"]',
        "get(url, auth=('bob', 'hunter2!x'))",
        f"def broken(:\n    api_key = '{MIXED}",
        f"print 'x'\napi_key = \"{MIXED}\"",
        f"'''\nAPI_KEY={MIXED}\n",
    ],
)
def test_a_secret_by_its_name_counts_once(text: str) -> None:
    after, count = redact(text)
    assert count == 1
    assert not any(secret in after for secret in (KEY, MIXED, "hunter2", "7f3k29", "7F3K29"))


def test_of_findings_that_overlap_one_counts() -> None:
    before = '"postgresql://admin:Hunter22x@db.acme.io/x"'
    assert redact(before) == ('"postgresql://admin:REDACTED1@db.acme.io/x"', 1)


def test_messages_of_diagnostics_are_redacted() -> None:
    redactor = Redactor()
    text = redactor.redact(f'api_key = "{MIXED}"\n')
    message = f"\"/home/alice/x\": Literal['{MIXED}'] is not assignable to api_key = '{MIXED}'"
    after = redactor.redact(message, python=False)
    assert text == 'api_key = "REDACTED000000000001"\n'
    assert MIXED not in after
    assert "alice" not in after


def test_equal_secrets_have_equal_placeholders_whatever_is_around_them() -> None:
    github, gitlab = TOKENS["github"], TOKENS["gitlab"]
    text, count = redact(f"a = '{github}'\nb = f(1, '{github}')\nc = '{gitlab}'\n")
    assert count == 3
    first, second, third = re.findall("'(.*?)'", text)
    assert first == second
    assert first != third


def test_placeholders_are_counted_by_kind() -> None:
    redactor = Redactor()
    redactor.redact("x = 'alice@corp.com', 'bob@corp.com'  # /home/alice/x\n")
    assert redactor.counts == {"email": 2, "user": 1}


SECRETS = [
    *TOKENS.values(),
    "alice@corp.io",
    "x@w.com",
    "93.184.216.34",
    "/home/alice/x",
    r"C:\Users\alice\x",
    "+49 170 1234567",
    "password='Zx81Kq02LmP7Vt93'",
    "password: hunter2!x",
    "?apiKey=5b7e1c09d4a84f6e93c2a1f0b8d7e6c5",
    "Bearer Zt9kQ2vLx8PmB4rY7sWd",
    "alice [at] corp [dot] io",
    "2a00:1450:4001:82b::200e",
    "3c:22:fb:9a:4e:d1",
    "4539 1488 0343 6467",
    "DE89370400440532013000",
    "536-22-1234",
    "https://Zt9kQ2vLx8PmB4rY7sWd@h.io/",
    "file:///home/alice/x",
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
    assert token_types(after) == token_types(text)
    assert after.endswith("y = a@b.com / home / c\n")


HOSTILE = [
    *("a", "a.", "a@", "a@b.", "sk-aa-", "token", "/home/", "'", "1.", "://a:", "+", "M", '"""', "+1 ", " "),
    *("1 ", "1-", "at ", ":", "::1", "eyJ", "eyJabcdefgh-", "eyJabcdefgh.", "ghp_", "password = ", "token("),
    *("'token', ", "key: ", "--password ", "a:1", "-u a:", "{", "\\", "é", "Private-Lines: 1\n", "~aaa/a"),
    *("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----" + "+" * 90, "C:\\Users\\a", "4 "),
    *("Bearer aaaaaaaa ", "://a:b@c", "aB3" * 12 + " ", "x = 'a1'\n", "(at)", " dot ", "0011 ", "555-"),
    *("key='a1b2c3!'", "a1@b.io ", "\\'\\\n", "'''\\", "f'{", "1.1.1.1 ", "AA11", "00:", "user@", "x\n\n"),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long(piece: str) -> None:
    assert_linear(lambda size: redact(piece * (size // len(piece))), 25_000)


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
