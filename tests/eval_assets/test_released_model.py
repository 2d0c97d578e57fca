"""The released model: its gates refuse with figures, its pointer moves as a whole, and rolls back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from eval_assets.released_model import released_model
from repair.models.golden import EXAMPLES
from repair.models.made_by import MADE_BY, read_made_by
from repair.models.model import Completion, FinishReason
from repair.models.released import RELEASES, history, partition_of, released, weights_in
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.reader import PartitionStore
from repair.verification.confidence import FILE
from repair.verification.confidence import OWN as CONFIDENCE
from resources.store import StoreResource
from resources.trainer import TrainerResource
from tests.graph import QUIET, reused
from tests.scored_store import made

FIRST, SECOND = "2026-01-05", "2026-01-06"
RIGHT, WRONG = ("repaired",), ("new_error",)
SQUARE_ROOT = "-3 print(math.squareroot(2))\n+3 print(math.sqrt(2))\n</diff>"


class GoldenTrainer(TrainerResource):
    """A trainer whose checkpoints all answer alike, in place of a child process that decodes."""

    answer: str = SQUARE_ROOT

    def decode(
        self, context: Any, prompts: Sequence[str], k: int, *, checkpoint: str, **how: Any
    ) -> list[list[Completion]]:
        assert (Path(checkpoint) / MADE_BY).is_file()  # the weights are there to be loaded
        assert (len(prompts), k, how["sampling"].temperature) == (len(EXAMPLES), 1, 0)
        return [[Completion(self.answer, FinishReason.CLOSED)] for _ in prompts]


def candidate(
    folder: Path,
    date: str = FIRST,
    *,
    outcomes: tuple[str, ...] = RIGHT,
    leaked: int = 0,
    prompt_version: str = PROMPT_VERSION,
    weights: str = "w",
    predicted: bool = True,
    calibrated: bool = False,
) -> PartitionStore:
    """A checkpoint with its predictions, scores and scorecard, as the graph would have stored them."""
    store = made(folder, date=date, outcomes=outcomes, leaked=leaked)
    tree = folder / "weights"
    notes = {"recipe": {"name": "tiny"}, "prompt_version": prompt_version, "weights": [date, weights]}
    (tree / MADE_BY).write_text(json.dumps(notes))
    with store.writer("checkpoint", {"date": date}) as writer:
        writer.write("data", pa.table({"example_id": ["a"]}))
        writer.write_tree(tree, "checkpoint")
        version = writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=1).data_version
    counts = {"samples": 36, "contaminated": leaked, "unchecked": 0}
    for asset in ("predictions", "scorecard") if predicted else ("scorecard",):
        with store.writer(asset, {"date": date}) as writer:
            writer.write("data", pa.table({"sample_id": pa.array([], pa.string())}))
            writer.commit(
                fingerprint="f",
                inputs={f"checkpoint[{date}]": version},
                versions={},
                rows_in=0,
                extra={"contamination": counts},
            )
    if calibrated:
        with store.writer("model_calibration", {"date": date}) as writer:
            writer.write_bytes(FILE, CONFIDENCE.read_bytes())
            inputs, extra = {f"checkpoint[{date}]": version}, {"calibration": {"threshold": 0.75}}
            writer.commit(fingerprint="f", inputs=inputs, versions={}, rows_in=0, extra=extra)
    return store


def release(store: PartitionStore, *, answer: str = SQUARE_ROOT, **config: str) -> dg.ExecuteInProcessResult:
    ops = {"released_model": {"config": config}}
    return dg.materialize(
        [released_model],
        resources={
            "store": StoreResource(base_uri=store.base_uri),
            "trainer": GoldenTrainer(answers="", answer=answer),
        },
        run_config={**QUIET, "ops": ops},
        raise_on_error=False,
    )


def refusal(result: dg.ExecuteInProcessResult) -> dg.Failure | Any:
    assert not result.success
    return result.failure_data_for_node("released_model").user_failure_data


def test_releases_and_a_rollback_are_one_materialization_each(tmp_path: Path) -> None:
    store = candidate(tmp_path, FIRST, outcomes=WRONG)
    assert release(store).success
    first = released(store)
    assert first is not None
    assert (first.checkpoint, first.number, first.rollback) == (FIRST, 1, False)
    assert "scores passed: the first release" in first.gates and "golden passed: " in first.gates
    candidate(tmp_path, SECOND, outcomes=RIGHT)
    assert release(store).success  # the latest one
    second = released(store)
    assert second is not None and second.checkpoint == SECOND
    assert release(store, version=first.version).success
    back = released(store)
    assert back is not None
    assert (back.version, back.number, back.rollback) == (first.version, 3, True)
    assert [known.number for known in history(store)] == [1, 2, 3]
    assert read_made_by(weights_in(store, back, tmp_path / "local"))["weights"] == [FIRST, "w"]
    assert reused(release(store, version=first.version)) == {"released_model": True}
    assert len(history(store)) == 3
    manifest = store.manifest("released_model", {})
    assert manifest is not None and manifest.adds_up


def test_a_release_outlives_its_checkpoint(tmp_path: Path) -> None:
    store = candidate(tmp_path, FIRST)
    assert release(store).success
    first = released(store)
    candidate(tmp_path, FIRST, weights="trained again")
    assert release(store).success
    second = released(store)
    assert first and second
    assert second.version != first.version
    assert read_made_by(weights_in(store, first, tmp_path / "local"))["weights"] == [FIRST, "w"]


@pytest.mark.parametrize(
    ("gate", "how", "answer", "figures"),
    [
        ("scores", {"outcomes": WRONG}, SQUARE_ROOT, "12 lost and 0 won of 12"),
        ("leaks", {"leaked": 3}, SQUARE_ROOT, "3 of 36 samples"),
        ("golden", {}, "nothing", "0 of 8 golden answers"),
        ("prompt", {"prompt_version": "0"}, SQUARE_ROOT, "knows version 0"),
        ("confidence", {}, SQUARE_ROOT, "materialize model_calibration first"),
    ],
)
def test_a_gate_refuses_by_its_name_with_the_figures_and_what_is_served_stays(
    tmp_path: Path, gate: str, how: dict[str, Any], answer: str, figures: str
) -> None:
    store = candidate(tmp_path, FIRST, calibrated=gate == "confidence")
    assert release(store).success
    served = released(store)
    candidate(tmp_path, SECOND, **how)
    result = release(store, answer=answer)
    found = refusal(result)
    assert f"checkpoint[{SECOND}] is not released, and what is served stays: {gate}: " in found.description
    assert figures in found.description
    assert f"{gate} (refused)" in found.metadata
    assert "evaluated" in found.metadata  # what passed is said too
    assert released(store) == served
    assert [key["version"] for key in store.partitions(RELEASES)] == [served.version if served else ""]


def test_a_calibration_is_served_with_the_weights_and_may_be_made_after_a_release(tmp_path: Path) -> None:
    store = candidate(tmp_path, FIRST)
    assert release(store).success
    first = released(store)
    assert first
    assert "confidence passed: the checkpoint was not calibrated" in first.gates
    assert not (weights_in(store, first, tmp_path / "first") / FILE).exists()
    candidate(tmp_path, FIRST, calibrated=True)
    assert release(store).success
    again = released(store)
    assert again
    assert "a confidence below 0.75 are withheld" in again.gates
    assert again.version != first.version, "who follows takes it, too"
    served = weights_in(store, again, tmp_path / "again") / FILE
    assert served.read_bytes() == CONFIDENCE.read_bytes()


def test_another_checkpoint_than_the_evaluated_one_is_refused(tmp_path: Path) -> None:
    store = candidate(tmp_path, FIRST)
    candidate(tmp_path, FIRST, weights="trained again", predicted=False)
    assert "evaluated: predictions are of another checkpoint" in refusal(release(store)).description
    assert released(store) is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"version": "absent"}, "no release has the version 'absent'; there is none"),
        ({"version": "a", "checkpoint": FIRST}, "not both"),
        ({"checkpoint": "2026-01-20"}, "checkpoint[2026-01-20] is not in the store"),
        ({}, "no checkpoint has a scorecard"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, config: dict[str, str], said: str) -> None:
    result = release(PartitionStore(str(tmp_path)), **config)
    assert said in refusal(result).description


def test_a_rollback_to_damaged_weights_is_refused(tmp_path: Path) -> None:
    store = candidate(tmp_path, FIRST)
    assert release(store).success
    first = released(store)
    assert first
    candidate(tmp_path, SECOND)
    assert release(store).success
    manifest = store.manifest(RELEASES, partition_of(first.version))
    assert manifest
    path = Path(store.uri(RELEASES, partition_of(first.version)), manifest.file(f"checkpoint/{MADE_BY}").file)
    path.write_text("{}")
    result = release(store, version=first.version)
    assert not result.success
    assert "is not what" in str(result.failure_data_for_node("released_model"))
    assert (now := released(store)) and now.checkpoint == SECOND
