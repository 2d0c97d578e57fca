"""The night's plan: what is due with what hangs on it, each once, newest first, within the budget."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from code_location.backfill import plan as module
from code_location.backfill.costs import Cost, MeasuredCosts
from code_location.backfill.plan import (
    DIAGNOSTICS,
    EVENTS,
    EXAMPLES,
    MODEL,
    PAGE,
    SCHEDULED,
    SCORES,
    Budget,
    Partition,
    Plan,
    State,
    plan,
)
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.execution.staleness import Cause, Staleness
from repair.store.manifest import Manifest
from tests.cpu_time import cpu_bound

FIRST, SECOND, THIRD = DATES = ("2026-01-05", "2026-01-06", "2026-01-07")
NAMES, TAIL = TYPES = ("F821", "other")
DAILY = (*EVENTS, *DIAGNOSTICS, *EXAMPLES)
LARGE = Budget(seconds=1e9, usd=1e9)
NEWER = Cause("version", "pyright 1 made it, 2 is here")
OUR_CODE = Cause("definitions", "repair.ot:apply changed")
LATE = Cause("configuration", "its recording is another one now")
INPUT = Cause("input", "its input changed")
DERIVED = Cause("upstream", "its input would be made again")


def manifest(asset: str, key: Key, seconds: float = 2.0, usd: float = 0.0, rows: int = 4) -> Manifest:
    return Manifest(
        asset=asset,
        partition=key.segments(),
        fingerprint="",
        inputs={},
        versions={},
        rows_in=rows,
        rows_out=rows,
        rejects={},
        files=(),
        data_version="",
        created=datetime(2026, 2, 1, tzinfo=UTC),
        extra={"seconds": seconds, **({"usage": {"cost_usd": usd}} if usd else {})},
    )


def partitions_of_the_days(dates: Iterable[str] = DATES) -> list[Partition]:
    return [
        *((asset, Key(date)) for date in dates for asset in (*EVENTS, *EXAMPLES)),
        *((asset, Key(date, name)) for date in dates for name in TYPES for asset in DIAGNOSTICS),
    ]


def model_of(date: str) -> list[Partition]:
    return [
        *((asset, Key(date)) for asset in (*MODEL, *PAGE)),
        *((asset, Key(date, name)) for name in TYPES for asset in SCORES),
    ]


WHOLE = [*partitions_of_the_days(), *model_of(SECOND), *model_of(THIRD)]


def state(
    stored: Collection[Partition] = WHOLE,
    causes: Mapping[Partition, Iterable[Cause]] | None = None,
    **given: Any,
) -> State:
    found = {
        (asset, key): Staleness(
            f"{asset}[{key}]", tuple((causes or {}).get((asset, key), ())), (), manifest(asset, key)
        )
        for asset, key in stored
    }
    published = {day: TYPES for day in DATES if (EVENTS[0], Key(day)) in found}
    facts: dict[str, Any] = {
        "stored": found,
        "dates": DATES,
        "types": TYPES,
        "recorded": DATES,
        "published": published,
        "window_of": lambda date: [day for day in DATES if day <= date],
    }
    return State(**{**facts, **given})


def planned(state: State, budget: Budget = LARGE, **options: Any) -> Plan:
    costs = MeasuredCosts(found.manifest for found in state.stored.values())
    return plan(state, costs, budget, **options)


def runs(plan: Plan) -> list[str]:
    return [str(run) for run in plan.runs]


def left_out(plan: Plan) -> dict[str, str]:
    return {str(found.run): found.reason for found in plan.left_out}


def chain(date: str, start: str = DIAGNOSTICS[0], names: Iterable[str] = TYPES) -> list[str]:
    first = start if start == DIAGNOSTICS[-1] else f"{start}..{DIAGNOSTICS[-1]}"
    return [f"{first}[{date}|{name}]" for name in names]


NEWEST_MODEL = [
    f"training_mixture..predictions[{THIRD}]",
    *(f"eval_results[{THIRD}|{name}]" for name in TYPES),
    f"scorecard[{THIRD}]",
]


def without(*gone: Partition) -> list[Partition]:
    return [partition for partition in WHOLE if partition not in gone]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(state(), [], id="nothing is due"),
        pytest.param(
            state(causes={("repair_candidates", Key(SECOND, NAMES)): [NEWER]}),
            [*chain(SECOND, "repair_candidates", [NAMES]), f"daily_examples[{SECOND}]", *NEWEST_MODEL],
            id="a newer server: from the stage that asked it on",
        ),
        pytest.param(
            state(causes={(EVENTS[0], Key(FIRST)): [LATE], (DIAGNOSTICS[0], Key(FIRST, NAMES)): [DERIVED]}),
            [f"session_events[{FIRST}]", *chain(FIRST), f"daily_examples[{FIRST}]", *NEWEST_MODEL],
            id="late events: all of the day",
        ),
        pytest.param(
            state(causes={("daily_examples", Key(SECOND)): [INPUT], ("daily_examples", Key(FIRST)): [INPUT]}),
            [f"daily_examples[{SECOND}]", f"daily_examples[{FIRST}]", *NEWEST_MODEL],
            id="newest first",
        ),
        pytest.param(
            state(without(*((asset, Key(SECOND, TAIL)) for asset in DIAGNOSTICS[3:]))),
            [*chain(SECOND, DIAGNOSTICS[3], [TAIL]), f"daily_examples[{SECOND}]", *NEWEST_MODEL],
            id="what a failed run did not make",
        ),
        pytest.param(
            state(without(*partitions_of_the_days([SECOND]))),
            [f"session_events[{SECOND}]", *chain(SECOND), f"daily_examples[{SECOND}]", *NEWEST_MODEL],
            id="a day that was never made",
        ),
        pytest.param(
            state(without(*partitions_of_the_days([SECOND])), recorded=(FIRST, THIRD)),
            [],
            id="a day on which nothing was recorded is not missing",
        ),
        pytest.param(
            state(
                without(*((asset, Key(SECOND, TAIL)) for asset in DIAGNOSTICS)),
                published={FIRST: TYPES, SECOND: [NAMES], THIRD: TYPES},
            ),
            [],
            id="a type that nobody published is not missing",
        ),
        pytest.param(
            state(causes={("eval_results", Key(THIRD, TAIL)): [NEWER]}),
            [f"eval_results[{THIRD}|{TAIL}]", f"scorecard[{THIRD}]"],
            id="the newest scores",
        ),
        pytest.param(
            state(
                [*partitions_of_the_days(), ("training_mixture", Key(THIRD)), *model_of(SECOND)],
                {("daily_examples", Key(THIRD)): [INPUT]},
            ),
            [f"daily_examples[{THIRD}]", f"training_mixture[{THIRD}]"],
            id="a checkpoint has a cadence of its own",
        ),
        pytest.param(
            state(partitions_of_the_days(), {("daily_examples", Key(THIRD)): [INPUT]}),
            [f"daily_examples[{THIRD}]"],
            id="nothing was trained yet",
        ),
    ],
)
def test_what_is_due_is_planned_with_what_hangs_on_it(case: State, expected: list[str]):
    assert runs(planned(case)) == expected


@pytest.mark.parametrize(
    ("case", "budget", "reasons"),
    [
        pytest.param(
            state(causes={("error_states", Key(SECOND, NAMES)): [OUR_CODE]}),
            LARGE,
            {**dict.fromkeys(chain(SECOND, names=[NAMES]), module.NEEDS_APPROVAL)},
            id="our own code",
        ),
        pytest.param(
            state(causes={("training_mixture", Key(SECOND)): [INPUT]}),
            LARGE,
            {f"training_mixture[{SECOND}]": module.SUPERSEDED},
            id="an older mixture",
        ),
        pytest.param(
            state(
                causes={("error_states", Key(FIRST, NAMES)): [NEWER]},
                at_work=[("verified_diffs", Key(FIRST, NAMES))],
            ),
            LARGE,
            dict.fromkeys(chain(FIRST, names=[NAMES]), module.AT_WORK),
            id="a run is at work",
        ),
        pytest.param(
            state(
                causes={("error_states", Key(FIRST, NAMES)): [NEWER]},
                failures={("error_states", Key(FIRST, NAMES)): module.MOST_FAILURES},
            ),
            LARGE,
            dict.fromkeys(chain(FIRST, names=[NAMES]), module.FAILED_BEFORE),
            id="failed before",
        ),
        pytest.param(
            state(causes={("error_states", Key(FIRST, NAMES)): [NEWER]}),
            Budget(seconds=11, usd=0),
            dict.fromkeys(chain(FIRST, names=[NAMES]), module.TOO_EXPENSIVE),
            id="alone beyond the budget",
        ),
        pytest.param(
            state(causes={("daily_examples", Key(date)): [INPUT] for date in DATES}),
            Budget(seconds=5, usd=0),
            {
                f"daily_examples[{FIRST}]": module.OVER_BUDGET,
                NEWEST_MODEL[0]: module.WAITS_FOR_DAYS,
            },
            id="the oldest day waits, and the mixture for it",
        ),
        pytest.param(
            state(
                without(("session_events", Key(FIRST))),
                {("error_states", Key(FIRST, NAMES)): [INPUT]},
                recorded=(),
            ),
            LARGE,
            dict.fromkeys(chain(FIRST, names=[NAMES]), module.NO_EVENTS),
            id="without the day's events",
        ),
        pytest.param(
            state(causes={("repair_examples", Key(FIRST, name)): [NEWER] for name in TYPES}),
            Budget(seconds=3, usd=0),
            {
                f"repair_examples[{FIRST}|{TAIL}]": module.OVER_BUDGET,
                f"daily_examples[{FIRST}]": module.WAITS_FOR_TYPES,
            },
            id="a day waits for its types",
        ),
    ],
)
def test_what_is_left_out_has_its_reason(case: State, budget: Budget, reasons: dict[str, str]):
    assert left_out(planned(case, budget)) == reasons


def test_our_own_code_is_made_again_on_approval():
    case = state(causes={("error_states", Key(SECOND, NAMES)): [OUR_CODE]})
    assert runs(planned(case)) == []
    approved = planned(case, code_changes=True)
    assert runs(approved) == [*chain(SECOND, names=[NAMES]), f"daily_examples[{SECOND}]", *NEWEST_MODEL]
    assert approved.left_out == ()


def test_money_is_a_budget_of_its_own():
    paid = "synthesized_diffs", Key(FIRST, NAMES)
    case = state(causes={paid: [NEWER]})
    priced = Staleness("", (NEWER,), (), manifest(*paid, usd=3.0))
    case = replace(case, stored={**case.stored, paid: priced})
    found = planned(case)
    assert found.cost.usd == pytest.approx(1.0), "of three days alike, two paid nothing"
    assert left_out(planned(case, Budget(1e9, usd=0.5))) == {str(found.runs[0]): module.TOO_EXPENSIVE}


def test_the_stages_are_those_of_the_graph():
    from code_location.backfill.sources import JOBS
    from code_location.definitions import ASSETS_OF_JOBS, defs

    graph = defs.resolve_asset_graph()
    for parent, child in pairwise(SCHEDULED):
        assert dg.AssetKey(parent) in graph.get(dg.AssetKey(child)).parent_keys
    assert {name: tuple(asset.key.path[-1] for asset in ASSETS_OF_JOBS[name]) for name in JOBS} == JOBS


def test_a_third_of_three_years_at_all_types_is_planned_in_a_third_of_a_second():
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    dates = [(date.fromisoformat(FIRST) + timedelta(days=number)).isoformat() for number in range(365)]
    stored = [
        *((asset, Key(day)) for day in dates for asset in (*EVENTS, *EXAMPLES)),
        *((asset, Key(day, name)) for day in dates for name in types for asset in DIAGNOSTICS),
    ]
    servers = {partition: [NEWER] for partition in stored if partition[0] == DIAGNOSTICS[1]}
    all_days: dict[str, Any] = {"dates": dates, "types": types, "recorded": dates}
    case = state(stored, servers, published=dict.fromkeys(dates, types), window_of=lambda _: (), **all_days)
    with cpu_bound(3.0):
        found = planned(case)
    assert len(found.runs) == 365 * (len(types) + 1)


CAUSES = st.sampled_from([(), (), (NEWER,), (OUR_CODE,), (LATE, OUR_CODE), (INPUT,), (DERIVED,)])
DOWNSTREAM = {asset: number for number, asset in enumerate(SCHEDULED)}


@st.composite
def worlds(draw: st.DrawFn) -> State:
    stored = draw(st.sets(st.sampled_from(WHOLE), min_size=len(WHOLE) // 2))
    causes = {partition: draw(CAUSES) for partition in sorted(stored, key=str)}
    recorded = draw(st.sets(st.sampled_from(DATES)))
    return state(sorted(stored, key=str), causes, recorded=recorded)


@settings(max_examples=100)
@given(worlds(), st.floats(0, 200), st.booleans())
def test_a_plan_is_within_its_budget_in_order_and_whole(case: State, seconds: float, approved: bool):
    budget = Budget(seconds, usd=0)
    found = planned(case, budget, code_changes=approved)
    partitions = found.partitions()
    assert max(Counter(partitions).values(), default=1) == 1, "each once"
    assert found.cost.seconds <= seconds + 1e-9
    assert not {str(run) for run in found.runs} & {str(out.run) for out in found.left_out}
    days = [run.key.date for run in found.runs if run.assets[0] in DAILY]
    assert days == sorted(days, reverse=True), "newest first"

    made = set(partitions)
    told = made | {part for out in found.left_out for part in out.run.partitions()}
    for asset, key in made:
        if asset == EVENTS[0]:
            hang_on_it = {part for part in case.stored if part[0] in DIAGNOSTICS and part[1].date == key.date}
            assert hang_on_it <= told
        elif asset in DIAGNOSTICS:
            assert {(later, key) for later in DIAGNOSTICS[DIAGNOSTICS.index(asset) :]} <= made
            assert (EXAMPLES[0], Key(key.date)) in told

    for partition, staleness in case.stored.items():
        own = [cause for cause in staleness.causes if cause.kind != "upstream"]
        if any(cause.kind != "definitions" or approved for cause in own):
            assert partition in told, "what is due by itself is made, or it is told why not"

    # No older day goes before a newer one that had room.
    waits = [out for out in found.left_out if out.reason == module.OVER_BUDGET]
    for out in waits:
        if out.run.assets[0] in DAILY:
            older = [run for run in found.runs if run.assets[0] in DAILY and run.key.date < out.run.key.date]
            assert older == []


def test_the_cost_of_a_row_is_that_of_its_type_and_asset():
    costs = MeasuredCosts(
        [
            manifest("error_states", Key(FIRST, NAMES), seconds=10, rows=5),
            manifest("error_states", Key(SECOND, NAMES), seconds=2, rows=1),
            manifest("error_states", Key(FIRST, TAIL), seconds=3, rows=30),
            manifest("error_states", Key(SECOND, TAIL), seconds=0.5, rows=0),
            manifest("predictions", Key(SECOND), seconds=8, usd=4, rows=8),
        ]
    )

    def of(asset: str, key: Key, rows: int | None = None) -> tuple[float, float, bool]:
        stored = None if rows is None else manifest(asset, key, rows=rows)
        cost = costs.of(asset, key.segments(), stored)
        return cost.seconds, cost.usd, cost.measured

    assert of("error_states", Key(THIRD, NAMES), rows=10) == (20, 0, True)
    assert of("error_states", Key(THIRD, NAMES)) == (6, 0, True), "as many rows as others have"
    assert of("error_states", Key(THIRD, TAIL), rows=0) == (0.5, 0, True)
    assert of("error_states", Key(THIRD, "reportIndexIssue"), rows=36) == (15, 0, True), "as other types"
    assert of("predictions", Key(THIRD), rows=2) == (2, 1, True)
    assert of("scorecard", Key(THIRD), rows=2) == (0, 0, False)
    assert (Cost(1) + Cost(2, 1, measured=False)) == Cost(3, 1, measured=False)
