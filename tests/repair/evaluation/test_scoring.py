"""Scoring of answers, with edits in several files."""

from typing import Any

import pytest

from repair.evaluation.scoring import score
from tests.repair.synthesis.support import FunctionServers, found, marked

FILES = {"main.py": "a = 1\nb = error:name\n", "helper.py": "x = 1\n", "other.py": "y = 1\n"}
TARGET = found("main.py", 1, "found name", code="marker[name]")
OWN, HELPER = "-2 b = error:name\n+2 b = name", "#helper.py\n-1 x = 1\n+1 x = 2"


def as_files(files: dict[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "text": text} for path, text in files.items()]


def sample(**columns: Any) -> dict[str, Any]:
    return {
        **{"sample_id": "s", "benchmark": "workspace", "code": "marker[name]", "path": "main.py"},
        **{"files": as_files(FILES), "diagnostic": TARGET.as_row(), "tests": None},
        "before": [diagnostic.as_row() for diagnostic in marked(FILES)],
        "target": "a = 1\nb = name\n",
        **columns,
    }


BOTH, ALONE = sample(target_files=as_files({"helper.py": "x = 2\n"})), sample(target_files=[])

SCORED = [
    (BOTH, f"{OWN}\n{HELPER}", "repaired", True),
    (BOTH, OWN, "repaired", False),  # it repairs, and is not what the reference does
    (BOTH, f"{OWN}\n{HELPER.replace('x = 2', 'x  =  2')}", "repaired", True),
    (BOTH, f"{OWN}\n#helper.py\n-1 x = 1\n+1 x = 3", "repaired", False),
    (ALONE, OWN, "repaired", True),
    (ALONE, f"{OWN}\n{HELPER}", "repaired", False),
    (ALONE, f"{OWN}\n#new.py\n+1 x", "unknown_file", False),
    (sample(), OWN, "repaired", True),  # frozen before there were such columns
]


@pytest.mark.parametrize(("frozen", "answer", "outcome", "matches"), SCORED)
def test_score(frozen: dict[str, Any], answer: str, outcome: str, matches: bool) -> None:
    row = score(frozen, "model", f"{answer}\n</diff>", FunctionServers(marked))
    assert (row["outcome"], row["ast_match"], row["ast_or_string_match"]) == (outcome, matches, matches)
