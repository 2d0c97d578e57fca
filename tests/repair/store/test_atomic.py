"""A file or a folder is at its place whole or not at all, also when its writer is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from repair.store.atomic import whole_folder, write_whole

LOCAL = fsspec.filesystem("file")
LAST = "made_by.json"


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_finished_folder_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "checkpoint"
    with whole_folder(str(out), last=LAST) as folder:
        (folder / "old").write_text("1")
    with whole_folder(str(out), last=LAST) as folder:
        assert (out / "old").read_text() == "1"  # the earlier one stands until the last moment
        (folder / "new").write_text("2")
    assert names(tmp_path / "deep") == ["checkpoint", "checkpoint/new"]
    assert (out / "new").stat().st_mode & 0o044  # other users can read it


def test_a_failure_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "checkpoint"
    with whole_folder(str(out), last=LAST) as folder:
        (folder / LAST).write_text("1")
    with pytest.raises(KeyboardInterrupt), whole_folder(str(out), last=LAST) as folder:
        (folder / LAST).write_text("2")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["checkpoint", f"checkpoint/{LAST}"]
    assert (out / LAST).read_text() == "1"


def test_a_folder_that_can_not_be_put_there_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with whole_folder(str(out), last=LAST) as folder:
        (folder / LAST).write_text("1")
    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise OSError("no room")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no room"), whole_folder(str(out), last=LAST) as folder:
        (folder / LAST).write_text("2")
    assert names(tmp_path) == ["out", f"out/{LAST}"]
    assert (out / LAST).read_text() == "1"


def test_a_killed_writer_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from repair.store.atomic import whole_folder\n"
        "with whole_folder(sys.argv[1], last='last') as folder:\n"
        "    (folder / 'last').write_text('1')\n"
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


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    program = (
        "import fsspec, sys\n"
        "from repair.store.atomic import write_whole\n"
        "for number in range(10**6):\n"
        "    write_whole(fsspec.filesystem('file'), sys.argv[1], bytes([number % 251]) * 300_000)\n"
        "    if number == 0: print('written', flush=True)\n"
    )
    out = tmp_path / "out"
    for milliseconds in (0, 7, 19):
        arguments = [sys.executable, "-c", program, str(out)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stdout.readline() == "written\n"
            time.sleep(milliseconds / 1000)
            os.kill(process.pid, signal.SIGKILL)
        found = out.read_bytes()
        assert len(found) == 300_000
        assert len(set(found)) == 1


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    data: object = "no bytes"
    write_whole(LOCAL, str(tmp_path / "deep" / "out"), b"1")
    with pytest.raises(TypeError):
        write_whole(LOCAL, str(tmp_path / "deep" / "out"), data)  # type: ignore[arg-type]
    assert names(tmp_path) == ["deep", "deep/out"]
    assert (tmp_path / "deep" / "out").read_bytes() == b"1"


def test_a_store_without_renaming_gets_the_last_file_last_and_loses_what_is_stale() -> None:
    uri = f"memory://checkpoints/{time.time_ns()}"
    store, root = fsspec.url_to_fs(uri)
    with whole_folder(uri, last=LAST) as folder:
        (folder / "old").write_text("1")
        (folder / LAST).write_text("1")
    created = store.created(f"{root}/{LAST}")
    assert all(store.created(path) <= created for path in store.find(root))
    with whole_folder(uri, last=LAST) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "new").write_text("2")
        (folder / LAST).write_text("2")
    assert store.cat_file(f"{root}/{LAST}") == b"2"
    assert sorted(path.removeprefix(root) for path in store.find(root)) == [f"/{LAST}", "/sub/new"]
