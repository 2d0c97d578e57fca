"""A checkpoint is at its place whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from repair.errors import StoreError
from repair.training.export import MADE_BY, METRICS, read_made_by, whole_folder, write_notes


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_finished_folder_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "checkpoint"
    with whole_folder(str(out)) as folder:
        (folder / "old").write_text("1")
        write_notes(folder, {"a": 1}, [])
    with whole_folder(str(out)) as folder:
        assert read_made_by(str(out)) == {"a": 1}  # the earlier one stands until the last moment
        (folder / "new").write_text("2")
        write_notes(folder, {"a": 2}, [{"loss": 1.5}, {"loss": 1.0}])
    assert read_made_by(str(out)) == {"a": 2}
    assert (out / METRICS).read_text() == '{"loss": 1.5}\n{"loss": 1.0}\n'
    assert names(tmp_path / "deep") == sorted(
        ["checkpoint", *(f"checkpoint/{name}" for name in ("new", MADE_BY, METRICS))]
    )
    assert (out / "new").stat().st_mode & 0o044  # whoever serves the model can read it


def test_a_failure_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "checkpoint"
    with whole_folder(str(out)) as folder:
        write_notes(folder, {"a": 1}, [])
    with pytest.raises(KeyboardInterrupt), whole_folder(str(out)) as folder:
        write_notes(folder, {"a": 2}, [])
        raise KeyboardInterrupt
    assert read_made_by(str(out)) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_killed_writer_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from repair.training.export import whole_folder, write_notes\n"
        "with whole_folder(sys.argv[1]) as folder:\n"
        "    (folder / 'model.safetensors').write_text('1')\n"
        "    write_notes(folder, {}, [])\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    out = tmp_path / "checkpoint"
    arguments = [sys.executable, "-c", program, str(out)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    assert all(path.name.startswith(".") and path.suffix == ".partial" for path in tmp_path.iterdir())
    with pytest.raises(StoreError, match="no finished checkpoint"):
        read_made_by(str(out))


def test_a_store_without_renaming_gets_the_marker_last_and_loses_what_is_stale() -> None:
    uri = f"memory://checkpoints/{time.time_ns()}"
    store, root = fsspec.url_to_fs(uri)
    with whole_folder(uri) as folder:
        (folder / "old").write_text("1")
        write_notes(folder, {"a": 1}, [])
    created = store.created(f"{root}/{MADE_BY}")
    assert all(store.created(path) <= created for path in store.find(root))
    with whole_folder(uri) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "new").write_text("2")
        write_notes(folder, {"a": 2}, [])
    assert read_made_by(uri) == {"a": 2}
    assert sorted(path.removeprefix(root) for path in store.find(root)) == [
        f"/{MADE_BY}",
        f"/{METRICS}",
        "/sub/new",
    ]


def test_damaged_notes_are_named(tmp_path: Path) -> None:
    (tmp_path / MADE_BY).write_text("{")
    with pytest.raises(StoreError, match="no JSON"):
        read_made_by(str(tmp_path))
