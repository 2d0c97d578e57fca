"""The automated graph with three diagnostic types and named fakes for its bodies.

Assets, dependencies, partition mappings and conditions are those of the code location, but that three stages
of a type stand for six, which is faster. A fake body computes the version of its content from the versions of
what it reads, so that a world in which everything was made in the right order can be told from another.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import dagster as dg

from code_location.definitions import defs as real
from partitions.dates import DATES, last_dates
from partitions.keys import DATE, DIAGNOSTIC_TYPE
from repair_assets.recorded_days import recorded_days
from resources.checks import ROWS_ADD_UP
from training_assets.training_mixture import WINDOW

TYPES = ("F811", "F821", "syntax")
DATE_AND_TYPE = dg.MultiPartitionsDefinition(
    {DATE: DATES, DIAGNOSTIC_TYPE: dg.StaticPartitionsDefinition(TYPES)}
)
DIAGNOSTICS = ("error_states", "synthesized_diffs", "repair_examples")
"""Stages of a type, in one run."""
FEEDBACK = ("fix_acceptance", "preference_pairs")
LEFT_OUT = ("reproduced_diagnostics", "repair_candidates", "verified_diffs", *FEEDBACK)
CHECKED = ("repair_examples", "daily_examples")
"""Whose blocking check is evaluated here: those that a fan-in reads. Each check costs the test time."""
BENCHMARKS = ("workspace_benchmark", "leetcode_benchmark")
QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Breaks = Callable[[str, str], str | None]
"""(asset, key) -> None; or how it breaks: `fails`, or `loses rows`, which its blocking check stops."""

Place = tuple[str, str]


class World:
    """A deployment whose clock is turned by hand: data arrive, ticks ask, runs follow at once."""

    def __init__(self) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.recorded: dict[str, dict[str, int]] = {}
        """Date -> type -> how much was recorded."""
        self.made: dict[Place, str] = {}
        self.breaks: Breaks = lambda *_: None
        self._cursor: Any = None
        for name in BENCHMARKS:
            for diagnostic_type in TYPES:
                self.report(name, diagnostic_type, "release 1")

    def arrives(self, date: str, **published: int) -> None:
        """Data of a date, also of one that has some: the numbers stand in the place of those before."""
        self.recorded[date] = published
        self.report(recorded_days.key.path[-1], date, str(sorted(published.items())))

    def ask(self, now: datetime) -> dict[str, set[str]]:
        """One tick of the automation: the partitions that it asks for, by asset."""
        found = dg.evaluate_automation_conditions(
            self.defs, self.instance, evaluation_time=now, cursor=self._cursor
        )
        self._cursor = found.cursor
        return {
            key.path[-1]: {str(partition) for partition in found.get_requested_partitions(key)}
            for key in self.defs.resolve_asset_graph().get_all_asset_keys()
            if found.get_num_requested(key)
        }

    def run(self, partition: str, assets: Iterable[str]) -> None:
        """One run of a partition, to its end."""
        self.job.execute_in_process(
            instance=self.instance,
            partition_key=_key(partition),
            asset_selection=[dg.AssetKey(name) for name in assets],
            run_config=QUIET,
            raise_on_error=False,
        )

    def start(self, partition: str, assets: Iterable[str]) -> dg.DagsterRun:
        """A run that is at work and comes to no end."""
        selected = frozenset(dg.AssetKey(name) for name in assets)
        return self.instance.create_run_for_job(
            job_def=self.job.get_subset(asset_selection=selected),
            asset_selection=selected,
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": partition},
        )

    def tick(self, now: datetime) -> dict[str, set[str]]:
        """What a tick asks for; its runs follow at once, one for each partition."""
        asked = self.ask(now)
        runs: dict[str, list[str]] = {}
        for name, partitions in asked.items():
            for partition in sorted(partitions):
                runs.setdefault(partition, []).append(name)
        for partition, assets in runs.items():
            self.run(partition, assets)
        return asked

    def until_quiet(self, now: datetime, ticks: int = 12) -> dict[str, set[str]]:
        """Ticks until nothing is asked for; all that was, each partition once."""
        total: dict[str, set[str]] = {}
        for _ in range(ticks):
            asked = self.tick(now)
            if not asked:
                return total
            for name, partitions in asked.items():
                twice = total.setdefault(name, set()) & partitions
                assert not twice, f"{name} was asked for twice: {twice}"
                total[name] |= partitions
        raise AssertionError(f"not quiet after {ticks} ticks: {total}")

    def content(self, asset: str, key: str) -> str:
        """The version of what a body makes of the versions of its inputs, as they are now."""
        date, _, diagnostic_type = key.partition("|")
        if asset == "session_events":
            return str(sorted(self.recorded[date].items()))
        if asset == "error_states":
            return f"{date} {diagnostic_type} {self.recorded[date].get(diagnostic_type, 0)}"
        read = [self.made[place] for place in self.inputs(asset, date, diagnostic_type)]
        return hashlib.sha256("\n".join([asset, key, *read]).encode()).hexdigest()

    def inputs(self, asset: str, date: str, diagnostic_type: str) -> list[Place]:
        """What is read of the stages before; of a window only what is there."""
        if asset in DIAGNOSTICS:
            before = DIAGNOSTICS[DIAGNOSTICS.index(asset) - 1]
            return [(before, f"{date}|{diagnostic_type}")]
        if asset == "training_mixture":
            days = [("daily_examples", day) for day in last_dates(date, WINDOW)]
            return [place for place in days if place in self.made]
        if asset in ("daily_examples", "scorecard"):
            parts = "repair_examples" if asset == "daily_examples" else "eval_results"
            return [(parts, f"{date}|{name}") for name in TYPES]
        before = {
            "checkpoint": "training_mixture",
            "predictions": "checkpoint",
            "model_calibration": "checkpoint",
            "eval_results": "predictions",
        }
        return [(before[asset], date)]

    @cached_property
    def assets(self) -> dict[str, dg.AssetsDefinition | dg.AssetSpec]:
        """Fakes of the automated assets by name, and the outer ones that they depend on."""
        specs = {spec.key.path[-1]: spec for spec in real.resolve_all_asset_specs()}
        for before, name in pairwise(DIAGNOSTICS):
            specs[name] = specs[name].replace_attributes(deps=[before])
        automated = {name for name, spec in specs.items() if spec.automation_condition}
        single = sorted(automated.difference(DIAGNOSTICS, LEFT_OUT))
        of_type = dg.StaticPartitionsDefinition(TYPES)
        outer = {name: specs[name].replace_attributes(partitions_def=of_type) for name in BENCHMARKS}
        return {
            recorded_days.key.path[-1]: recorded_days,
            **{name: spec.replace_attributes(deps=[]) for name, spec in outer.items()},
            **{name: self._fake(name, [specs[name]]) for name in single},
            "diagnostics": self._fake("diagnostics", [specs[name] for name in DIAGNOSTICS]),
        }

    @cached_property
    def defs(self) -> dg.Definitions:
        return dg.Definitions(assets=list(self.assets.values()), executor=dg.in_process_executor)

    @cached_property
    def job(self) -> dg.JobDefinition:
        return self.defs.resolve_implicit_global_asset_job_def()

    def _fake(self, name: str, specs: Sequence[dg.AssetSpec]) -> dg.AssetsDefinition:
        """The assets of one run as one step, which is fast; a failure leaves out what is after it."""
        of_type = isinstance(specs[0].partitions_def, dg.MultiPartitionsDefinition)
        partitions = DATE_AND_TYPE if of_type else DATES

        @dg.multi_asset(
            name=name,
            specs=[spec.replace_attributes(partitions_def=partitions, skippable=True) for spec in specs],
            check_specs=[
                dg.AssetCheckSpec(ROWS_ADD_UP, asset=spec.key, blocking=True, partitions_def=partitions)
                for spec in specs
                if spec.key.path[-1] in CHECKED
            ],
            can_subset=True,
        )
        def body(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
            selected = [spec.key for spec in specs if spec.key in context.selected_asset_keys]
            for asset in selected:
                yield from self._body(asset.path[-1], str(context.partition_key))

        return body

    def _body(self, name: str, key: str) -> Iterator[dg.MaterializeResult]:
        broken = self.breaks(name, key)
        failure = dg.Failure(f"{name}[{key}] was told to break: {broken}", allow_retries=False)
        if broken == "fails":
            raise failure
        self.made[name, key] = self.content(name, key)
        yield dg.MaterializeResult(
            asset_key=name,
            data_version=dg.DataVersion(self.made[name, key]),
            check_results=[
                dg.AssetCheckResult(asset_key=checked, check_name=ROWS_ADD_UP, passed=broken is None)
                for checked in CHECKED
                if checked == name
            ],
        )
        if broken:
            raise failure

    def report(self, name: str, partition: str, version: str) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(name, partition=partition, tags={"dagster/data_version": version})
        )


def _key(partition: str) -> str | dg.MultiPartitionKey:
    date, _, diagnostic_type = partition.partition("|")
    if not diagnostic_type:
        return partition
    return dg.MultiPartitionKey({DATE: date, DIAGNOSTIC_TYPE: diagnostic_type})
