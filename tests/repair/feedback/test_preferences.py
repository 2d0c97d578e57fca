"""Preference pairs: which answers make one, and the reason of each row that makes none."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from repair.curation.consent import NOT_FOR
from repair.dataset.splits import SPLIT_SEED, split_of
from repair.feedback.preferences import REASONS, preference_pairs
from repair.language_servers.errors import ServerCrashError
from repair.line_diff.numbered import diff
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.stages import FIX_ACCEPTANCE, PREFERENCE_PAIRS
from tests.repair.synthesis.support import FunctionServers, marked

BROKEN = 'a = "error:a"\nb = 2\n'
SHOWN, OWN = 'a = "other"\nb = 2\n', 'a = "fine"\nb = 2\n'
Row = dict[str, Any]


def row(**changed: Any) -> Row:
    """A fix that was rejected, after which the user wrote something else."""
    text, shown, later = (changed.pop(name, known) for name, known in TEXTS.items())
    known = {
        **dict.fromkeys(FIX_ACCEPTANCE.names),
        **{"fix_id": "f", "project_id": "p", "path": "main.py", "sequence": 1, "model": "m"},
        **{"moment": datetime(2026, 1, 5, tzinfo=UTC), "code": "marker[a]", "message": "found a"},
        **{"start_line": 0, "line_diff": diff(text, shown), "outcome": "rejected", "licence": "MIT"},
        "files": [{"path": "main.py", "text": text}],
        "later_files": [] if later is None else [{"path": "main.py", "text": later}],
        "ghostwriter": False,
    }
    return {**known, **changed}


TEXTS = {"text": BROKEN, "shown": SHOWN, "later": OWN}


def outcomes(*rows: Row, check: Any = marked) -> list[Row]:
    batch = pa.RecordBatch.from_pylist(list(rows), schema=FIX_ACCEPTANCE)
    found = list(preference_pairs([batch.slice(0, 1), batch.slice(1)], FunctionServers(check)))
    assert sum(outcome.num_rows for outcome in found) == len(rows)
    return [row for outcome in found for row in outcome.to_pylist()]


def test_a_rejected_fix_and_the_users_own_repair_are_a_pair() -> None:
    [pair] = outcomes(row())
    assert pair["reason"] is None
    assert pair["chosen"] == '-1 a = "error:a"\n+1 a = "fine"\n</diff>'
    assert pair["rejected"] == '-1 a = "error:a"\n+1 a = "other"\n</diff>'
    assert pair["asked"].endswith("<diff>\n") and '1 a = "error:a"' in pair["asked"]
    assert (pair["because"], pair["chosen_from"], pair["model"]) == ("rejected", "user", "m")
    assert (pair["fix_id"], pair["licence"], pair["prompt_version"]) == ("f", "MIT", PROMPT_VERSION)
    assert pair["split"] == split_of("p", SPLIT_SEED)
    assert set(PREFERENCE_PAIRS.names) < set(pair)


def test_another_fix_that_was_accepted_and_kept_is_chosen_before_the_users_text() -> None:
    better = 'a = "better"\nb = 2\n'
    kept = row(fix_id="g", shown=better, later=better, outcome="accepted", fate="kept")
    first, second = outcomes(row(), kept)
    assert (first["chosen_from"], first["chosen"]) == ("fix", '-1 a = "error:a"\n+1 a = "better"\n</diff>')
    assert second["reason"] == "kept"
    other_text = row(fix_id="g", text=f"{BROKEN}c = 3\n", shown=f"{better}c = 3\n", outcome="accepted")
    first, _ = outcomes(row(), {**other_text, "fate": "kept"})
    assert first["chosen_from"] == "user"  # that one answered another prompt


@pytest.mark.parametrize("fate", ["edited", "reverted"])
def test_what_the_user_made_of_an_accepted_fix_is_chosen(fate: str) -> None:
    [pair] = outcomes(row(outcome="accepted", fate=fate, ghostwriter=True))
    assert (pair["because"], pair["chosen_from"]) == (fate, "user")


def test_only_the_hunk_that_repairs_is_chosen() -> None:
    [pair] = outcomes(row(later=f"{OWN}c = 3\n"))
    assert pair["chosen"] == '-1 a = "error:a"\n+1 a = "fine"\n</diff>'


def test_texts_are_redacted_alike() -> None:
    key = "AKIA" + "Q3EGUL7PZ2NX4VWT"
    secret = f'key = "{key}"\n'
    [pair] = outcomes(row(text=BROKEN + secret, shown=SHOWN + secret, later=OWN + secret))
    assert pair["reason"] is None
    assert key not in str(pair)
    assert "REDACTED" in pair["asked"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"policy": "private", "files": [], "line_diff": None, "message": None}, "private"),
        ({"purposes": ["evaluation"]}, NOT_FOR["training"]),  # type: ignore[index]
        ({"outcome": "ignored"}, "undecided"),
        ({"outcome": "accepted", "fate": "kept"}, "kept"),
        ({"outcome": "accepted"}, "not_observed"),
        ({"outcome": "accepted", "fate": "file_gone"}, "not_observed"),
        ({"code": "marker[z]"}, "not_reproduced"),
        ({"later": BROKEN}, "no_alternative"),
        ({"later": None}, "no_alternative"),
        ({"ghostwriter": True}, "ghostwriter_text"),
        ({"later": 'a = "error:a"\nb = 3\n'}, "alternative_not_verified"),
        ({"later": SHOWN}, "same_answer"),
    ],
)
def test_a_row_that_makes_no_pair_says_why(changed: Row, reason: str) -> None:
    [outcome] = outcomes(row(**changed))
    assert outcome["reason"] == reason
    assert reason in REASONS
    assert outcome["detail"]


def test_an_answer_outside_the_excerpt_makes_no_pair() -> None:
    rest = "".join(f"name_{number} = {number}\n" for number in range(400))
    long = {"text": BROKEN + rest, "shown": BROKEN + rest.replace("name_399", "n"), "later": OWN + rest}
    [outcome] = outcomes(row(**long))
    assert outcome["reason"] == "outside_excerpt"


def test_servers_that_fail_are_the_reason_of_their_row() -> None:
    def crash(_: Any) -> Any:
        raise ServerCrashError("gone")

    [outcome] = outcomes(row(), check=crash)
    assert outcome["reason"] == "server_crashed"
