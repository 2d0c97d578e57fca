"""A stored checkpoint as a local folder, with the calibration of its confidence beside the weights.

Tested by `tests/eval_assets/test_model_calibration.py`.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from partitions.keys import Key
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.verification.confidence import FILE
from resources.trainer import TrainerResource

CHECKPOINT, CALIBRATION = "checkpoint", "model_calibration"


@contextmanager
def local_checkpoint(store: PartitionStore, date: str, trainer: TrainerResource) -> Generator[Path]:
    """The folder of a date's checkpoint; it holds `confidence.json` if these weights were calibrated.

    Raises:
        StoreError: the checkpoint is absent or damaged.
    """
    segments = Key(date).segments()
    manifest = store.manifest(CHECKPOINT, segments)
    with trainer.exchange() as folder:
        weights = store.local_tree(CHECKPOINT, segments, CHECKPOINT, Path(folder))
        if manifest is not None and (found := calibration_of(store, date, manifest)) is not None:
            (weights / FILE).write_bytes(found)
        yield weights


def calibration_of(store: PartitionStore, date: str, checkpoint: Manifest) -> bytes | None:
    """The `confidence.json` of a date's checkpoint; None: it has none, or one of other weights."""
    segments = Key(date).segments()
    manifest = store.manifest(CALIBRATION, segments)
    name = f"{CHECKPOINT}[{Key(date)}]"
    if manifest is None or manifest.inputs.get(name) != checkpoint.data_version:
        return None
    if manifest.extra["calibration"] is None:
        return None
    return store.read_bytes(CALIBRATION, segments, FILE, manifest=manifest)
