"""Path patterns of pyright's settings, against the regular expressions that pyright makes of them."""

import posixpath
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.language_servers.targets import PathPattern
from tests.cpu_time import cpu_bound

NAMES = st.text("ab.", min_size=1, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(
    st.one_of(st.just("**"), st.text("ab.*?", min_size=1, max_size=5)), min_size=1, max_size=5
).map("/".join)


def as_pyright(item: str) -> re.Pattern[str]:
    wildcards = {"*": "[^/]*", "?": "[^/]"}
    names = [name for name in posixpath.normpath(item).split("/") if name != "."]
    parts = [
        r"(/[^/][^/]*)*?"
        if name == "**"
        else "/" + "".join(wildcards.get(point, re.escape(point)) for point in name)
        for name in names
    ]
    return re.compile(f"({''.join(parts)})(/|$)")


@settings(max_examples=1_000, deadline=None)
@given(PATTERNS, PATHS)
def test_a_pattern_covers_what_pyrights_expression_covers(item: str, path: str) -> None:
    if ".." not in item.split("/"):
        assert PathPattern(item).covers(path) == bool(as_pyright(item).match(f"/{path}"))


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ("*a*a*a*a*ab" * 20, "a" * 200 + ".py"),
        ("**/a/" * 100 + "zzz", "a/" * 30 + "x.py"),
        ("**/*a*/" * 100 + "zzz", "aaaaaaaa/" * 100 + "x.py"),
        ("?*" * 500 + "b", "a" * 250),
    ],
)
def test_no_pattern_takes_long(item: str, path: str) -> None:
    with cpu_bound(1):
        assert not PathPattern(item).covers(path)
