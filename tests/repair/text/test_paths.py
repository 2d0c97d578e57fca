"""One rule for paths: what replay, the importers and the language servers refuse alike."""

import pytest

from repair.language_servers.errors import UnsafePathError
from repair.language_servers.paths import encoded
from repair.text.paths import is_python, is_readable, path_fault


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("a/b.py", None),
        ("é/\U0001f600.py", None),
        (f"{'d/' * 510}a.py", None),  # 1,024 bytes
        (f"{'d/' * 510}ab.py", "1025 bytes"),
        (f"{'n' * 252}.py", None),
        (f"{'n' * 253}.py", "longer than 255"),
        ("", "0 bytes"),
        ("/a.py", "absolute"),
        ("a//b.py", "empty"),
        ("./a.py", "empty"),
        ("a/../b.py", "empty"),
        ("a\\b.py", "backslash"),
        ("a\nb.py", "control"),
        ("a\x85b.py", "control"),
        ("a\u2028b.py", "control"),
        ("C:a.py", "drive"),
        ("a\ud800.py", "surrogate"),
    ],
)
def test_what_is_wrong_with_a_path_is_said(path: str, part: str | None) -> None:
    fault = path_fault(path)
    assert fault is None if part is None else part in (fault or "")
    if part is None:
        assert encoded({path: ""}) == {path: b""}
    else:
        with pytest.raises(UnsafePathError, match=part):
            encoded({path: ""})


@pytest.mark.parametrize(
    ("path", "python", "readable"),
    [
        ("a.py", True, True),
        ("d/a.pyi", True, True),
        ("a.pyc", False, False),
        ("py", False, False),
        ("pyproject.toml", False, True),
        ("d/.ruff.toml", False, True),
        ("setup.cfg", False, True),
        (".python-version", False, True),
        ("my-pyproject.toml", False, False),
    ],
)
def test_what_the_servers_read(path: str, python: bool, readable: bool) -> None:
    assert (is_python(path), is_readable(path)) == (python, readable)
