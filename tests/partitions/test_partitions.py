from datetime import UTC, date, datetime
from typing import Literal

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitions.dates import LOOKBACK, DateSettings, dates_between, days_before_the_first, last_dates, window
from partitions.keys import DATE_AND_TYPE, RECIPE_AND_SIZE, Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.diagnostics.types import OTHER
from repair.errors import ConfigurationError


def test_a_multi_partition_key_joins_its_values_by_dimension_name():
    key = Key("2026-01-05", "F821")
    assert str(key.dagster()) == str(key) == "2026-01-05|F821"
    assert DATE_AND_TYPE.has_partition_key(key.dagster())


@pytest.mark.parametrize(
    ("key", "definition"),
    [
        (Key(), None),
        (Key("2026-01-05"), DATE_AND_TYPE.primary_dimension.partitions_def),
        (Key(None, "F821"), DIAGNOSTIC_TYPES),
        (Key("2026-01-05", "F821"), DATE_AND_TYPE),
        (Key(recipe="smollm2-135m", size="300"), RECIPE_AND_SIZE),
    ],
)
def test_a_key_survives_the_way_through_dagster(key: Key, definition: dg.PartitionsDefinition | None):
    seen = []

    @dg.asset(partitions_def=definition)
    def probe(context: dg.AssetExecutionContext) -> None:
        seen.append(Key.of(context))

    assert dg.materialize([probe], partition_key=key.dagster()).success
    assert seen == [key]


@pytest.mark.parametrize(
    "name",
    [
        *DIAGNOSTIC_TYPES.get_partition_keys(),
        *(
            key
            for known in RECIPE_AND_SIZE.partitions_defs
            for key in known.partitions_def.get_partition_keys()
        ),
    ],
)
def test_no_value_holds_a_character_that_a_multi_partition_key_reserves(name: str):
    assert not set(name) & set("|,[]/=")


def test_the_tail_has_one_partition():
    assert DIAGNOSTIC_TYPES.get_partition_keys().count(OTHER) == 1


def set_only(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in ("REPAIR_CADENCE", "REPAIR_FIRST_DATE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("environment", "second"),
    [
        ({"REPAIR_FIRST_DATE": "2020-01-01"}, "2020-01-02"),
        ({"REPAIR_FIRST_DATE": "2020-01-05", "REPAIR_CADENCE": "weekly"}, "2020-01-12"),
        ({"REPAIR_FIRST_DATE": "2020-01-01", "REPAIR_CADENCE": "monthly"}, "2020-02-01"),
    ],
)
def test_the_cadence_is_configuration(
    environment: dict[str, str], second: str, monkeypatch: pytest.MonkeyPatch
):
    set_only(monkeypatch, environment)
    assert DateSettings.load().partitions().get_partition_keys()[1] == second


@pytest.mark.parametrize(
    ("cadence", "day", "first"),
    [
        ("daily", "2024-05-01", "2024-05-01"),
        ("weekly", "2024-05-01", "2024-04-28"),  # a Wednesday; weeks begin on Sunday
        ("weekly", "2024-05-04", "2024-04-28"),  # a Saturday
        ("weekly", "2024-05-05", "2024-05-05"),
        ("weekly", "2026-01-05", "2026-01-04"),  # the default date
        ("weekly", "2024-01-03", "2023-12-31"),
        ("monthly", "2015-01-15", "2015-01-01"),
        ("monthly", "2015-01-01", "2015-01-01"),
        ("monthly", "2024-02-29", "2024-02-01"),
    ],
)
def test_the_first_partition_holds_the_first_date(
    cadence: str, day: str, first: str, monkeypatch: pytest.MonkeyPatch
):
    set_only(monkeypatch, {"REPAIR_CADENCE": cadence, "REPAIR_FIRST_DATE": day})
    partitions = DateSettings.load().partitions()
    assert partitions.get_partition_keys()[0] == first
    window = partitions.time_window_for_partition_key(first)
    assert window.start.date().isoformat() <= day < window.end.date().isoformat()


@given(st.dates(date(2000, 1, 1), date(2025, 1, 1)), st.sampled_from(["daily", "weekly", "monthly"]))
def test_no_first_date_is_in_front_of_the_first_partition(
    day: date, cadence: Literal["daily", "weekly", "monthly"]
):
    partitions = DateSettings(cadence=cadence, first_date=day).partitions()
    found = partitions.time_window_for_partition_key(partitions.get_first_partition_key() or "")
    assert found.start.date() <= day < found.end.date()


def test_days_before_the_first_partition_are_in_none():
    days = [date(2026, 1, 6), date(2026, 1, 4), date(2025, 1, 1), date(2026, 1, 5)]
    assert days_before_the_first(days) == [date(2025, 1, 1), date(2026, 1, 4)]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"REPAIR_CADENCE": "hourly"}, "expected one of daily, weekly, monthly"),
        ({"REPAIR_FIRST_DATE": "5 January"}, "expected YYYY-MM-DD"),
        ({"REPAIR_FIRST_DATE": "2026-02-30"}, "expected YYYY-MM-DD"),  # no such day
        ({"REPAIR_FIRST_DATE": "1767571200"}, "expected YYYY-MM-DD"),  # pydantic would take it for seconds
    ],
)
def test_a_wrong_setting_says_what_was_expected(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
):
    set_only(monkeypatch, environment)
    with pytest.raises(ConfigurationError, match=message) as caught:
        DateSettings.load()
    [(variable, value)] = environment.items()
    assert f"{variable} is {value!r}" in str(caught.value)


def test_a_window_is_half_open_and_in_utc():
    start, end = window("2026-01-05")
    assert (start, end) == (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC))
    assert dates_between(start, end) == ["2026-01-05", "2026-01-06"]


def test_a_window_of_dates_ends_with_its_own_and_begins_with_the_first_there_is():
    assert last_dates("2026-01-08", 3) == ["2026-01-06", "2026-01-07", "2026-01-08"]
    assert last_dates("2026-01-08", 1) == ["2026-01-08"]
    assert last_dates("2026-01-06", 30) == ["2026-01-05", "2026-01-06"]


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly"])
def test_the_lookback_holds_the_latest_windows_of_every_cadence(
    cadence: Literal["daily", "weekly", "monthly"],
) -> None:
    settings = DateSettings(cadence=cadence, first_date=date(2022, 1, 1))
    partitions = settings.partitions()
    for key in partitions.get_partition_keys()[10:30]:
        end = partitions.time_window_for_partition_key(key).end
        recent = partitions.get_partition_keys_in_time_window(dg.TimeWindow(end - settings.lookback(), end))
        assert LOOKBACK <= len(recent) <= LOOKBACK + 1
