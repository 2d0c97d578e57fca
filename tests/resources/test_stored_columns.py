"""A partition that an older version stored, without a column of today: the stage that reads it says so."""

from itertools import pairwise
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.errors import StoreError
from repair.pipeline import BY_NAME
from repair.training.dataset import rendered
from repair_assets.repair_examples import daily_examples
from resources.stages import STORED_COLUMNS
from tests.graph import DAY, DIAGNOSTICS, House, failure

NAMES = Key(DAY, "F821")


STEPS = [
    *(
        (above.key.path[-1], below.key.path[-1], below, BY_NAME[below.key.path[-1]].reads[-1])
        for above, below in pairwise(DIAGNOSTICS)
    ),
    ("verified_diffs", "repair_examples", DIAGNOSTICS[-1], "confidence"),  # which it only passes on
]


def store_older(house: House, asset: str, key: Key, *missing: str) -> None:
    """An empty partition of the asset without these columns."""
    schema = pa.schema([field for field in BY_NAME[asset].output if field.name not in missing])
    with house.store.writer(asset, key.segments()) as writer:
        writer.declare(schema)
        writer.commit(fingerprint="older", inputs={}, versions={}, rows_in=0)


@pytest.mark.parametrize(
    ("above", "below", "asset", "missing"), STEPS, ids=[f"{step[1]}-{step[3]}" for step in STEPS]
)
def test_a_stage_names_the_partition_the_column_and_what_to_do(
    above: str, below: str, asset: dg.AssetsDefinition, missing: str, tmp_path: Path
) -> None:
    house = House(tmp_path)
    store_older(house, above, NAMES, missing)
    said = failure(house.run([asset], NAMES, raise_on_error=False), below)
    assert f"{house.store.uri(above, NAMES.segments())}/data-" in said
    assert f"has no column {missing}" in said
    assert f"Materialize {above} of it again" in said


def test_what_reads_whole_rows_says_it_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    for name in DIAGNOSTIC_TYPES.get_partition_keys():
        store_older(house, "repair_examples", Key(DAY, name), "confidence")
    said = failure(house.run([daily_examples], Key(DAY), raise_on_error=False), "daily_examples")
    assert "has no column confidence: this partition of repair_examples" in said


def test_a_whole_table_is_read_as_it_is(tmp_path: Path) -> None:
    house = House(tmp_path)
    store_older(house, "verified_diffs", NAMES, "signals", "confidence")
    assert "signals" not in house.store.table("verified_diffs", NAMES.segments()).column_names
    with pytest.raises(StoreError, match="has no column signals, confidence: this partition of verified_"):
        house.store.table("verified_diffs", NAMES.segments(), columns=["signals", "path", "confidence"])


def test_the_stages_of_single_diagnostics_are_known() -> None:
    assert {asset.key.path[-1] for asset in (*DIAGNOSTICS, daily_examples)} <= STORED_COLUMNS.keys()


def test_a_mixture_that_is_trained_on_says_it_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    store_older(house, "training_mixture", Key(DAY), "error_line")
    with pytest.raises(StoreError, match="has no column error_line: this partition of training_mixture"):
        rendered(house.store, "training_mixture", Key(DAY).segments())
