"""Forgetting: nothing of the project is left, nothing of others is lost, and a killed run is finished."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.dataset.mixture import MIXTURE
from repair.erasure.forget import Erasure, forget, named_manifests
from repair.errors import InputError
from repair.evaluation.benchmark import PREDICTIONS
from repair.execution.staleness import staleness
from repair.recording.event import Project
from repair.recording.event_totals import EventTotals
from repair.recording.reader import Recording
from repair.recording.row_ranges import PROJECT_ROWS_TABLE, PROJECTS_TABLE, RowRanges
from repair.recording.writer import RecordingWriter
from repair.schema.events import DECIDED_PROJECTS, EVENTS, project_digest
from repair.schema.outcomes import REJECTS
from repair.schema.stages import FILES
from repair.store.forgotten import forgotten_projects
from repair.store.manifest import FORGOTTEN, fingerprint
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.synthesis.lm.response_cache import Answer, ResponseCache
from repair.training.accounting import TRAINED
from tests.gcs import gcs_bucket  # noqa: F401
from tests.recorded import NOON, Typist

DAY, TYPE = {"date": "2024-05-01"}, {"date": "2024-05-01", "diagnostic_type": "F821"}
AT = datetime(2026, 1, 5, tzinfo=UTC)
PROJECTS = ("turtles", "snakes")
SHARED = "import os\n"
ROWS = pa.schema(
    [("diagnostic_id", pa.string()), ("project_id", pa.string()), ("files", FILES), ("answer", pa.string())]
)
EXAMPLES = pa.schema([("example_id", pa.string()), ("project_id", pa.string()), ("files", FILES)])
SAMPLES = pa.schema([("sample_id", pa.string()), ("project_id", pa.string()), ("files", FILES)])


def own_text(project: str) -> str:
    return f"name = '{project}'\n"


def files(project: str) -> list[dict[str, str]]:
    return [{"path": "a.py", "text": own_text(project)}, {"path": "b.py", "text": SHARED}]


def rows(schema: pa.Schema, **columns: Callable[[str], Any]) -> pa.Table:
    """One row for each project."""
    return pa.Table.from_pylist(
        [{name: column(project) for name, column in columns.items()} for project in PROJECTS], schema=schema
    )


def write(
    store: PartitionStore,
    asset: str,
    partition: dict[str, str],
    work: Callable[[PartitionWriter], None],
    *inputs: str,
    rows_in: int,
    frozen: bool = False,
    **extra: Any,
) -> None:
    manifests = named_manifests(store)
    parts: dict[str, Any] = {
        "inputs": {name: manifests[name].data_version for name in inputs},
        "configuration": {},
        "versions": {},
        "definitions": "" if frozen else "0" * 64,
    }
    with store.writer(asset, partition) as writer:
        work(writer)
        writer.commit(fingerprint=fingerprint(**parts), rows_in=rows_in, extra=extra, **parts)


def events_of(writer: PartitionWriter, recording: Recording) -> None:
    ranges, totals = RowRanges(), EventTotals()
    writer.declare(EVENTS)
    midnight = NOON.replace(hour=0)
    for batch in recording.events_by_project(midnight, midnight.replace(day=2)):
        writer.write("data", batch)
        ranges.record(batch)
        totals.add(batch)
    decided = [{**row, "purposes": []} for row in recording.projects().to_pylist()]
    writer.write(PROJECTS_TABLE, pa.Table.from_pylist(decided, schema=DECIDED_PROJECTS))
    writer.write(PROJECT_ROWS_TABLE, ranges.table())


def record(folder: Path) -> Path:
    with RecordingWriter(folder) as writer:
        for name in PROJECTS:
            writer.add_project(Project(name, "public", consent=True))
            writer.write_events(name, [Typist(name).types("a.py", own_text(name), NOON)])
    return folder


def reject(project: str) -> dict[str, Any]:
    row = {"diagnostic_id": f"r-{project}", "project_id": project, "message": f"of {project}"}
    return {**row, "reason": "stylistic", "rows": 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording, a store with every kind of partition, and a response cache."""
    folder = tmp_path_factory.mktemp("made")
    recording = Recording(record(folder / "recording"))
    store = PartitionStore(str(folder / "store"))
    count = recording.count(NOON.replace(hour=0), NOON.replace(day=2, hour=0))
    write(store, "session_events", DAY, lambda writer: events_of(writer, recording), rows_in=count, codes={})

    def states(writer: PartitionWriter) -> None:
        writer.write("data", rows(ROWS, diagnostic_id=lambda p: f"d-{p}", project_id=str, files=files,
                                  answer=lambda p: f"answer about {p}"))  # fmt: skip
        writer.write_rejects(pa.Table.from_pylist([reject(name) for name in PROJECTS], schema=REJECTS))

    told = [f"{name}/a.py at noon" for name in PROJECTS]
    write(store, "synthesized_diffs", TYPE, states, "session_events[2024-05-01]", rows_in=8, mismatches=told)
    examples = rows(EXAMPLES, example_id=lambda p: f"e-{p}", project_id=str, files=files)
    diffs = "synthesized_diffs[2024-05-01|F821]"
    write(store, "repair_examples", TYPE, lambda writer: writer.write("data", examples), diffs, rows_in=2)
    mixed = rows(
        MIXTURE,
        example_id=lambda p: f"e-{p}",
        project_id=str,
        date=lambda _: "2024-05-01",
        text_sha256=lambda p: hashlib.sha256(own_text(p).encode()).hexdigest(),
    )
    example = "repair_examples[2024-05-01|F821]"
    write(store, "training_mixture", DAY, lambda writer: writer.write("data", mixed), example, rows_in=2)
    (folder / "weights").mkdir()
    (folder / "weights" / "model.bin").write_bytes(b"weights")

    def trained(writer: PartitionWriter) -> None:
        writer.write("data", mixed.select(TRAINED.names))
        writer.write_tree(folder / "weights", "checkpoint")

    write(store, "checkpoint", DAY, trained, "training_mixture[2024-05-01]", rows_in=2)

    def released(writer: PartitionWriter) -> None:
        writer.write_tree(folder / "weights", "checkpoint")

    write(
        store, "model_releases", {"version": "1"}, released, "checkpoint[2024-05-01]", rows_in=0, frozen=True
    )
    samples = rows(SAMPLES, sample_id=lambda p: f"e-{p}", project_id=str, files=files)
    frozen = {"diagnostic_type": "F821"}
    write(store, "workspace_benchmark", frozen, lambda w: w.write("data", samples), rows_in=2, frozen=True)
    answered = rows(PREDICTIONS, sample_id=lambda p: f"e-{p}", prompt=own_text, answer=lambda p: f"seen {p}")
    sources = ("workspace_benchmark[F821]", "checkpoint[2024-05-01]")
    write(store, "predictions", DAY, lambda w: w.write("data", answered), *sources, rows_in=2)

    def page(writer: PartitionWriter) -> None:
        writer.write("data", pa.table({"n": [1]}))
        writer.write_bytes("page.html", b"<p>turtles</p>")

    def report(writer: PartitionWriter) -> None:
        writer.write_bytes("report.html", b"<p>two-sum</p>")
        writer.write("data", pa.table({"n": [1]}))

    write(store, "scorecard", DAY, page, "predictions[2024-05-01]", "checkpoint[2024-05-01]", rows_in=1)
    write(store, "judge_calibration", {}, report, rows_in=1)  # of published problems alone
    with ResponseCache(folder / "answers.sqlite") as cache:
        for name in PROJECTS:
            cache.put(name, "model", Answer(f"answer about {name}", 1, 1, 0.1))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def run(folder: Path, **options: Any) -> Erasure:
    return forget(
        ["turtles"],
        PartitionStore(str(folder / "store")),
        recording=str(folder / "recording"),
        answers=folder / "answers.sqlite",
        now=AT,
        **options,
    )


def state(folder: Path) -> dict[str, Any]:
    """What is there, without the names that are drawn by chance."""
    store = PartitionStore(str(folder / "store"))
    found: dict[str, Any] = {}
    for name, manifest in named_manifests(store).items():
        tables = {
            stored.name: store.table(manifest.asset, manifest.partition, stored.name).to_pylist()
            if stored.rows is not None
            else store.read_bytes(manifest.asset, manifest.partition, stored.name)
            for stored in manifest.files
        }
        found[name] = (manifest.rows_in, manifest.rejects, manifest.extra, manifest.fingerprint, tables)
    recording = Recording(folder / "recording")
    midnight = NOON.replace(hour=0)
    found["recorded"] = [
        batch.to_pylist() for batch in recording.events_by_project(midnight, midnight.replace(day=2))
    ]
    found["projects"] = recording.projects().to_pylist()
    found["forgotten"] = forgotten_projects(store)
    found["left over"] = sorted(path.name for path in (folder / "store").glob("_forgotten/texts-*"))
    for partition in ({}, DAY):
        table = store.texts(partition)
        found[f"texts {partition}"] = sorted(text for path in table.files() for text in table.hashes(path))
    with ResponseCache(folder / "answers.sqlite") as cache:
        found["answers"] = [cache.get(name) for name in PROJECTS]
    return found


def test_nothing_of_the_project_is_left_and_nothing_of_others_is_lost(folder: Path) -> None:
    result = run(folder)
    store = PartitionStore(str(folder / "store"))
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".html"):
            assert b"turtles" not in path.read_bytes(), path
    after = state(folder)
    assert "'turtles'" not in str({name: value for name, value in after.items() if name != "forgotten"})
    assert (
        "about turtles" not in str(after)
        and "seen turtles" not in str(after)
        and "of turtles" not in str(after)
    )
    for manifest in named_manifests(store).values():
        assert manifest.adds_up, manifest
        store.check(manifest)
    diffs = after["synthesized_diffs[2024-05-01|F821]"]
    assert diffs[:2] == (4, {"stylistic": 3})
    assert diffs[2] == {"mismatches": ["snakes/a.py at noon"], FORGOTTEN: 2}
    assert [row["project_id"] for row in diffs[4]["data"]] == ["snakes"]
    assert diffs[4]["data"][0]["files"] == files("snakes")
    (record,) = after["session_events[2024-05-01]"][4][PROJECTS_TABLE]
    (place,) = after["session_events[2024-05-01]"][4][PROJECT_ROWS_TABLE]
    assert (record["project_id"], place["project_id"], place["start"]) == ("snakes", "snakes", 0)
    assert [row["project_id"] for row in after["projects"]] == ["snakes"]
    assert after["answers"] == [None, Answer("answer about snakes", 1, 1, 0.1)]
    assert after["forgotten"] == {project_digest("turtles"): AT}
    assert result.recorded_rows == 4 and result.answers == 1


def test_what_it_was_made_of_is_named(folder: Path) -> None:
    result = run(folder)
    assert result.removed == ["scorecard[2024-05-01]"]
    assert result.models == ["checkpoint[2024-05-01]", "model_releases[1]"]
    store = PartitionStore(str(folder / "store"))
    assert store.read_bytes("checkpoint", DAY, "checkpoint/model.bin") == b"weights"
    assert store.read_bytes("judge_calibration", {}, "report.html") == b"<p>two-sum</p>"
    causes = {
        found.name: [cause.detail for cause in found.causes if cause.kind == "forgotten"]
        for found in staleness(store)
    }
    forgotten = "1 rows that it had or learned from were forgotten since"
    for asset in ("training_mixture[2024-05-01]", "checkpoint[2024-05-01]", "predictions[2024-05-01]"):
        assert causes[asset] == [forgotten]
    assert causes["workspace_benchmark[F821]"] == [], "it is frozen: its other samples stay"
    assert run(folder).models == result.models, "they are still told"


def test_a_second_run_changes_nothing(folder: Path) -> None:
    run(folder)
    before = state(folder)
    again = run(folder)
    assert (again.rows, again.removed, again.recorded_rows, again.answers) == ({}, [], 0, 0)
    assert state(folder) == before


def test_a_dry_run_tells_and_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    told = run(folder, dry_run=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    done = run(folder)
    assert (told.rows, told.removed, told.models, told.recorded_rows) == (
        *(done.rows, done.removed, done.models, done.recorded_rows),
    )


def test_whatever_step_ends_it_the_next_run_ends_in_the_same_state(made: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(made, tmp_path / "whole")
    steps: list[str] = []
    run(whole, done=steps.append)
    expected = state(whole)
    assert len(steps) > 10
    for number in range(0, len(steps), 2):
        folder = shutil.copytree(made, tmp_path / str(number))
        left = iter(range(number))

        def stop(_: str, left: Any = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(folder, done=stop)
        run(folder)
        assert state(folder) == expected, f"ended after {steps[number]}"


KILLED = """
import os, signal, sys
from pathlib import Path
from repair.erasure.forget import forget
from repair.store.reader import PartitionStore

def kill(step):
    if step.startswith("predictions"):
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
store = PartitionStore(str(folder / "store"))
forget(["turtles"], store, recording=str(folder / "recording"), answers=folder / "answers.sqlite", done=kill)
"""


def test_a_killed_process_is_finished_by_the_command(folder: Path, made: Path, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    places = ("--store", "store", "--recording", "recording", "--answers", "answers.sqlite")
    arguments = [name if name.startswith("--") else str(folder / name) for name in places]
    told = CliRunner().invoke(main, ["forget", "turtles", *arguments])
    assert told.exit_code == 0, told.output
    assert "would be removed" in told.stderr
    done = CliRunner().invoke(main, ["forget", "turtles", *arguments, "--delete"])
    assert "checkpoint[2024-05-01]: learned from them" in done.stdout
    other = shutil.copytree(made, tmp_path / "other")
    run(other)
    after, expected = state(folder), state(other)
    assert after.pop("forgotten").keys() == expected.pop("forgotten").keys()
    assert after == expected


def everything(folder: Path) -> str:
    """What a reader of the files finds, named by a manifest or not; tombstones name nobody."""
    tables = [pq.ParquetFile(path).read().to_pylist() for path in folder.rglob("*.parquet")]
    others = [path.read_text() for path in folder.rglob("*") if path.suffix in (".json", ".html")]
    return str([tables, others])


def test_a_bucket_ends_as_a_folder_does(
    made: Path,
    folder: Path,
    tmp_path: Path,
    gcs_bucket: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    bucket, uri = fsspec.filesystem("gs", use_listings_cache=False), f"{gcs_bucket}/forget"
    answers = shutil.copy(made / "answers.sqlite", tmp_path)
    for name in ("store", "recording"):
        bucket.put(str(made / name), f"{uri}/{name}", recursive=True)

    def call() -> str:
        places = ["--store", f"{uri}/store", "--recording", f"{uri}/recording", "--answers", str(answers)]
        done = CliRunner().invoke(main, ["forget", "turtles", *places, "--delete"])
        assert done.exit_code == 0, done.output
        return done.output

    done = call()
    assert "checkpoint[2024-05-01]: learned from them" in done
    assert "scorecard[2024-05-01]: as a whole, to be made again" in done
    assert "4 recorded rows, 1 cached answers" in done
    assert "0 rows of 0 partitions, 0 recorded rows, 0 cached answers" in call()
    back = tmp_path / "back"
    bucket.get(uri, str(back), recursive=True)
    shutil.copy(answers, back)
    run(folder)
    after, expected = state(back), state(folder)
    assert after.pop("forgotten").keys() == expected.pop("forgotten").keys()
    assert after == expected
    assert "turtles" in everything(made)
    for place in (back, folder):
        assert "turtles" not in everything(place)
        assert "snakes" in everything(place)


def test_what_is_no_recording_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="is no recording"):
        forget(["turtles"], PartitionStore(str(folder / "store")), recording=str(folder / "weights"))
    assert json.loads((folder / "store" / "checkpoint/date=2024-05-01/manifest.json").read_text())
