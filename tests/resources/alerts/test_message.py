"""Messages: what people and programs read, and that no secret is in them."""

import pytest

from resources.alerts.message import LONGEST, Alert, Cause, Status, check_path, safe, some

CHECK = Cause("check", "verified_diffs", "cheat_rate")


def alert(status: Status = "failing", **fields: object) -> Alert:
    known = {
        "severity": "warning",
        "cause": CHECK,
        "partitions": ["2026-01-05|F821"],
        "count": 1,
        "detail": "30 of 100 are cheats. What to do: look",
        "path": check_path("verified_diffs", "cheat_rate"),
    }
    return Alert(status=status, **{**known, **fields})  # type: ignore[arg-type]


def test_a_message_says_what_where_and_what_to_do_with_a_link() -> None:
    assert alert().text("http://ui:3000/").split("\n") == [
        "[warning] verified_diffs: the check cheat_rate fails",
        "30 of 100 are cheats. What to do: look",
        "2026-01-05|F821. What else fails in the same way is not told one by one.",
        "http://ui:3000/assets/verified_diffs?view=checks&checkDetail=cheat_rate",
    ]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("still failing", "New since the last message: 2026-01-05|F821 and 9 more."),
        ("recovered", "All that failed is right again: 2026-01-05|F821 and 9 more."),
    ],
)
def test_many_partitions_are_counted(status: Status, said: str) -> None:
    assert said in alert(status, count=10).text("http://ui").split("\n")


def test_the_causes_read_as_sentences() -> None:
    assert [
        str(Cause(kind, "x", "Y"))  # type: ignore[arg-type]
        for kind in ("check", "step", "run", "automation")
    ] == ["x: the check Y fails", "x fails: Y", "a run of x fails: Y", "x does not work: Y"]


def test_it_is_stored_and_read_as_it_was() -> None:
    assert Alert.from_json(alert().to_json()) == alert()


def test_of_many_partitions_some_are_named_in_order() -> None:
    assert some([f"{number}" for number in range(9, 0, -1)] + [""]) == ["1", "2", "3", "4", "5"]


PLANTED = "q8Zt3LmX0vRk9PwB7nHs"


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        (
            f"POST https://hooks.example/T1/{PLANTED} failed",
            {"OWN_WEBHOOK": f"https://hooks.example/T1/{PLANTED}"},
        ),
        (f"Authorization: Bearer {PLANTED}", {}),
        (f"api_key = '{PLANTED}'", {}),
        (f"the service says {PLANTED}, and no more", {"MODEL_API_KEY": PLANTED}),
        (f"postgresql://repair:{PLANTED}@db/dagster is gone", {}),
        (f"password {PLANTED} refused", {"REPAIR_SHARED_STATE": f"postgresql://u:{PLANTED}@db/repair"}),
        (f"cut {PLANTED[:12]}", {"MODEL_API_KEY": PLANTED}),
    ],
)
def test_no_secret_is_quoted(text: str, environment: dict[str, str]) -> None:
    shown = safe(text, environment)
    assert PLANTED[:12] not in shown
    assert shown


def test_what_is_quoted_is_short_and_printable() -> None:
    shown = safe("\x1b[2J" + "word " * 10_000, {})
    assert len(shown) == LONGEST
    assert "\x1b" not in shown
    assert safe("fine\n", {"TOKENIZERS_PARALLELISM": "fine"}) == "fine", "a word is no key"
