"""Signs that look like Python's, each with what is meant; and what the servers accept."""

import pytest

from repair.language_servers import Request
from repair.language_servers.servers import LanguageServers
from repair.line_diff.numbered import apply, extract
from repair.synthesis.rules import RulesTeacher
from repair.synthesis.rules.look_alikes import in_signs_of_python
from repair.synthesis.teacher import Proposal
from tests.repair.synthesis.support import candidate

ROWS = [
    ("print\uff08\u201cHello\uff0c world\u201d\uff09", 'print("Hello\uff0c world")'),
    ("a = [1\uff0c 2\u3001 3]  # \uff0c", "a = [1, 2, 3]  # \uff0c"),
    ("if a \uff1d\uff1d 1\uff1a", "if a == 1:"),
    ("a\u3000=\xa01\u3000", "a = 1\u3000"),
    ("a = \u2018it\u2019", "a = 'it'"),
    ('a = "\uff08" \uff0b \u201c\uff09\u201d', 'a = "\uff08" + "\uff09"'),
    ("a = b \u2013 1 \u2212 2", "a = b - 1 - 2"),
    ("a = 2 \xd7 3 \xf7 4", "a = 2 * 3 / 4"),
    ("b = a \u2265 1 or a \u2260 2 or a \u2264 3", "b = a >= 1 or a != 2 or a <= 3"),
    ("a\u200b = 1\ufeff", "a = 1"),
    ("gr\xf6\xdfe = \u4e2d + 1", "gr\xf6\xdfe = \u4e2d + 1"),
    ("a = b\xb2", "a = b\xb2"),  # that is no look-alike of 2
    ("a = 1  # \u201cb\u201d", "a = 1  # \u201cb\u201d"),
]


@pytest.mark.parametrize(("row", "expected"), ROWS)
def test_the_signs_of_a_row(row: str, expected: str) -> None:
    assert in_signs_of_python(row) == expected


def test_the_servers_accept_them(servers: LanguageServers) -> None:
    text = "print\uff08\u201cHello\uff0c world\u201d\uff09\n"
    [result] = servers.check_many([Request({"main.py": text})])
    errors = [found for found in result.diagnostics if found.is_error]
    rows = [candidate({"main.py": text}, found, list(result.diagnostics)) for found in errors]
    outcomes = [outcome for outcome in RulesTeacher(servers).propose(rows) if isinstance(outcome, Proposal)]
    assert {apply(text, extract(outcome.answer)) for outcome in outcomes} == {'print("Hello\uff0c world")\n'}
    assert len(outcomes) == len(rows) > 0
