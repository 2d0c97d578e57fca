"""An unresolved merge conflict is found, and nothing that only looks like one."""

import pytest

from repair.text.merge_conflicts import merge_conflict

CONFLICT = "<<<<<<< HEAD\ntotal = 0\n=======\ntotal = 1\n>>>>>>> feature\n"
DIFF3 = CONFLICT.replace("=======\n", "||||||| 1f3c2a0\ntotal = 2\n=======\n")
QUOTED = f'"""What git writes:\n\n{CONFLICT}"""\n'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (CONFLICT, (1, 5)),
        (f"import os\n\n{CONFLICT}print(total)\n{CONFLICT}", (3, 7)),
        (DIFF3, (1, 7)),
        (f"\ufeff{CONFLICT}".replace("\n", "\r\n"), (1, 5)),
        (CONFLICT.replace("HEAD", "").replace(" feature", ""), (1, 5)),
        (CONFLICT.replace("total = 0\n", ""), (1, 4)),  # a side is empty
        ("<<<<<<< HEAD\n" + CONFLICT, (2, 6)),  # a marker was left before it
        (CONFLICT.replace("total = 1", "total = 1\n======="), (1, 6)),
        (CONFLICT.replace("total = 0", "x = 'open"), (1, 5)),
        (QUOTED + CONFLICT, (9, 13)),
    ],
)
def test_a_conflict_has_its_first_and_last_line(text: str, lines: tuple[int, int]) -> None:
    assert merge_conflict(text) == lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print(total\n",
        QUOTED,
        QUOTED + "print(total\n",  # of a file that does not parse for another reason
        "Heading\n=======\n",
        "<<<<<<< HEAD\ntotal = 0\n",  # a marker alone is an error to repair
        "total = 0\n=======\ntotal = 1\n>>>>>>> feature\n",
        "<<<<<<< HEAD\n>>>>>>> feature\n=======\n",
        "".join(f"    {line}\n" for line in CONFLICT.splitlines()),
        CONFLICT.replace("<<<<<<<", "<<<<<<<<"),
        ">>> doctest\n" + CONFLICT.replace("<<<<<<<", "<<<<<<"),
    ],
)
def test_what_is_none(text: str) -> None:
    assert merge_conflict(text) is None
