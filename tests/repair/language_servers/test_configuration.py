"""Strangers' settings are read in linear time; what can't be read configures nothing."""

import json

import pytest

from repair.language_servers.configuration import parsed_toml, pyright_configuration
from tests.cpu_time import cpu_bound

SLASHES = "/" * 68
MANY = 300_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"strict": ["a//b", "c/*d*/", "e,]"], /* x */ "include": ["src",], // y\n}', ["src"]),
        ('{"include": ["src"], /* not closed', None),
        (f'{{\n "include": ["src"],\n {SLASHES}\n // rules\n {SLASHES}\n "strict": ["src"]\n}}', ["src"]),
        ('{"include": ["src"], ' + "/**/" * MANY + "}", ["src"]),
        ('{"include": ["src"]}' + "/*" + "x /*" * MANY, ["src"]),
        ("/*" * MANY, None),
        (", " * MANY, None),
        ('"' + '\\"' * MANY, None),
        (',/**/"' * MANY, None),
        ("[" * MANY, None),
        ('{"include": ' + "9" * 5_000 + "}", None),
    ],
)
def test_comments_and_commas_of_a_pyrightconfig(text: str, expected: list[str] | None) -> None:
    with cpu_bound(5):
        found = pyright_configuration({"pyrightconfig.json": text}).text
    assert (json.loads(found) if found else {}).get("include") == expected


@pytest.mark.parametrize(
    "text",
    [
        "a." * MANY + "a = 1",
        "[" + "a." * MANY + "a]",
        "[" + '"a" . ' * MANY + "a]",
        "a = " + "[" * MANY,
        "a = " + "9" * 5_000,
        "x" * (2 << 20),
    ],
)
def test_toml_that_takes_too_long_is_not_read(text: str) -> None:
    with cpu_bound(5):
        assert parsed_toml(text) is None


def test_toml_with_dots_in_its_texts_is_read() -> None:
    text = "\n".join(f'version{number} = "1.2.3" # see a.b.c' for number in range(1_000)) + "\n[a.b.c]\nd = 1"
    assert parsed_toml(text)["a"] == {"b": {"c": {"d": 1}}}
