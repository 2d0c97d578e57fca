"""Patches and text edits give the repaired files: applied by git, and by a plain reading of LSP's rules."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.fixing.patch import text_edits, unified_patch

TEXTS = st.text(st.sampled_from("ab\n\r\U0001f600"), max_size=12)


def lsp_offset(text: str, position: dict[str, int]) -> int:
    """The index in `text` of an LSP position, counted character by character."""
    line = index = 0
    while line < position["line"]:
        index += 2 if text.startswith("\r\n", index) else 1
        line += text[index - 1] in "\r\n"
    units = 0
    while units < position["character"]:
        units += 2 if ord(text[index]) > 0xFFFF else 1
        index += 1
    return index


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    for edit in reversed(edits):
        start, end = (lsp_offset(text, edit["range"][side]) for side in ("start", "end"))
        text = text[:start] + edit["newText"] + text[end:]
    return text


@given(TEXTS, TEXTS)
def test_text_edits_make_the_repaired_text(before: str, after: str) -> None:
    edits = text_edits({"main.py": before}, {"main.py": after})
    assert applied(before, edits) == after
    assert bool(edits) == (before != after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\n", "a\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\rb\r", "a\rc\r"),
        ("\ufeffa\n", "\ufeffb\n"),
        ("a\n", ""),
    ],
)
def test_git_applies_a_patch(before: str, after: str, tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    file = tmp_path / "pkg" / "main.py"
    file.write_bytes(before.encode())
    patch = unified_patch({"pkg/main.py": before}, {"pkg/main.py": after})
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=tmp_path, input=patch.encode(), check=True)
    assert file.read_bytes() == after.encode()


def test_nothing_changed_is_no_patch() -> None:
    assert unified_patch({"main.py": "a\n"}, {"main.py": "a\n"}) == ""
