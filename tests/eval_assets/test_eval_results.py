"""From a mixture to the page about its checkpoint: a real training, real decoding, real servers."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from eval_assets.eval_results import eval_results
from eval_assets.predictions import Answering, predictions
from eval_assets.scorecard import scorecard
from partitions.keys import Key
from repair_assets.benchmarks import leetcode_benchmark, workspace_benchmark
from repair_assets.repair_examples import daily_examples
from tests.graph import DAY, House, check, failure, misspelt, reused
from tests.own_process import TrainerInThisProcess
from tests.stored_examples import TYPES, misspelt_in, projects_of, store_day, verified
from training_assets.checkpoint import checkpoint
from training_assets.training_mixture import training_mixture

NAMES, CARD = Key(DAY, "F821"), Key(DAY)
(LEARNED,) = projects_of("train", 1)
(HELD_OUT,) = projects_of("test", 1)
TRAINED, SAMPLES = 8, 2
SMALL = {
    "base.vocabulary": 320,
    "base.hidden_size": 32,
    "base.intermediate_size": 64,
    "base.layers": 1,
    "base.heads": 2,
    "epochs": 1,
    "global_batch_size": 2,
    "schedule.warmup_batches": 1,
    "threads": 1,
}
TRAINING = {"checkpoint": {"overrides": SMALL}}
DECODING = {"predictions": {"max_new_tokens": 4}}
SYSTEMS = Answering().models


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Examples, benchmarks and mixture of one day, its checkpoint, and all results."""
    house = House(tmp_path_factory.mktemp("house"))
    broken, repaired, _ = misspelt(99)
    padding = "  # " + " ".join(f"number_{number}" for number in range(400))
    long_line = (text.replace("height_99\n", f"height_99{padding}\n") for text in (broken, repaired))
    names = [
        *(misspelt_in(LEARNED, number) for number in range(TRAINED)),
        verified(LEARNED, *long_line),  # the error's line is always shown, and no row of the recipe holds it
        *(misspelt_in(HELD_OUT, 50 + number) for number in range(SAMPLES)),
    ]
    store_day(house, DAY, {"F821": names})
    for name in TYPES:
        house.run([workspace_benchmark, leetcode_benchmark], Key(None, name))
    for asset in (daily_examples, training_mixture):
        house.run([asset], CARD)
    return house


@pytest.fixture(scope="module")
def trained(house: House) -> House:
    result = house.run([checkpoint], CARD, config=TRAINING)
    assert reused(result) == {"checkpoint": False}
    return house


@pytest.fixture(scope="module")
def scored(trained: House) -> House:
    trained.resources["trainer"] = TrainerInThisProcess(answers=str(trained.folder / "decoded"))
    trained.run([predictions], CARD, config=DECODING)
    for name in TYPES:
        trained.run([eval_results], Key(DAY, name))
    return trained


@pytest.mark.slow
def test_what_was_trained_on_and_what_was_too_long_add_up(trained: House):
    manifest = trained.manifest("checkpoint", CARD)
    assert (manifest.rows_in, manifest.rows_out) == (TRAINED + 1, TRAINED)
    assert manifest.rejects == {"longer_than_context": 1}
    mixture = {row["example_id"]: row for row in trained.rows("training_mixture", CARD)}
    assert {row["example_id"] for row in trained.rows("checkpoint", CARD)} < set(mixture)
    files = {file.name for file in manifest.files}
    assert {"checkpoint/config.json", "checkpoint/model.safetensors", "checkpoint/made_by.json"} <= files


def test_a_second_run_trains_nothing(trained: House):
    before = trained.manifest("checkpoint", CARD)
    result = trained.run([checkpoint], CARD, config=TRAINING)
    assert reused(result) == {"checkpoint": True}
    assert trained.manifest("checkpoint", CARD) == before
    (event,) = result.asset_materializations_for_node("checkpoint")
    assert "data:image/png;base64," in str(event.metadata["loss_curve"].value)
    assert check(result, "checkpoint", "rows_add_up").passed


def test_a_setting_that_does_not_exist_fails_the_run_and_leaves_the_checkpoint(trained: House):
    before = trained.manifest("checkpoint", CARD)
    wrong = {"checkpoint": {"overrides": {"epoch": 1}}}
    result = trained.run([checkpoint], CARD, config=wrong, raise_on_error=False)
    assert "failed with code 1" in failure(result, "checkpoint")
    events = [str(entry.dagster_event) for entry in trained.instance.all_logs(result.run_id)]
    assert any("no setting 'epoch'" in event for event in events), (
        "the child's own message is in the run's log"
    )
    assert trained.manifest("checkpoint", CARD) == before


def test_every_system_answers_every_sample(scored: House):
    manifest = scored.manifest("eval_results", NAMES)
    assert (manifest.rows_in, manifest.rows_out) == (len(SYSTEMS) * SAMPLES, len(SYSTEMS) * SAMPLES)
    rows = scored.rows("eval_results", NAMES)
    assert Counter(row["system"] for row in rows) == dict.fromkeys(SYSTEMS, SAMPLES)
    assert len({row["sample_id"] for row in rows}) == SAMPLES
    assert {row["functional"] for row in rows} == {None}, "these samples have no tests"


@pytest.mark.parametrize(
    ("system", "right", "outcomes"),
    [
        ("history", True, {"repaired"}),  # the ceiling: the reference itself
        ("rules", True, {"repaired"}),  # a misspelt name is a rule's own case
        ("empty", False, {"no_change"}),  # the floor: an empty diff
    ],
)
def test_the_ceiling_and_the_floor_are_where_they_must_be(
    scored: House, system: str, right: bool, outcomes: set[str]
):
    rows = [row for row in scored.rows("eval_results", NAMES) if row["system"] == system]
    assert {row["outcome"] for row in rows} == outcomes
    for metric in ("ast_match", "ast_or_string_match", "repaired"):
        assert {row[metric] for row in rows} == {right}, metric


def test_the_models_answers_are_scored_as_they_came(scored: House):
    rows = [row for row in scored.rows("eval_results", NAMES) if row["system"] == "model"]
    assert all(isinstance(row["answer"], str) for row in rows)
    assert not any(row["repaired"] for row in rows), "four tokens repair nothing"
    assert all(row["outcome"] != "repaired" for row in rows)


class References(HTMLParser):
    """What a page loads or links, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loading = ("src", "href", "xlink:href", "srcset", "data", "action")
        self.references += [value or "" for name, value in attrs if name in loading]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(scored: House) -> str:
    result = scored.run([scorecard], CARD)
    (event,) = result.asset_materializations_for_node("scorecard")
    assert str(event.metadata["page"].value).endswith(".html")
    return scored.store.read_bytes("scorecard", CARD.segments(), "scorecard.html").decode()


def test_the_scorecard_is_one_file_that_loads_nothing(page: str):
    found = References()
    found.feed(page)
    outside = [reference for reference in found.references if not reference.startswith(("#", "data:"))]
    assert outside == []
    assert not re.search(r"@import|url\((?!['\"]?(?:#|data:))", page)


def test_the_scorecard_holds_the_figures(scored: House, page: str):
    found = References()
    found.feed(page)
    text = " ".join(found.text.split())
    result: dict[str, Any] = scored.manifest("checkpoint", CARD).extra["result"]
    assert f"{result['first_loss']:.3f}" in text
    assert f"{result['last_loss']:.3f}" in text
    for system in SYSTEMS:
        assert system in text
    assert "100.0" in text
    assert "F821" in text
    assert DAY in text
    manifest = scored.manifest("scorecard", CARD)
    assert manifest.rows_out == len(SYSTEMS) * SAMPLES


def test_a_scorecard_without_the_results_of_a_type_is_refused(scored: House):
    result = scored.run([scorecard], Key("2026-01-06"), raise_on_error=False)
    assert "eval_results[2026-01-06|E722] is not in the store" in failure(result, "scorecard")
