"""The scorecard's asset: its checks fail where they should, and hold up nothing."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from eval_assets.scorecard import scorecard
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.benchmark import SCORES
from repair.store.reader import PartitionStore
from resources.store import StoreResource
from tests.graph import QUIET, check, reused
from tests.scored_store import LEAKED, TYPES, made, write

BEFORE, AFTER = "2026-01-05", "2026-01-06"
NUMBERED = "answer_index" in SCORES.names
RIGHT, WRONG = ("repaired",), ("new_error",)


def store_with(folder: Path, **outcomes: tuple[str, ...]) -> PartitionStore:
    """A store in which the checkpoint of each date answers so; types without samples have no rows."""
    for date, own in outcomes.items():
        store = made(
            folder, date=date.removeprefix("on_").replace("_", "-"), outcomes=own, leaked=0, numbered=NUMBERED
        )
        for name in set(DIAGNOSTIC_TYPES.get_partition_keys()) - set(TYPES):
            empty = pa.Table.from_pylist([], schema=SCORES)
            key = Key(date.removeprefix("on_").replace("_", "-"), name)
            write(store, "eval_results", key.segments(), {"data": empty})
    return PartitionStore(str(folder / "store"))


def run(store: PartitionStore, date: str = AFTER) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [scorecard],
        partition_key=date,
        resources={"store": StoreResource(base_uri=store.base_uri)},
        run_config=QUIET,
    )


def test_without_an_earlier_checkpoint_the_check_passes_and_says_so(tmp_path: Path) -> None:
    result = run(store_with(tmp_path, on_2026_01_06=WRONG))
    found = check(result, "scorecard", "no_regression")
    assert found.passed
    assert "no earlier checkpoint" in (found.description or "")
    assert check(result, "scorecard", "no_leaks").passed


@pytest.mark.parametrize(
    ("before", "after", "passes"), [(RIGHT, WRONG, False), (RIGHT, RIGHT, True), (WRONG, RIGHT, True)]
)
def test_a_worse_checkpoint_is_an_error_that_holds_up_nothing(
    tmp_path: Path, before: tuple[str, ...], after: tuple[str, ...], passes: bool
) -> None:
    store = store_with(tmp_path, on_2026_01_05=before, on_2026_01_06=after)
    result = run(store)
    found = check(result, "scorecard", "no_regression")
    assert found.passed is passes
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert result.success, "the page is there all the same"
    page = store.read_bytes("scorecard", {"date": AFTER}, "scorecard.html").decode()
    assert (f"worse than the checkpoint of {BEFORE}: " in page) is not passes
    spec = next(spec for spec in scorecard.check_specs if spec.name == "no_regression")
    assert not spec.blocking


def test_a_stored_scorecard_is_reused_until_the_earlier_scores_change(tmp_path: Path) -> None:
    store = store_with(tmp_path, on_2026_01_05=RIGHT, on_2026_01_06=RIGHT)
    assert reused(run(store)) == {"scorecard": False}
    again = run(store)
    assert reused(again) == {"scorecard": True}
    assert check(again, "scorecard", "no_regression").passed
    store_with(tmp_path, on_2026_01_05=WRONG)
    assert reused(run(store)) == {"scorecard": False}


def test_leaked_samples_warn_and_stand_in_a_table(tmp_path: Path) -> None:
    store_with(tmp_path, on_2026_01_06=RIGHT)
    store = made(tmp_path, date=AFTER, numbered=NUMBERED)
    result = run(store)
    found = check(result, "scorecard", "no_leaks")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"{LEAKED} of 36 samples" in (found.description or "")
    leaks = store.table("scorecard", {"date": AFTER}, "leaks").to_pylist()
    assert len({leak["sample_id"] for leak in leaks}) == LEAKED
    manifest = store.manifest("scorecard", {"date": AFTER})
    assert manifest is not None
    assert manifest.adds_up
