"""The conditions ask for what is due and for nothing else, day after day, without a person."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from code_location.automation import RETRIES, MadeSinceTheTickBegan, automation_sensor
from code_location.backfill.plan import DIAGNOSTICS as ALL_STAGES
from code_location.definitions import defs
from partitions.dates import DATES
from partitions.types import DIAGNOSTIC_TYPES
from tests.code_location.automated_world import DIAGNOSTICS, FEEDBACK, TYPES, World
from tests.code_location.stored_history import report

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.timeout(600),  # of a machine that is busy; they take seconds
    # Dagster's own tester warns of its beta parts at every tick
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning"),
]

Asked = dict[str, set[str]]

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = [(FIRST + timedelta(days=number)).date().isoformat() for number in range(14)]


def after(day: str) -> datetime:
    """Ten past midnight, when the day is over."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1, minutes=10)


def retries(day: str) -> datetime:
    """The night's retries, after the day."""
    return after(day).replace(hour=int(RETRIES.split()[1]), minute=1)


def of_types(day: str, types: Iterable[str] = TYPES, stages: Iterable[str] = DIAGNOSTICS) -> Asked:
    return {stage: {f"{day}|{name}" for name in types} for stage in stages}


def scored(day: str) -> Asked:
    return {
        **{name: {day} for name in ("checkpoint", "predictions", "model_calibration", "scorecard")},
        **of_types(day, stages=["eval_results"]),
    }


def together(*parts: Mapping[str, set[str]]) -> Asked:
    total: Asked = {}
    for part in parts:
        for name, keys in part.items():
            total[name] = total.get(name, set()) | keys
    return total


def mixed(*days: str) -> Asked:
    return {"training_mixture": set(days)}


def processed(day: str) -> Asked:
    """From the recorded day to its examples."""
    return together({"session_events": {day}}, of_types(day), {"daily_examples": {day}})


DATA = (*DIAGNOSTICS, "session_events", "daily_examples", "training_mixture")
USUAL = {"F811": 3, "F821": 5, "syntax": 1}


@pytest.mark.slow
def test_a_fortnight_comes_to_the_right_state_with_no_hands() -> None:
    world = World()
    assert world.tick(FIRST) == {}
    fifth, sixth, seventh, eighth, ninth, tenth, eleventh, twelfth, *rest = DAYS
    thirteenth, fourteenth, fifteenth, sixteenth, seventeenth, eighteenth = rest
    broken: dict[tuple[str, str], str] = {}

    def breaks(asset: str, key: str) -> str | None:
        return (
            broken.get((asset, key)) or broken.get((asset, key.partition("|")[0])) or broken.get((asset, ""))
        )

    world.breaks = breaks

    def night(day: str) -> Asked:
        """What is asked for in the night after the day; with the night's retries, if there is something."""
        asked = world.until_quiet(after(day))
        return together(asked, world.until_quiet(retries(day))) if broken else asked

    # The first day is trained on; then a checkpoint is due once a week.
    world.arrives(fifth, **USUAL)
    assert night(fifth) == together(processed(fifth), mixed(fifth), scored(fifth))
    world.arrives(sixth, **USUAL)
    assert night(sixth) == together(processed(sixth), mixed(sixth))

    # The 7th is late: it holds up nobody, and comes with the 9th.
    assert night(seventh) == {}
    world.arrives(eighth, **USUAL)
    assert night(eighth) == together(processed(eighth), mixed(eighth))
    world.arrives(ninth, **USUAL)
    world.arrives(seventh, **USUAL)
    assert night(ninth) == together(processed(seventh), processed(ninth), mixed(seventh, ninth))

    # Files that were written again as they were start nothing.
    world.arrives(sixth, **USUAL)
    world.arrives(tenth, **USUAL)
    assert night(tenth) == together(processed(tenth), mixed(tenth))

    # A type fails in its synthesis: the others are made, the day is held back, and tried once a night.
    broken["synthesized_diffs", f"{eleventh}|F821"] = "fails"
    world.arrives(eleventh, **USUAL)
    held = together({"session_events": {eleventh}}, of_types(eleventh))
    assert night(eleventh) == held
    assert ("daily_examples", eleventh) not in world.made

    # The 12th, on which a checkpoint is due, is corrupt. The type is repaired: its day goes on where it was.
    broken["session_events", twelfth] = "fails"
    world.arrives(twelfth, **USUAL)
    assert world.until_quiet(after(twelfth)) == {"session_events": {twelfth}}
    broken.pop(("synthesized_diffs", f"{eleventh}|F821"))
    again = of_types(eleventh, ["F821"], DIAGNOSTICS[1:])
    assert world.until_quiet(retries(twelfth)) == together(
        {"session_events": {twelfth}}, again, {"daily_examples": {eleventh}}, mixed(eleventh)
    )

    # The next mixture is trained on in its place.
    world.arrives(thirteenth, **USUAL)
    assert night(thirteenth) == together(
        processed(thirteenth), mixed(thirteenth), scored(thirteenth), {"session_events": {twelfth}}
    )

    # The 12th is delivered anew: its own mixture, and once more the newest.
    broken.pop(("session_events", twelfth))
    world.arrives(twelfth, F811=3, F821=6, syntax=1)
    world.arrives(fourteenth, **USUAL)
    assert night(fourteenth) == together(
        processed(twelfth), processed(fourteenth), mixed(twelfth, fourteenth)
    )

    # The language model is down for a day: every type waits for it, and the next night's retries find it.
    broken["synthesized_diffs", ""] = "fails"
    world.arrives(fifteenth, **USUAL)
    assert night(fifteenth) == together({"session_events": {fifteenth}}, of_types(fifteenth))
    broken.clear()
    world.arrives(sixteenth, **USUAL)
    assert world.until_quiet(after(sixteenth)) == together(processed(sixteenth), mixed(sixteenth))
    assert world.until_quiet(retries(sixteenth)) == together(
        of_types(fifteenth, stages=DIAGNOSTICS[1:]),
        {"daily_examples": {fifteenth}},
        mixed(fifteenth, sixteenth),
    )

    # A day of last week gets one more diagnostic: its date, and the newest mixture.
    world.arrives(eighth, F811=3, F821=6, syntax=1)
    assert world.until_quiet(after(sixteenth) + timedelta(hours=12)) == together(
        processed(eighth), mixed(sixteenth)
    )

    # A stage loses rows: its blocking check holds back the day, and nothing is tried again.
    broken["repair_examples", f"{seventeenth}|syntax"] = "loses rows"
    world.arrives(seventeenth, **USUAL)
    assert night(seventeenth) == together({"session_events": {seventeenth}}, of_types(seventeenth))
    broken.clear()
    world.arrives(seventeenth, F811=3, F821=5, syntax=2)
    world.arrives(eighteenth, **USUAL)
    assert night(eighteenth) == together(
        processed(seventeenth), processed(eighteenth), mixed(seventeenth, eighteenth)
    )

    newest = {"training_mixture": eighteenth, "checkpoint": thirteenth}
    stale = {
        place
        for place, version in world.made.items()
        if version != world.content(*place) and place[0] not in newest
    }
    assert stale == set()
    assert world.made["training_mixture", eighteenth] == world.content("training_mixture", eighteenth)
    assert {day for asset, day in world.made if asset == "daily_examples"} == set(DAYS)
    assert {day for asset, day in world.made if asset == "training_mixture"} == set(DAYS)
    assert {day for asset, day in world.made if asset == "scorecard"} == {fifth, thirteenth}


def test_a_date_waits_for_a_type_that_is_being_made_again() -> None:
    world = World()
    world.tick(FIRST)
    day = DAYS[0]
    world.arrives(day, **USUAL)
    world.until_quiet(after(day))
    world.arrives(day, F811=4, F821=6, syntax=1)
    later = after(day) + timedelta(hours=1)
    assert world.tick(later) == {"session_events": {day}}
    assert world.ask(later) == of_types(day)
    world.run(f"{day}|F811", DIAGNOSTICS)
    world.run(f"{day}|syntax", DIAGNOSTICS)
    started = world.start(f"{day}|F821", DIAGNOSTICS)
    assert world.ask(later) == world.ask(later) == {}
    world.instance.report_run_canceled(started)  # it gives its place to the next one
    world.run(f"{day}|F821", DIAGNOSTICS)
    assert world.until_quiet(later) == {"daily_examples": {day}, "training_mixture": {day}}
    assert all(version == world.content(*place) for place, version in world.made.items() if place[0] in DATA)


CADENCE = """
import json, sys
from datetime import datetime
from tests.code_location.automated_world import World
world = World()
first, *dates = json.loads(sys.argv[1])
world.tick(datetime.fromisoformat(first))
for over, key in dates:
    world.arrives(key, F821=1)
    asked = world.until_quiet(datetime.fromisoformat(over))
    print(json.dumps({name: sorted(keys) for name, keys in asked.items()}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cadence", "dates"),
    [
        ("weekly", [("2026-01-11", "2026-01-04"), ("2026-01-18", "2026-01-11")]),
        ("monthly", [("2026-02-01", "2026-01-01")]),
    ],
)
def test_weeks_and_months_are_followed_to_the_scorecard(cadence: str, dates: list[tuple[str, str]]) -> None:
    moments = [f"{over}T00:10:00+00:00" for over, _ in dates]
    told = ["2026-01-06T00:00:00+00:00", *zip(moments, (key for _, key in dates), strict=True)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CADENCE, json.dumps(told)],
        cwd=ROOT,
        env={**os.environ, "REPAIR_CADENCE": cadence, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    asked = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    expected = [together(processed(key), mixed(key), scored(key)) for _, key in dates]
    assert [{name: set(keys) for name, keys in one.items()} for one in asked] == expected


@pytest.mark.parametrize("outcome", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_data_that_come_while_a_run_is_at_work_are_asked_for_when_it_has_ended(
    outcome: dg.DagsterRunStatus,
) -> None:
    world = World()
    world.tick(FIRST)
    day = DAYS[0]
    world.arrives(day, **USUAL)
    assert world.ask(after(day)) == {"session_events": {day}}
    run = world.start(day, ["session_events"])
    world.arrives(day, F811=4, F821=6, syntax=1)
    assert world.ask(after(day)) == {}, "a run is at work"
    world.made["session_events", day] = "what was there before"
    if outcome is dg.DagsterRunStatus.SUCCESS:
        world.report("session_events", day, "what was there before")
        world.instance.report_run_canceled(run)
    else:
        world.instance.report_run_failed(run)
    world.arrives(day, F811=4, F821=6, syntax=2)
    assert world.ask(after(day)).get("session_events") == {day}
    assert "session_events" not in world.ask(after(day)), "once"


@pytest.mark.parametrize("reported_first", [True, False])
def test_the_order_in_which_the_sensors_are_switched_on_does_not_matter(*, reported_first: bool) -> None:
    world, now, (first, late, last) = World(), after(DAYS[9]), (DAYS[3], DAYS[4], DAYS[9])
    if not reported_first:
        assert world.ask(now) == {}
    for day in (first, last):
        world.arrives(day, F821=1)
    assert world.ask(now) == {"session_events": {first, last}}
    assert world.ask(now) == {}
    world.run(last, ["session_events"])
    assert world.ask(now) == of_types(last)
    world.arrives(late, F821=1)
    assert world.ask(now) == {"session_events": {late}}
    assert world.ask(now) == {}


def test_of_what_was_reported_before_the_first_tick_the_recent_and_absent_is_asked_for() -> None:
    world, now = World(), after(DAYS[9])
    old, made, unrecorded, at_work, recent = DAYS[2], DAYS[4], DAYS[5], DAYS[6], DAYS[7]
    for day in (old, made, at_work, recent):
        world.arrives(day, F821=1)
    world.report("session_events", made, "by hand")
    run = world.start(at_work, ["session_events"])
    assert world.ask(now)["session_events"] == {recent}
    world.report("session_events", at_work, "by hand")
    world.instance.report_run_canceled(run)
    assert "session_events" not in world.ask(now)
    world.arrives(unrecorded, F821=1)
    assert world.ask(now)["session_events"] == {unrecorded}
    assert "session_events" not in world.ask(now)


def test_a_release_with_other_conditions_asks_for_nothing_that_was_made() -> None:
    """What the conditions remember of a partition is lost then, and it is no first evaluation."""
    world, now = World(), after(DAYS[9])
    ours = world.assets["session_events"]
    assert isinstance(ours, dg.AssetsDefinition)
    before = dg.AutomationCondition.on_cron("@daily")
    world.assets["session_events"] = ours.map_asset_specs(
        lambda spec: spec.replace_attributes(automation_condition=before)
    )
    for day in DAYS[5:10]:
        world.arrives(day, F821=1)
        world.report("session_events", day, "made")
    world.ask(now)
    world.assets["session_events"] = ours
    world.defs = dg.Definitions(assets=list(world.assets.values()))
    assert "session_events" not in world.ask(now)
    world.arrives(DAYS[9], F821=2)
    assert world.ask(now)["session_events"] == {DAYS[9]}


class RunGoesOn(dg.AutomationCondition[Any]):
    """True; before that, the run that was at work makes the next asset and ends."""

    made = dg.AssetMaterialization("second", partition="1", tags={"dagster/data_version": "1"})

    @property
    def name(self) -> str:
        return "run_goes_on"

    async def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        context.asset_graph_view.instance.report_runless_asset_event(self.made)
        return dg.AutomationResult(context, context.candidate_subset)


@pytest.mark.parametrize("excluded", [False, True])
def test_what_a_run_makes_while_a_tick_looks_is_not_asked_for_again(*, excluded: bool) -> None:
    parts = dg.StaticPartitionsDefinition(["1"])
    changed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.newly_updated())
    condition = RunGoesOn() & changed & (~MadeSinceTheTickBegan() if excluded else ~RunGoesOn.in_progress())
    specs = [
        dg.AssetSpec("first", partitions_def=parts),
        dg.AssetSpec("second", partitions_def=parts, deps=["first"], automation_condition=condition),
    ]
    instance = dg.DagsterInstance.ephemeral()
    defs = dg.Definitions(assets=specs)
    before = dg.evaluate_automation_conditions(defs, instance)
    instance.report_runless_asset_event(dg.AssetMaterialization("first", partition="1"))
    found = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
    assert found.total_requested == (0 if excluded else 1)


def test_the_sensor_asks_for_one_run_of_each_partition() -> None:
    """What the daemon is told, at the present date."""
    day = DATES.get_partition_keys()[-1]
    repository = defs.get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        cursor, asked = None, []
        for made in ("", "recorded_days", "session_events"):
            if made:
                report(instance, made, day, "new")
            context = dg.build_sensor_context(instance, cursor=cursor, repository_def=repository)
            told = automation_sensor.evaluate_tick(context)
            cursor, asked = told.cursor, told.run_requests or []
            if made != "session_events":
                selected = [request.asset_selection for request in asked]
                assert selected == ([[dg.AssetKey("session_events")]] if made else [])
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    assert {str(request.partition_key) for request in asked} == {f"{day}|{name}" for name in types}
    assert len(asked) == len(types)
    for request in asked:
        assert {key.path[-1] for key in request.asset_selection or ()} == {*ALL_STAGES, *FEEDBACK}
