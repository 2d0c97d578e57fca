"""Backfill planning: which runs make stale and missing partitions again, newest first, within a budget.

A run takes one partition through the stages that follow one another in it: a day's events, a type's
diagnostics of a day, a day's examples. A mixture and what hangs on it is made again only where it is the
newest one, and only once no day of its window has to wait for another night.

What is stale is said by `repair.execution.staleness`. A change of this project's own code alone makes nothing
again until a person approves of it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from code_location.backfill.costs import Cost, MeasuredCosts
from partitions.keys import Key
from repair.execution.staleness import Staleness
from repair.store.manifest import Manifest

EVENTS = ("session_events",)
DIAGNOSTICS = (
    "error_states",
    "reproduced_diagnostics",
    "repair_candidates",
    "synthesized_diffs",
    "verified_diffs",
    "repair_examples",
)
EXAMPLES = ("daily_examples",)
MIXTURE = "training_mixture"
MODEL = (MIXTURE, "checkpoint", "predictions")
SCORES = ("eval_results",)
PAGE = ("scorecard",)
SCHEDULED = (*EVENTS, *DIAGNOSTICS, *EXAMPLES, *MODEL, *SCORES, *PAGE)
"""The assets that are made again by themselves, in their order. The others are frozen, or made on demand."""

MOST_FAILURES = 2
"""After so many failed runs in a row of scheduled backfills a partition waits for a person."""

NEEDS_APPROVAL = "only our own code changed: needs approval"
OVER_BUDGET = "does not fit in what is left of the budget"
TOO_EXPENSIVE = "alone takes more than the whole budget"
AT_WORK = "a run is at work on it"
FAILED_BEFORE = f"failed {MOST_FAILURES} times in a row: see its last run, then materialize it"
NO_EVENTS = "its day's events are not stored"
WAITS_FOR_TYPES = "waits for a type of its day"
WAITS_FOR_DAYS = "waits for days of its window"
SUPERSEDED = "not the newest of its kind"

_PLANNED = "planned"
_PASSES = (OVER_BUDGET, AT_WORK)
"""What another night has room for."""
_HOLDS_BACK = (*_PASSES, TOO_EXPENSIVE, FAILED_BEFORE)
"""What keeps a day's examples from being made of all its types."""

Partition = tuple[str, Key]


@dataclass(frozen=True, slots=True)
class Budget:
    """What one night's runs may take, by their estimates."""

    seconds: float
    usd: float

    def holds(self, cost: Cost) -> bool:
        return cost.seconds <= self.seconds and cost.usd <= self.usd


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One partition of consecutive stages, which one run makes."""

    assets: tuple[str, ...]
    key: Key
    causes: tuple[str, ...]
    cost: Cost = field(default_factory=Cost)

    def __str__(self) -> str:
        first, last = self.assets[0], self.assets[-1]
        return f"{first if first == last else f'{first}..{last}'}[{self.key}]"

    def partitions(self) -> list[Partition]:
        return [(asset, self.key) for asset in self.assets]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that is due and is not planned, and why."""

    run: PlannedRun
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs in their order, and what is left out."""

    runs: tuple[PlannedRun, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def cost(self) -> Cost:
        return sum((run.cost for run in self.runs), Cost())

    def partitions(self) -> list[Partition]:
        return [partition for run in self.runs for partition in run.partitions()]


@dataclass(frozen=True, kw_only=True)
class State:
    """What a plan is made from."""

    stored: Mapping[Partition, Staleness]
    """The stored partitions of the look-back window, and the newest of `training_mixture` and after."""
    dates: Sequence[str]
    """The date partitions of the window, in order."""
    types: Sequence[str]
    recorded: Collection[str]
    """Dates on which something was recorded."""
    published: Mapping[str, Collection[str]]
    """The types of which a diagnostic was published, by the dates whose events are stored."""
    window_of: Callable[[str], Collection[str]]
    """The dates that the mixture of a date reads."""
    at_work: Collection[Partition] = ()
    failures: Mapping[Partition, int] = field(default_factory=dict[Partition, int])
    """Failed runs in a row of scheduled backfills, by the partitions that they did not make."""


def plan(state: State, costs: MeasuredCosts, budget: Budget, *, code_changes: bool = False) -> Plan:
    """The night's runs; `code_changes`: what only our own code made stale is made again, too."""
    return _Planner(state, costs, budget, code_changes).plan()


@dataclass(slots=True)
class _Day:
    """What became of a day: whether its examples are made again, and whether some of it waits."""

    made: bool
    waits: bool


class _Planner:
    def __init__(self, state: State, costs: MeasuredCosts, budget: Budget, code_changes: bool) -> None:
        self._state, self._costs, self._budget = state, costs, budget
        self._code_changes = code_changes
        self._spent = Cost()
        self._full = False
        self._runs: list[PlannedRun] = []
        self._left_out: list[LeftOut] = []

    def plan(self) -> Plan:
        days = {date: self._day(date) for date in reversed(self._state.dates)}
        self._newest_model(days)
        self._superseded()
        return Plan(tuple(self._runs), tuple(self._left_out))

    def _day(self, date: str) -> _Day:
        """Plans the runs of a day, up to its examples."""
        day = Key(date)
        events = self._consider(EVENTS, day, missing=date in self._state.recorded)
        made = events is _PLANNED
        absent = "" if made or (EVENTS[0], day) in self._state.stored else NO_EVENTS
        after = _first(EVENTS, day, made)
        types = [
            self._consider(DIAGNOSTICS, key, missing=self._is_needed(key, made), after=after, waits=absent)
            for key in (Key(date, name) for name in self._state.types)
        ]
        examples = self._consider(
            EXAMPLES,
            day,
            missing=not absent,
            after="a type of the day" if _PLANNED in types else "",
            waits=absent or (WAITS_FOR_TYPES if any(outcome in _HOLDS_BACK for outcome in types) else ""),
        )
        return _Day(
            made=examples is _PLANNED, waits=any(outcome in _PASSES for outcome in (events, *types, examples))
        )

    def _is_needed(self, key: Key, events_made: bool) -> bool:
        """Whether a type of a day must be stored: a type that nobody published need not be."""
        if events_made or key.diagnostic_type in self._state.published.get(key.date or "", ()):
            return True
        return any((asset, key) in self._state.stored for asset in DIAGNOSTICS)

    def _newest_model(self, days: Mapping[str, _Day]) -> None:
        """Plans the newest mixture, and of what hangs on it what is stored of its date."""
        newest = self._newest()
        if not newest:
            return
        window = [days[date] for date in self._state.window_of(newest) if date in days]
        waits = WAITS_FOR_DAYS if any(day.waits for day in window) else ""
        key = Key(newest)
        after = "a day of its window" if any(day.made for day in window) else ""
        model = self._consider(MODEL, key, after=after, waits=waits)
        after = _first(MODEL, key, model is _PLANNED)
        scores = [
            self._consider(SCORES, Key(newest, name), after=after, waits=waits) for name in self._state.types
        ]
        after = "scores of a type" if _PLANNED in scores else after
        self._consider(PAGE, key, after=after, waits=waits)

    def _superseded(self) -> None:
        """Leaves out what is stale of older mixtures and what hangs on them."""
        newest = self._newest()
        for asset, key in self._state.stored:
            if asset in (*MODEL, *SCORES, *PAGE) and key.date != newest:
                causes, needs_approval = self._causes(asset, key)
                if causes and not needs_approval:
                    self._left_out.append(LeftOut(PlannedRun((asset,), key, causes), SUPERSEDED))

    def _newest(self) -> str:
        return max((key.date or "" for asset, key in self._state.stored if asset == MIXTURE), default="")

    def _causes(self, asset: str, key: Key) -> tuple[tuple[str, ...], bool]:
        """Why a stored partition by itself is stale, and whether a person has to approve of that."""
        own = [cause for cause in self._state.stored[asset, key].causes if cause.kind != "upstream"]
        only_code = bool(own) and all(cause.kind == "definitions" for cause in own)
        return tuple(cause.detail for cause in own), only_code and not self._code_changes

    def _consider(
        self, assets: tuple[str, ...], key: Key, *, missing: bool = False, after: str = "", waits: str = ""
    ) -> str | None:
        """Plans the run of a partition if it is due: `_PLANNED`, or why it is left out, or None.

        `missing`: what is not stored is due. `after`: what is made again before it. `waits`: why it can't be
        planned now.
        """
        considered = [asset for asset in assets if missing or (asset, key) in self._state.stored]
        start, causes, unapproved = self._start(considered, key, after)
        if start is None:
            if unapproved:
                run = PlannedRun(tuple(considered[unapproved[0] :]), key, unapproved[1])
                self._left_out.append(LeftOut(run, NEEDS_APPROVAL))
                return NEEDS_APPROVAL
            return None
        made = tuple(considered[start:])
        run = PlannedRun(made, key, causes, self._cost(made, key))
        reason = self._obstacle(run) or waits or self._beyond_budget(run.cost)
        if reason:
            self._left_out.append(LeftOut(run, reason))
            return reason
        self._spent += run.cost
        self._runs.append(run)
        return _PLANNED

    def _start(
        self, assets: Sequence[str], key: Key, after: str
    ) -> tuple[int | None, tuple[str, ...], tuple[int, tuple[str, ...]] | None]:
        """The first of the assets that is due, why, and the first that would be if a person approved."""
        if after and assets:
            return 0, (f"{after} is made again",), None
        unapproved: tuple[int, tuple[str, ...]] | None = None
        for number, asset in enumerate(assets):
            if (asset, key) not in self._state.stored:
                return number, (f"{asset} is missing",), unapproved
            causes, needs_approval = self._causes(asset, key)
            if causes and not needs_approval:
                return number, causes, unapproved
            if causes and unapproved is None:
                unapproved = number, causes
        return None, (), unapproved

    def _cost(self, assets: Sequence[str], key: Key) -> Cost:
        return sum(
            (self._costs.of(asset, key.segments(), self._manifest(asset, key)) for asset in assets), Cost()
        )

    def _manifest(self, asset: str, key: Key) -> Manifest | None:
        found = self._state.stored.get((asset, key))
        return found.manifest if found else None

    def _obstacle(self, run: PlannedRun) -> str:
        if any(partition in self._state.at_work for partition in run.partitions()):
            return AT_WORK
        if any(self._state.failures.get(partition, 0) >= MOST_FAILURES for partition in run.partitions()):
            return FAILED_BEFORE
        return ""

    def _beyond_budget(self, cost: Cost) -> str:
        if not self._budget.holds(cost):
            return TOO_EXPENSIVE
        if self._full or not self._budget.holds(self._spent + cost):
            self._full = True  # what is older waits too, though it may be cheaper
            return OVER_BUDGET
        return ""


def _first(assets: tuple[str, ...], key: Key, made: bool) -> str:
    return f"{assets[0]}[{key}]" if made else ""
