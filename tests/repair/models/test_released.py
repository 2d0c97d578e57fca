"""The pointer to the released model: whole or as it was before, with its history."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from repair.errors import InputError, StoreError
from repair.models.made_by import read_made_by
from repair.models.released import POINTER, find, history, released, weights_in
from repair.store.reader import PartitionStore
from tests.released_model import keep, named, point_to

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path / "store"))


def test_the_last_release_counts_and_all_are_kept(store: PartitionStore, tmp_path: Path) -> None:
    assert (released(store), history(store)) == (None, [])
    for version in ("one", "two"):
        keep(store, version, named(tmp_path / version, version))
        assert point_to(store, version) == released(store)
    back = point_to(store, "one")
    assert released(store) == back == history(store)[-1]
    assert [(known.number, known.version, known.rollback) for known in history(store)] == [
        (1, "one", False),
        (2, "two", False),
        (3, "one", True),
    ]
    assert read_made_by(weights_in(store, back, tmp_path / "local")) == {"name": "one"}
    assert find(history(store), "one") == back
    with pytest.raises(InputError, match="no release has the version 'three'; there is one, two"):
        find(history(store), "three")


def test_a_pointer_that_names_nothing_and_weights_that_are_damaged_are_told(
    store: PartitionStore, tmp_path: Path
) -> None:
    keep(store, "one", named(tmp_path / "one", "one"))
    release = point_to(store, "one")
    for path in Path(store.base_uri, "model_releases").rglob("made_by.json"):
        path.write_text("{}")
    with pytest.raises(StoreError, match="is not what"):
        weights_in(store, release, tmp_path / "local")
    with store.writer(POINTER, {}) as writer:
        writer.commit(rows_in=0, fingerprint="f", inputs={}, versions={})
    with pytest.raises(StoreError, match="names no release"):
        released(store)


DIES = """
import os, signal, sys
from repair.store.reader import PartitionStore
from tests.released_model import point_to

def hook(event, arguments):
    if event == "os.rename" and "manifest.json" in str(arguments):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
point_to(PartitionStore(sys.argv[1]), "two")
"""


def test_a_writer_that_is_killed_before_the_last_step_leaves_the_pointer_as_it_was(
    store: PartitionStore,
) -> None:
    before = point_to(store, "one")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", DIES, store.base_uri], check=False, env=environment, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    assert released(store) == before
    assert history(store) == [before]
