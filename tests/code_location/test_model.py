"""`make model`: what it takes, and that it shows how the training goes."""

from pathlib import Path

import pytest

from code_location.model import latest_mixture
from partitions.keys import Key
from repair.store.reader import PartitionStore


def test_the_latest_mixture_is_trained_on(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    with pytest.raises(SystemExit, match="`make model-data` makes one"):
        latest_mixture(store)
    for date in ("2026-01-06", "2026-01-05"):
        with store.writer("training_mixture", {"date": date}) as writer:
            writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=0)
    assert latest_mixture(store) == Key("2026-01-06")
