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
def local_checkpoint(
    store: PartitionStore, checkpoint: Manifest, trainer: TrainerResource
) -> Generator[Path]:
    """The folder of a checkpoint; it holds `confidence.json` if these weights were calibrated.

    Raises:
        StoreError: the checkpoint was replaced since, or is damaged.
    """
    with trainer.exchange() as folder:
        weights = store.local_tree(
            CHECKPOINT, checkpoint.partition, CHECKPOINT, Path(folder), manifest=checkpoint
        )
        if (found := calibration_of(store, checkpoint)) is not None:
            (weights / FILE).write_bytes(found)
        yield weights


def calibration_of(store: PartitionStore, checkpoint: Manifest) -> bytes | None:
    """The `confidence.json` of a checkpoint; None: it has none, or one of other weights."""
    segments = checkpoint.partition
    manifest = store.manifest(CALIBRATION, segments)
    name = f"{CHECKPOINT}[{Key(**segments)}]"
    if manifest is None or manifest.inputs.get(name) != checkpoint.data_version:
        return None
    if manifest.extra["calibration"] is None:
        return None
    return store.read_bytes(CALIBRATION, segments, FILE, manifest=manifest)
