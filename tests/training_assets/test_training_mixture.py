"""A day's examples and a mixture of days: what is missing is refused, what must not be learned left out."""

from pathlib import Path

import pytest

from partitions.keys import Key
from repair.verification.confidence import verifiers_own
from repair_assets.benchmarks import leetcode_benchmark, workspace_benchmark
from repair_assets.repair_examples import daily_examples
from tests.graph import DAY, House, failure, reused
from tests.stored_examples import TYPES, misspelt_in, projects_of, store_day, store_examples, verified
from training_assets.checkpoint import checkpoint
from training_assets.training_mixture import WINDOW, training_mixture

NEXT_DAY, BEHIND_THE_WINDOW = "2026-01-06", "2026-02-04"
LEARNED, OTHER, COPIED = projects_of("train", 3)
(HELD_OUT,) = projects_of("test", 1)
CALL = "def double(number: int) -> int:\n    return number * 2\n\n\nprint(double())\n"


def freeze_benchmarks(house: House) -> None:
    for name in TYPES:
        house.run([workspace_benchmark, leetcode_benchmark], Key(None, name))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two days of examples, and benchmarks that are frozen after the first."""
    house = House(tmp_path_factory.mktemp("house"))
    call = verified(
        OTHER, CALL, CALL.replace("double()", "double(2)"), "pyright[reportCallIssue]", needless=1
    )
    names = [
        misspelt_in(LEARNED, 1),
        misspelt_in(LEARNED, 2),
        misspelt_in(OTHER, 1),  # the same task in another project
        misspelt_in(HELD_OUT, 3),
        misspelt_in(COPIED, 3),  # a copy of a file that is in a benchmark
    ]
    store_day(house, DAY, {"F821": names, "reportCallIssue": [call]})
    freeze_benchmarks(house)
    store_day(house, NEXT_DAY, {"F821": [misspelt_in(OTHER, 4)]})
    for day in (DAY, NEXT_DAY):
        house.run([daily_examples], Key(day))
    return house


def test_a_day_is_all_its_types(house: House):
    manifest = house.manifest("daily_examples", Key(DAY))
    assert (manifest.rows_in, manifest.rows_out) == (6, 6)
    assert set(manifest.inputs) == {f"repair_examples[{DAY}|{name}]" for name in TYPES}
    assert {row["code"] for row in house.rows("daily_examples", Key(DAY))} == {
        "ruff[F821]",
        "pyright[reportCallIssue]",
    }


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (None, "repair_examples[{day}|syntax] is not in the store"),
        (1, "repair_examples[{day}|syntax] lost rows (1 rows in, 0 out, 0 rejected)"),
    ],
)
def test_a_day_without_a_type_or_with_one_that_lost_rows_is_refused(
    tmp_path: Path, lost: int | None, message: str
):
    house = House(tmp_path)
    for name in TYPES:
        if name != "syntax":
            store_examples(house, Key(DAY, name), [])
        elif lost is not None:
            store_examples(house, Key(DAY, name), [], lost=lost)
    result = house.run([daily_examples], Key(DAY), raise_on_error=False)
    assert message.format(day=DAY) in failure(result, "daily_examples")
    assert house.store.partitions("daily_examples") == []


def test_a_mixture_holds_no_test_project_no_benchmark_and_no_repeat(house: House):
    house.run([training_mixture], Key(DAY))
    manifest = house.manifest("training_mixture", Key(DAY))
    assert manifest.rows_in == 6
    assert manifest.rejects == {"held_out": 1, "contaminated": 1, "near_duplicate": 1}
    rejected = {row["reason"]: row for row in house.rows("training_mixture", Key(DAY), "rejects")}
    assert rejected["held_out"]["project_id"] == HELD_OUT
    assert rejected["contaminated"]["project_id"] == COPIED
    assert "sample" in rejected["contaminated"]["detail"]
    assert rejected["near_duplicate"]["project_id"] in (LEARNED, OTHER)
    kept = house.rows("training_mixture", Key(DAY))
    assert {row["code"] for row in kept} == {"ruff[F821]", "pyright[reportCallIssue]"}
    assert {row["split"] for row in kept} == {"train"}


def test_a_mixture_reads_the_days_up_to_its_own(house: House):
    result = house.run([training_mixture], Key(NEXT_DAY))
    assert house.manifest("training_mixture", Key(NEXT_DAY)).rows_out == 4
    (event,) = result.asset_materializations_for_node("training_mixture")
    assert event.metadata["dates"].value == [DAY, NEXT_DAY]
    assert reused(house.run([training_mixture], Key(NEXT_DAY))) == {"training_mixture": True}


def test_a_mixture_reads_no_day_before_its_window(house: House):
    store_day(house, BEHIND_THE_WINDOW, {})
    house.run([daily_examples], Key(BEHIND_THE_WINDOW))
    house.run([training_mixture], Key(BEHIND_THE_WINDOW))
    manifest = house.manifest("training_mixture", Key(BEHIND_THE_WINDOW))
    assert WINDOW == 30
    assert manifest.extra["dates"] == [NEXT_DAY, BEHIND_THE_WINDOW], "30 days end 29 days after the first"
    assert manifest.rows_out == 1


def test_a_cap_leaves_out_what_is_beyond_it(house: House):
    house.run([training_mixture], Key(DAY), config={"training_mixture": {"cap_per_code": 1}})
    manifest = house.manifest("training_mixture", Key(DAY))
    assert manifest.rejects == {"held_out": 1, "contaminated": 1, "cap_code": 2}
    assert manifest.rows_out == 2


def test_a_mixture_may_ask_for_a_precision(house: House):
    result = house.run([training_mixture], Key(DAY), config={"training_mixture": {"least_precision": 0.9}})
    manifest = house.manifest("training_mixture", Key(DAY))
    threshold = verifiers_own().threshold_for(0.9)
    assert manifest.rejects == {"held_out": 1, "low_confidence": 1, "contaminated": 1, "near_duplicate": 1}
    assert all(row["confidence"] >= threshold for row in house.rows("training_mixture", Key(DAY)))
    (event,) = result.asset_materializations_for_node("training_mixture")
    card = str(event.metadata["data_card"].value)
    assert f"every example has a confidence of {threshold} at least" in card
    assert "| history | not measured | not measured |" in card


def test_a_precision_that_no_confidence_has_is_refused(house: House):
    config = {"training_mixture": {"least_precision": 1.0}}
    result = house.run([training_mixture], Key(DAY), config=config, raise_on_error=False)
    assert "a precision of 1.0 is asked for" in failure(result, "training_mixture")


def test_a_mixture_without_frozen_benchmarks_is_refused(tmp_path: Path):
    house = House(tmp_path)
    store_day(house, DAY, {})
    house.run([daily_examples], Key(DAY))
    result = house.run([training_mixture], Key(DAY), raise_on_error=False)
    assert "workspace_benchmark[E722] is not in the store" in failure(result, "training_mixture")


def test_a_mixture_without_its_own_day_is_refused(house: House):
    result = house.run([training_mixture], Key("2026-01-08"), raise_on_error=False)
    assert "daily_examples[2026-01-08] is not in the store" in failure(result, "training_mixture")


def test_nothing_is_trained_on_an_empty_mixture(tmp_path: Path):
    house = House(tmp_path)
    store_day(house, DAY, {"F821": [misspelt_in(HELD_OUT, 1)]})
    freeze_benchmarks(house)
    house.run([daily_examples], Key(DAY))
    house.run([training_mixture], Key(DAY))
    result = house.run([checkpoint], Key(DAY), raise_on_error=False)
    assert "holds no example" in failure(result, "checkpoint")
    assert "Import more projects" in failure(result, "checkpoint")
