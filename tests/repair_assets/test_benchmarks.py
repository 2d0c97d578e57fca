"""A benchmark is frozen: days that follow do not change it, a new release does."""

from pathlib import Path

import pytest

from partitions.keys import Key
from repair_assets.benchmarks import workspace_benchmark
from tests.graph import DAY, House, failure, reused
from tests.stored_examples import misspelt_in, projects_of, store_examples

NEXT_DAY = "2026-01-06"
NAMES = Key(None, "F821")
(LEARNED,) = projects_of("train", 1)
FIRST, SECOND = projects_of("test", 2)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    rows = [misspelt_in(LEARNED, 1), misspelt_in(FIRST, 2), misspelt_in(FIRST, 3), misspelt_in(SECOND, 3)]
    store_examples(house, Key(DAY, "F821"), rows)
    house.run([workspace_benchmark], NAMES)
    return house


def test_a_benchmark_holds_projects_for_tests_without_repeats(house: House):
    manifest = house.manifest("workspace_benchmark", NAMES)
    assert (manifest.rows_in, manifest.rows_out) == (4, 2)
    assert manifest.rejects == {"not_held_out": 1, "near_duplicate": 1}
    for sample in house.rows("workspace_benchmark", NAMES):
        assert sample["benchmark"] == "workspace"
        assert sample["project_id"] in (FIRST, SECOND)
        assert sample["reference"].splitlines()[-1] == "</diff>"
        assert sample["tests"] is None
        assert sample["before"]


def test_days_that_follow_do_not_change_it_and_a_release_does(house: House):
    frozen = house.manifest("workspace_benchmark", NAMES)
    store_examples(house, Key(NEXT_DAY, "F821"), [misspelt_in(SECOND, 5), misspelt_in(LEARNED, 6)])
    assert reused(house.run([workspace_benchmark], NAMES)) == {"workspace_benchmark": True}
    assert house.manifest("workspace_benchmark", NAMES) == frozen

    release = {"workspace_benchmark": {"release": 2}}
    assert reused(house.run([workspace_benchmark], NAMES, config=release)) == {"workspace_benchmark": False}
    second = house.manifest("workspace_benchmark", NAMES)
    assert (second.rows_in, second.rows_out) == (6, 3)
    assert second.data_version != frozen.data_version
    assert second.extra["release"] == 2


def test_no_more_samples_than_asked_for(house: House):
    house.run([workspace_benchmark], NAMES, config={"workspace_benchmark": {"at_most": 1}})
    manifest = house.manifest("workspace_benchmark", NAMES)
    assert manifest.rows_out == 1
    assert manifest.rejects == {"not_held_out": 1, "benchmark_full": 2}


def test_nothing_is_not_frozen(house: House):
    result = house.run([workspace_benchmark], Key(None, "E722"), raise_on_error=False)
    assert "no repair_examples of E722 to freeze" in failure(result, "workspace_benchmark")
    assert house.store.partitions("workspace_benchmark") == [NAMES.segments()]
