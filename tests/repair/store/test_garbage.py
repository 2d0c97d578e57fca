"""Garbage collection: what no manifest names goes in time, and every manifest's files read back equal."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.cli import main
from repair.dataset.mixture import MIXTURE
from repair.errors import StoreError
from repair.schema.stages import FILES
from repair.store.definition_records import record_definitions
from repair.store.garbage import Garbage, collect
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from tests.gcs import gcs_bucket  # noqa: F401

ROWS = pa.schema([("files", FILES)])
GRACE = timedelta(hours=24)
DATES = ("2026-01-05", "2026-01-06")


def table(texts: list[int]) -> pa.Table:
    rows = [{"files": [{"path": "a.py", "text": f"x = {text}\n"}]} for text in texts]
    return pa.Table.from_pylist(rows, schema=ROWS)


def commit(writer: PartitionWriter, rows: int, definitions: str = "") -> Manifest:
    return writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=rows, definitions=definitions)


def write(store: PartitionStore, texts: list[int], date: str = DATES[0], asset: str = "stage") -> Manifest:
    with store.writer(asset, {"date": date}) as writer:
        writer.write("data", table(texts))
        return commit(writer, len(texts))


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def stored_texts(store: PartitionStore, date: str) -> set[str]:
    texts = store.texts({"date": date})
    return {text for path in (*texts.files(), *texts.files_aside()) for text in texts.hashes(path)}


def in_a_folder(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("tmp_path") / "store")


def in_a_bucket(request: pytest.FixtureRequest) -> str:
    return f"{request.getfixturevalue('gcs_bucket')}/garbage/{request.getfixturevalue('tmp_path').name}"


@pytest.fixture(params=[in_a_folder, in_a_bucket], ids=["folder", "bucket"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PartitionStore:
    make: Callable[[pytest.FixtureRequest], str] = request.param
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    return PartitionStore(make(request))


def names(found: list[Garbage]) -> list[str]:
    return [item.path.rpartition("/")[2].partition("-")[0] for item in found]


def test_what_a_killed_writer_left_goes_once_it_is_old(store: PartitionStore) -> None:
    kept = write(store, [1, 2])
    dead = store.writer("stage", {"date": DATES[0]})
    dead.write_bytes("page.html", b"left behind")
    fs, root = store.locate("_staging", {})
    fs.makedirs(f"{root}/token", exist_ok=True)
    fs.pipe_file(f"{root}/token/0-{16 * 'a'}.arrows", b"staged")
    record_definitions(store, "0" * 64, {})
    fs.pipe_file(f"{store.locate('stage', {})[1]}/notes.txt", b"not of a writer")
    assert list(collect(store, dry_run=False, grace=GRACE)) == [], "all of it is young"
    told = list(collect(store, dry_run=True, grace=GRACE, now=later(2)))
    assert sorted(names(told)) == sorted(["page", "0", "0" * 64 + ".json"])
    assert [item.bytes for item in told if item.path.endswith(".html")] == [11]
    assert list(collect(store, dry_run=False, grace=GRACE, now=later(2))) == told
    assert list(collect(store, dry_run=False, grace=GRACE, now=later(2))) == []
    store.check(kept)
    assert fs.exists(f"{store.locate('stage', {})[1]}/notes.txt")


def test_texts_that_no_row_names_are_set_aside_and_go_later(store: PartitionStore) -> None:
    write(store, [1, 2, 3])
    kept = write(store, [2])
    (first,) = collect(store, dry_run=False, grace=GRACE, now=later(2))
    assert "2 of its 3 texts" in first.why and first.bytes == 12
    assert len(stored_texts(store, DATES[0])) == 3, "they are only aside"
    store.check(kept)
    assert list(collect(store, dry_run=False, grace=GRACE, now=later(0))) == [], "for as long again"
    (second,) = collect(store, dry_run=False, grace=GRACE, now=later(2))
    assert "set aside" in second.why
    assert len(stored_texts(store, DATES[0])) == 1
    assert store.table("stage", {"date": DATES[0]}).equals(table([2]))


def test_a_mixture_keeps_the_texts_of_its_days(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    write(store, [1])
    (text,) = stored_texts(store, DATES[0])
    row = {**dict.fromkeys(MIXTURE.names), "date": DATES[0], "text_sha256": text}
    with store.writer("training_mixture", {"date": DATES[1]}) as writer:
        writer.write("data", pa.Table.from_pylist([row], schema=MIXTURE))
        commit(writer, 1)
    write(store, [])
    assert list(collect(store, dry_run=False, grace=GRACE, now=later(2))) == []
    assert stored_texts(store, DATES[0]) == {text}


def test_code_that_made_a_partition_stays_on_record(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    record_definitions(store, "a" * 64, {})
    with store.writer("stage", {}) as writer:
        writer.write("data", table([1]))
        commit(writer, 1, "a" * 64)
    assert list(collect(store, dry_run=False, grace=GRACE, now=later(2))) == []


def test_nothing_goes_where_a_manifest_can_not_be_read(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    write(store, [1])
    write(store, [2])
    manifest = next(tmp_path.rglob("manifest.json"))
    manifest.write_text("{")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match="is no manifest"):
        list(collect(store, dry_run=False, grace=GRACE, now=later(2)))
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_tells_and_removes(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    write(store, [1])
    store.writer("stage", {"date": DATES[0]}).write_bytes("page.html", b"12345")
    for path in tmp_path.rglob("*.html"):
        os.utime(path, (0, 0))
    told = CliRunner().invoke(main, ["garbage", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert ".html: 5 bytes, no manifest names it" in told.stdout
    assert "1 files, 5 bytes would go" in told.stderr
    assert list(tmp_path.rglob("*.html"))
    done = CliRunner().invoke(main, ["garbage", str(tmp_path), "--delete"])
    assert "1 files, 5 bytes removed" in done.stderr
    assert not list(tmp_path.rglob("*.html"))


class House:
    """A store with a clock of its own: what is written has its time, whatever the machine's is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = PartitionStore(str(folder))
        self.now = datetime.now(UTC)
        self.committed: dict[tuple[str, str], list[int]] = {}
        self.writers: list[tuple[datetime, tuple[str, str], list[int], PartitionWriter]] = []
        self._known: dict[Path, int] = {}

    def begin(self, asset: str, date: str, texts: list[int]) -> None:
        writer = self.store.writer(asset, {"date": date})
        writer.write("data", table(texts))
        self.writers.append((self.now, (asset, date), texts, writer))

    def end(self, number: int, *, killed: bool) -> None:
        if self.writers:
            _, place, texts, writer = self.writers.pop(number % len(self.writers))
            if not killed:
                commit(writer, len(texts))
                self.committed[place] = texts

    def passes(self, graces: float) -> None:
        """Time: a writer that is at work for longer than the grace period is killed."""
        self.now += GRACE * graces
        self.writers = [writer for writer in self.writers if self.now - writer[0] < GRACE]

    def collect(self) -> None:
        list(collect(self.store, dry_run=False, grace=GRACE, now=self.now))

    def stamp(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file() and self._known.get(path) != path.stat().st_mtime_ns:
                os.utime(path, (self.now.timestamp(), self.now.timestamp()))
                self._known[path] = path.stat().st_mtime_ns

    def check(self) -> None:
        for (asset, date), texts in self.committed.items():
            found = PartitionStore(str(self.folder)).table(asset, {"date": date})
            assert found.equals(table(texts)), (asset, date)


numbers = st.integers(0, 3)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just(House.begin),
            st.sampled_from(["one", "two"]),
            st.sampled_from(DATES),
            st.lists(numbers, max_size=3),
        ),
        st.tuples(st.just(House.end), numbers),
        st.tuples(st.just(House.passes), st.sampled_from([0.4, 0.7, 1.1])),
        st.tuples(st.just(House.collect)),
    ),
    max_size=14,
)


@settings(max_examples=25)
@given(steps, st.booleans())
def test_every_manifest_reads_back_whatever_was_written_crashed_and_collected(
    taken: list[tuple[Any, ...]], killed: bool
) -> None:
    folder = Path(mkdtemp())
    try:
        house = House(folder)
        for step, *arguments in taken:
            if step is House.end:
                house.end(*arguments, killed=killed)
            else:
                step(house, *arguments)
            house.stamp()
            house.check()
        house.writers.clear()
        for _ in range(2):
            house.passes(1.1)
            house.collect()
            house.stamp()
            house.check()
        for date in DATES:
            named = {text for (_, own), texts in house.committed.items() if own == date for text in texts}
            assert len(stored_texts(house.store, date)) == len(named)
        left = [path for path in folder.rglob("*-*.parquet") if "texts" not in path.parts]
        assert len(left) == 2 * len(house.committed), "data and rejects"
    finally:
        shutil.rmtree(folder)
