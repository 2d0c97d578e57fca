"""Each cause of staleness alone, and what hangs on it; the command `repair stale`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.diagnostics import types
from repair.diagnostics.types import OTHER, TYPES, DiagnosticType, decisive_types, known_types
from repair.error_states.reproduction import reproduce
from repair.execution import staleness as module
from repair.execution.definitions import Definitions, definitions_of
from repair.execution.staleness import Cause, RunSettings, staleness
from repair.prompt.sentinels import PROMPT_VERSION
from repair.recording.reader import Recording
from repair.store.definition_records import record_definitions
from repair.store.manifest import Manifest, fingerprint
from repair.store.reader import PartitionStore

DAY = "2026-01-05"
EVENTS, STATES = f"session_events[{DAY}]", f"error_states[{DAY}|F821]"
TAIL, REPRODUCED = f"error_states[{DAY}|other]", f"reproduced_diagnostics[{DAY}|F821]"
ALL = (EVENTS, STATES, TAIL, REPRODUCED)
SERVERS = {name: version(name) for name in ("pyright", "ruff")}


def write(
    store: PartitionStore,
    name: str,
    inputs: Mapping[str, Manifest] | None = None,
    *,
    rows: int = 1,
    made_by: Definitions | None = None,
    **made_of: Any,
) -> Manifest:
    asset, _, key = name.removesuffix("]").partition("[")
    values = [] if key == "unpartitioned" else key.split("|")
    partition = dict(zip(("date", "diagnostic_type"), values, strict=False))
    made_by = made_by or definitions_of(reproduce)
    record_definitions(store, made_by.digest, asdict(made_by))
    parts: dict[str, Any] = {
        "inputs": {given: manifest.data_version for given, manifest in (inputs or {}).items()},
        "configuration": {},
        "versions": {},
        "definitions": made_by.digest,
        **made_of,
    }
    with store.writer(asset, partition) as writer:
        writer.write("data", pa.table({"row": list(range(rows))}))
        return writer.commit(fingerprint=fingerprint(**parts), rows_in=rows, **parts)


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    """Four partitions, all as they would be made now."""
    store = PartitionStore(str(tmp_path / "store"))
    known = known_types(date.fromisoformat(DAY))
    events = write(store, EVENTS, made_by=definitions_of(Recording), configuration={"recording": "a hash"})
    states = write(store, STATES, {EVENTS: events}, types=decisive_types("F821", known))
    write(store, TAIL, {EVENTS: events}, types=decisive_types(OTHER, known))
    versions = {**SERVERS, "prompt": PROMPT_VERSION, "environment": "none"}
    write(store, REPRODUCED, {STATES: states}, versions=versions)
    return store


def causes(store: PartitionStore) -> dict[str, list[str]]:
    return {
        found.name: [cause.detail for cause in found.causes] for found in staleness(store) if found.causes
    }


def test_nothing_changed(store: PartitionStore):
    assert causes(store) == {}
    assert sorted(found.name for found in staleness(store)) == sorted(ALL)
    not_compared = {found.name: found.not_compared for found in staleness(store)}
    assert not_compared == {
        EVENTS: ("configuration",),
        STATES: (),
        TAIL: (),
        REPRODUCED: ("environment",),
    }


def test_another_input_and_what_hangs_on_it(store: PartitionStore):
    write(store, EVENTS, rows=2, made_by=definitions_of(Recording))
    assert causes(store) == {
        STATES: [f"its input {EVENTS} changed"],
        TAIL: [f"its input {EVENTS} changed"],
        REPRODUCED: [f"its input {STATES} would be made again"],
    }


def test_an_input_that_is_gone(store: PartitionStore):
    manifest = Path(store.uri("error_states", {"date": DAY, "diagnostic_type": "F821"}), "manifest.json")
    manifest.unlink()
    assert causes(store) == {REPRODUCED: [f"its input {STATES} is gone"]}


@pytest.mark.parametrize("name", ["pyright", "ruff", "prompt"])
def test_another_version(store: PartitionStore, monkeypatch: pytest.MonkeyPatch, name: str):
    here = module._version
    monkeypatch.setattr(module, "_version", lambda asked: "99" if asked == name else here(asked))
    before = {**SERVERS, "prompt": PROMPT_VERSION}[name]
    assert causes(store) == {REPRODUCED: [f"{name} {before} made it, 99 is here"]}


def test_what_a_run_would_record_is_compared_where_the_caller_knows_it(store: PartitionStore):
    def recorded(manifest: Manifest) -> dict[str, str]:
        return {"recording": "another hash", "unknown": "1"} if manifest.asset == "session_events" else {}

    run = RunSettings(versions={"environment": "x" * 50, "ruff": "0.0"}, configuration=recorded)
    found = {stale.name: stale for stale in staleness(store, run=run)}
    assert found[EVENTS].causes == (Cause("configuration", "its recording is another one now"),)
    assert found[EVENTS].not_compared == ()
    assert found[STATES].causes == (Cause("upstream", f"its input {EVENTS} would be made again"),)
    assert {cause.detail for cause in found[REPRODUCED].causes if cause.kind == "version"} == {
        f"ruff {SERVERS['ruff']} made it, 0.0 is here",
        f"environment none made it, {'x' * 37}... is here",
    }


def test_of_some_dates_alone_and_the_inputs_of_others_are_known(store: PartitionStore):
    other = write(store, "daily_examples[2026-01-06]")
    write(store, "training_mixture[2026-01-07]", {"daily_examples[2026-01-06]": other})
    write(store, "few_shot_examples[unpartitioned]")
    found = {stale.name: stale.causes for stale in staleness(store, {"2026-01-07"})}
    assert found == {"training_mixture[2026-01-07]": (), "few_shot_examples[unpartitioned]": ()}


def test_a_promoted_type_concerns_the_tail_and_its_own_partition(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(types, "TYPES", (*TYPES, DiagnosticType("F402", since=date(2026, 1, 1))))
    assert causes(store) == {TAIL: ["the diagnostic type F402 is known now"]}
    monkeypatch.setattr(types, "TYPES", (*TYPES, DiagnosticType("F402", since=date(2026, 2, 1))))
    assert causes(store) == {}, "a later day's"
    monkeypatch.setattr(types, "TYPES", tuple(known for known in TYPES if known.name != "F821"))
    gone = "the diagnostic type F821 is not known any more"
    assert causes(store) == {
        STATES: [gone],
        TAIL: [gone],
        REPRODUCED: [f"its input {STATES} would be made again"],
    }


def test_a_changed_definition_is_named(store: PartitionStore, monkeypatch: pytest.MonkeyPatch):
    now = definitions_of(Recording)
    first, second, *rest = sorted(now.parts)
    parts = {name: now.parts[name] for name in (second, *rest)} | {second: "other", "repair.new:f": "new"}
    changed = replace(now, parts=parts)
    here = module._definitions
    monkeypatch.setattr(
        module, "_definitions", lambda roots, without: changed if roots == now.roots else here(roots, without)
    )
    found = causes(store)
    assert sorted(found[EVENTS]) == sorted([f"{first} is gone", f"{second} changed", "repair.new:f is new"])
    assert set(found) == set(ALL), "and all that hang on it"


def test_many_changed_definitions_are_counted(store: PartitionStore, monkeypatch: pytest.MonkeyPatch):
    now = definitions_of(Recording)
    changed = replace(now, parts=dict.fromkeys(now.parts, "other"))
    monkeypatch.setattr(module, "_definitions", lambda *_: changed)
    details = causes(store)[EVENTS]
    assert len(details) == module.MOST_NAMED + 1
    assert details[-1] == f"{len(now.parts) - module.MOST_NAMED} more definitions changed"


def test_a_function_that_is_not_there_any_more(store: PartitionStore):
    gone = Definitions({"repair.ot:gone": "0"}, ("repair.ot:gone",))
    write(store, "kept[unpartitioned]", made_by=gone)
    [(_, [detail])] = causes(store).items()
    assert detail == "repair.ot:gone names nothing with a source to take a digest of"


def test_code_that_is_not_recorded(store: PartitionStore, tmp_path: Path):
    for record in (tmp_path / "store" / "definitions").iterdir():
        record.unlink()
    unknown = Cause("definitions", "which code made it is not recorded")
    assert all(partition.causes[-1] == unknown for partition in staleness(store))


def test_a_partition_of_code_that_recorded_less_would_be_made_again(store: PartitionStore):
    with store.writer("older", {}) as writer:
        writer.write("data", pa.table({"row": [1]}))
        writer.commit(fingerprint="0123", inputs={}, versions={"code": "3"}, rows_in=1)
    assert causes(store) == {"older[unpartitioned]": ["which code made it is not recorded"]}


def test_what_is_frozen_has_no_code_that_decides_it(store: PartitionStore):
    parts: dict[str, Any] = {"inputs": {}, "configuration": {"release": 1}, "versions": {}}
    with store.writer("frozen", {}) as writer:
        writer.write("data", pa.table({"row": [1]}))
        writer.commit(fingerprint=fingerprint(**parts), rows_in=1, **parts)
    assert causes(store) == {}


def test_the_command_lists_what_would_be_made_again(store: PartitionStore):
    write(store, EVENTS, rows=2, made_by=definitions_of(Recording))
    done = CliRunner().invoke(main, ["stale", store.base_uri])
    assert done.exit_code == 0, done.output
    assert f"{TAIL}: its input {EVENTS} changed\n" in done.stdout
    assert "3 of 4 partitions would be made again" in done.stderr
    assert "only a run knows: environment" in done.stderr
    done = CliRunner().invoke(main, ["stale", store.base_uri, "--format", "json"])
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(found) == set(ALL)
    assert found[TAIL]["causes"] == [{"kind": "input", "detail": f"its input {EVENTS} changed"}]
    assert found[EVENTS]["causes"] == []


def test_a_store_that_is_not_there_has_nothing_to_make_again(tmp_path: Path):
    done = CliRunner().invoke(main, ["stale", str(tmp_path / "nothing")])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "0 of 0 partitions" in done.stderr
