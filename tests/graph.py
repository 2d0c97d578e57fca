"""The asset graph over a folder: real stages, stores and language servers, recordings made by hand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from partitions.keys import Key
from repair.recording.event import Event, Project
from repair.recording.writer import RecordingWriter
from repair.schema.events import EventKind
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair_assets.error_states import error_states
from repair_assets.repair_candidates import repair_candidates
from repair_assets.repair_examples import repair_examples
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from repair_assets.session_events import session_events
from repair_assets.synthesized_diffs import synthesized_diffs
from repair_assets.verified_diffs import verified_diffs
from resources.benchmark_data import BenchmarkDataResource
from resources.engine import EngineResource
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.recordings import RecordingsResource
from resources.store import StoreResource
from resources.trainer import TrainerResource
from tests.recorded import Typist

DAY = "2026-01-05"
MORNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
DIAGNOSTICS = (
    error_states,
    reproduced_diagnostics,
    repair_candidates,
    synthesized_diffs,
    verified_diffs,
    repair_examples,
)
STAGES = tuple(asset.key.path[-1] for asset in DIAGNOSTICS)
# The tests of a process share these: starting them costs far more than checking.
LANGUAGE_SERVERS = LanguageServersResource(workers=1, cache="")
QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def published(text: str, code: str, message: str, fragment: str) -> dict[str, Any]:
    """A published diagnostic at the first occurrence of `fragment`, all of it ASCII, in `text`."""
    before, found, _ = text.partition(fragment)
    assert found, fragment
    line, character = before.count("\n"), len(before) - before.rfind("\n") - 1
    return {
        "code": code,
        "message": message,
        "severity": "error",
        "start_line": line,
        "start_character": character,
        "end_line": line,
        "end_character": character + len(fragment),
        "code_action": None,
    }


def undefined(text: str, name: str) -> dict[str, Any]:
    """What ruff says where `name` first stands in `text`."""
    return published(text, "ruff[F821]", f"Undefined name `{name}`", name)


class Session:
    """What is recorded of one project: a clock, a typist and what the servers published."""

    def __init__(self, project_id: str, start: datetime = MORNING, **project: Any) -> None:
        known = {"visibility": "public", "language": "python", "licence": "MIT", "consent": True}
        self.project = Project(project_id, **{**known, **project})
        self.now = start
        self.events: list[Event] = []
        self.typist = Typist(project_id)

    def edits(self, path: str, text: str, *, after: float = 60, **wrong: Any) -> None:
        """One packet that turns the file into `text`; `wrong` replaces fields of the packet."""
        self._passes(after)
        self.events.append(self.typist.types(path, text, self.now, **wrong))

    def sends(self, path: str, packet: bytes, *, after: float = 60) -> None:
        """A packet as it is."""
        self.happens(EventKind.OT, path=path, packet=packet, after=after)

    def publishes(self, path: str, *diagnostics: Mapping[str, Any], after: float = 4) -> None:
        self.happens(EventKind.DIAGNOSTICS, path=path, diagnostics=diagnostics, after=after)

    def happens(self, kind: EventKind, *, after: float = 60, **columns: Any) -> None:
        self._passes(after)
        self.events.append(self.typist.event(kind, self.now, **columns))

    def errs_and_repairs(self, path: str, broken: str, repaired: str, *shown: Mapping[str, Any]) -> None:
        """An episode: the error stands for a minute, then the user repairs it."""
        self.edits(path, broken)
        self.publishes(path, *shown)
        self.edits(path, repaired)
        self.publishes(path)

    def _passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def misspelt(number: int) -> tuple[str, str, dict[str, Any]]:
    """Broken text, repaired text and diagnostic; different numbers are no near-duplicates."""
    text = (
        f"def area_{number}(width_{number}, height_{number}):\n"
        f"    return width_{number} * height_{number}\n\n\n"
        f"print(area_{number}({number}, {number + 1}))\n"
    )
    broken = text.replace(f"return width_{number}", f"return widht_{number}")
    return broken, text, undefined(broken, f"widht_{number}")


def typing_errors(project_id: str, numbers: Iterable[int], start: datetime = MORNING) -> Session:
    """A project with a file for each number, in which one misspelt name is repaired."""
    session = Session(project_id, start)
    for number in numbers:
        broken, repaired, shown = misspelt(number)
        session.errs_and_repairs(f"area_{number}.py", broken, repaired, shown)
    return session


def record(folder: Path, sessions: Iterable[Session]) -> Path:
    """The recording of these sessions in `folder`, with its midnight snapshots."""
    with RecordingWriter(folder) as writer:
        for session in sessions:
            writer.add_project(session.project)
            writer.write_events(session.project.project_id, session.events)
    return folder


class House:
    """A deployment in a folder, whose recording is at `folder/recording`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = PartitionStore(str(folder / "store"))
        self.instance = dg.DagsterInstance.ephemeral()

    @cached_property
    def resources(self) -> dict[str, Any]:
        return {
            "store": StoreResource(base_uri=self.store.base_uri),
            "recordings": RecordingsResource(uri=str(self.folder / "recording")),
            "engine": EngineResource(),
            "language_servers": LANGUAGE_SERVERS,
            "language_model": LanguageModelResource(answers=str(self.folder / "answers.sqlite")),
            "trainer": TrainerResource(recipe="tiny", answers=str(self.folder / "decoded")),
            "benchmark_data": BenchmarkDataResource(),
        }

    def run(
        self,
        assets: Sequence[dg.AssetsDefinition],
        key: Key,
        *,
        config: Mapping[str, Any] | None = None,
        raise_on_error: bool = True,
    ) -> dg.ExecuteInProcessResult:
        """One run of one partition of `assets`; `config` by asset."""
        ops = {name: {"config": values} for name, values in (config or {}).items()}
        return dg.materialize(
            assets,
            instance=self.instance,
            partition_key=key.dagster(),
            resources=self.resources,
            run_config={**QUIET, "ops": ops},
            raise_on_error=raise_on_error,
        )

    def events(self, day: str = DAY) -> Manifest:
        """Materialize the day's events."""
        self.run([session_events], Key(day))
        return self.manifest("session_events", Key(day))

    def diagnostics(self, diagnostic_type: str, day: str = DAY, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize all stages of one type, from the day's stored events."""
        return self.run(DIAGNOSTICS, Key(day, diagnostic_type), **options)

    def manifest(self, asset: str, key: Key) -> Manifest:
        """What is stored; every stored partition must add up."""
        manifest = self.store.manifest(asset, key.segments())
        assert manifest is not None, f"{asset}[{key}] is not stored"
        assert manifest.adds_up, f"{asset}[{key}]: {manifest}"
        return manifest

    def rows(self, asset: str, key: Key, name: str = "data") -> list[dict[str, Any]]:
        return self.store.table(asset, key.segments(), name).to_pylist()

    def rejects(self, asset: str, key: Key) -> dict[tuple[str, str], int]:
        """(path, reason) -> rows of the rejects table."""
        found: dict[tuple[str, str], int] = {}
        for row in self.rows(asset, key, "rejects"):
            place = (row["path"], row["reason"])
            found[place] = found.get(place, 0) + row["rows"]
        return found


def reused(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Asset -> whether its stored result was returned."""
    return {
        event.materialization.asset_key.path[-1]: bool(event.materialization.metadata["reused"].value)
        for event in result.get_asset_materialization_events()
    }


def check(result: dg.ExecuteInProcessResult, asset: str, name: str) -> dg.AssetCheckEvaluation:
    """The evaluation of one check of one asset."""
    (found,) = (
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == name and evaluation.asset_key == dg.AssetKey(asset)
    )
    return found


def failure(result: dg.ExecuteInProcessResult, asset: str) -> str:
    """What the failed step of `asset` says."""
    assert not result.success
    return str(result.failure_data_for_node(asset))
