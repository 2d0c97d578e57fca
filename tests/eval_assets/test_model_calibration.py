"""A checkpoint's confidence is calibrated on tested answers, and goes where its answers go."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from eval_assets.model_calibration import model_calibration
from partitions.keys import Key
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.evaluation.leetcode.problem_tests import Case, ProblemTests
from repair.evaluation.model_confidence import K
from repair.line_diff.numbered import diff
from repair.models.made_by import write_made_by
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.sentinels import render_response
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.verification.confidence import FILE, Calibration, Signals
from repair_assets.synthesized_diffs import synthesized_diffs
from resources.stored_checkpoint import calibration_of, local_checkpoint
from resources.trainer import TrainerResource
from tests.eval_assets.test_scaling import write
from tests.graph import DAY, DIAGNOSTICS, LANGUAGE_SERVERS, House, failure, record, reused, typing_errors
from tests.stored_examples import TYPES

CHOOSE, REPORTED = "leetcode_injected_choose", "leetcode_injected"
PLAIN, TWO_SPANS, UNREPAIRED = range(8), range(8, 11), range(11, 13)
"""Problems that the model repairs, that it repairs wrongly by two changes, and that it does not repair."""
SAMPLES = len(PLAIN) + len(TWO_SPANS) + len(UNREPAIRED)


def texts(number: int) -> tuple[str, str, str]:
    """A problem's solution: broken, right, and what the servers accept and its tests do not."""
    right = (
        "class Solution:\n"
        f"    def area_{number}(self, width: int, height: int) -> int:\n"
        f"        return width * height + {number}\n"
    )
    broken = right.replace("return width", "return widht")
    return broken, right, right.replace("return width * height", "return height * height * width")


def problem(number: int, benchmark: str = CHOOSE) -> dict[str, Any]:
    broken, right, _ = texts(number)
    before = LANGUAGE_SERVERS.servers().check_workspace({"main.py": broken})
    (shown,) = (found for found in before if found.code == "ruff[F821]")
    cases = [Case([width, 7], 7 * width + number) for width in (1, 2, 3)]
    tests = ProblemTests("Solution", f"area_{number}", ["value", "value"], cases=cases)
    return dict.fromkeys(BENCHMARK_SAMPLES.names) | {
        **{"sample_id": f"{number:02}", "benchmark": benchmark, "project_id": "p", "code": shown.code},
        **{"path": "main.py", "target": right, "tests": tests.to_json()},
        "reference": render_response(diff(broken, right)),
        "files": [{"path": "main.py", "text": broken}],
        "diagnostic": shown.as_row(),
        "before": [found.as_row() for found in before],
    }


class Searched(TrainerResource):
    """Answers problems as it is told; any other question by the first name that is one letter away."""

    knows: bool = True

    def decode(
        self, context: Any, prompts: Sequence[str], k: int, *, checkpoint: str, sampling: Sampling, **how: Any
    ) -> list[list[Completion]]:
        assert sampling.search and (Path(checkpoint) / "adapter_model.safetensors").is_file()
        with Path(self.answers).open("a") as log:
            log.write(f"{len(prompts)} {k}\n")
        return [[self._answer(prompt, order) for order in range(k)] for prompt in prompts]

    def _answer(self, prompt: str, order: int) -> Completion:
        [number] = set(map(int, re.findall(r"def area_(\d+)", prompt)))
        text = "</diff>"
        if "class Solution" not in prompt:
            line = next(line for line in prompt.splitlines() if "return widht" in line)
            shown, _, code = line.partition(" ")
            text = f"-{shown} {code}\n+{shown} {code.replace('widht', 'width')}\n</diff>"
        elif self.knows and not order and number not in UNREPAIRED:
            broken, right, wrong = texts(number)
            text = render_response(diff(broken, right if number in PLAIN else wrong))
        return Completion(text, FinishReason.CLOSED, 100, 30, 1.0, -0.5)


def store_checkpoint(house: House, weights: str = "w") -> Manifest:
    tree = house.folder / "tree" / weights
    tree.mkdir(parents=True, exist_ok=True)
    (tree / "adapter_model.safetensors").write_text(weights)
    write_made_by(tree, {"recipe": {"name": "tiny"}})
    with house.store.writer("checkpoint", Key(DAY).segments()) as writer:
        writer.write("data", pa.table({"example_id": ["a"]}))
        writer.write_tree(tree, "checkpoint")
        return writer.commit(fingerprint=weights, inputs={}, versions={}, rows_in=1)


def store_problems(house: House, numbers: Sequence[int] = range(SAMPLES)) -> None:
    samples = [*map(problem, numbers), problem(50, REPORTED)]
    for kind in TYPES:
        own = samples if kind == "F821" else []
        write(house, "leetcode_benchmark", Key(None, kind), pa.Table.from_pylist(own, BENCHMARK_SAMPLES))


def deployed(folder: Path, **trainer: Any) -> House:
    house = House(folder)
    house.resources["trainer"] = Searched(answers=str(folder / "decoded"), **trainer)
    store_checkpoint(house)
    return house


def calibrate(house: House) -> dg.ExecuteInProcessResult:
    return house.run([model_calibration], Key(DAY))


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [found] = [one for one in result.get_asset_check_evaluations() if one.check_name == "precise_threshold"]
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A calibrated checkpoint."""
    house = deployed(tmp_path_factory.mktemp("house"))
    store_problems(house)
    return house


@pytest.fixture(scope="module")
def calibrated(house: House) -> dg.ExecuteInProcessResult:
    return calibrate(house)


def of_house(house: House) -> Calibration:
    manifest = house.store.manifest("checkpoint", Key(DAY).segments())
    assert manifest
    found = calibration_of(house.store, manifest)
    assert found
    path = house.folder / FILE
    path.write_bytes(found)
    return Calibration.read_from(path)


def test_the_threshold_withholds_what_is_wrong(house: House, calibrated: dg.ExecuteInProcessResult) -> None:
    manifest, rows = house.manifest("model_calibration", Key(DAY)), house.rows("model_calibration", Key(DAY))
    assert manifest.rows_in == len(rows) == 2 * SAMPLES, "of the model and of the rules"
    own = {int(row["sample_id"]): row for row in rows if row["system"] == "model"}
    found = of_house(house)
    shown = {
        number
        for number, row in own.items()
        for repair in row["repairs"]
        if repair["confidence"] >= found.threshold
    }
    assert shown == set(PLAIN)
    assert {number for number, row in own.items() if any(one["right"] for one in row["repairs"])} == shown
    assert {number for number, row in own.items() if not row["repairs"]} == set(UNREPAIRED)
    assert {number for number, row in own.items() if row["answers"] == 1} == set(PLAIN)
    assert {row["answers"] for number, row in own.items() if number not in PLAIN} == {K}
    plain = Signals(needless=0, code_as_text=False, spans=1, later=False, log_probability=-0.5)
    assert found.probability(plain) == own[0]["repairs"][0]["confidence"]
    decoded = [tuple(map(int, line.split())) for line in (house.folder / "decoded").read_text().splitlines()]
    assert decoded[:2] == [(SAMPLES, K), (SAMPLES - len(PLAIN), K)], "the second finds the first's in the log"


def test_the_page_of_the_asset_says_how_reliable_it_is(calibrated: dg.ExecuteInProcessResult) -> None:
    (event,) = calibrated.asset_materializations_for_node("model_calibration")
    shown, right = (event.metadata[name].value for name in ("shown", "right"))
    assert shown == right and isinstance(shown, int) and shown >= len(PLAIN)
    assert f"| {len(PLAIN)} | " in str(event.metadata["by_confidence"].value)
    assert "data:image/png;base64," in str(event.metadata["reliability"].value)


def test_too_few_right_repairs_are_told_with_what_to_do(calibrated: dg.ExecuteInProcessResult) -> None:
    found = check_of(calibrated)
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    assert re.search(r"shown repairs are right: at least \d+\.\d %. What to do: ", found.description or "")


def test_what_is_stored_is_reused(house: House, calibrated: dg.ExecuteInProcessResult) -> None:
    assert reused(calibrate(house)) == {"model_calibration": True}


def test_a_local_checkpoint_has_its_calibration_and_not_that_of_other_weights(
    house: House, calibrated: dg.ExecuteInProcessResult
) -> None:
    def local(store: PartitionStore) -> Calibration | None:
        manifest = house.manifest("checkpoint", Key(DAY))
        with local_checkpoint(store, manifest, house.resources["trainer"]) as folder:
            return Calibration.read(folder)

    assert local(house.store) == of_house(house)
    try:
        store_checkpoint(house, "others")
        assert local(house.store) is None
    finally:
        store_checkpoint(house)


def test_a_checkpoint_of_which_nothing_verifies_has_none(tmp_path: Path) -> None:
    house = deployed(tmp_path, knows=False)
    store_problems(house, [0])
    result = calibrate(house)
    assert house.manifest("model_calibration", Key(DAY)).extra["calibration"] is None
    assert calibration_of(house.store, house.manifest("checkpoint", Key(DAY))) is None
    assert "no answer of the checkpoint verifies" in (check_of(result).description or "")


def test_without_samples_nothing_is_asked_and_nothing_is_wrong(tmp_path: Path) -> None:
    house = deployed(tmp_path)
    store_problems(house, [])
    result = calibrate(house)
    assert house.manifest("model_calibration", Key(DAY)).rows_in == 0
    assert check_of(result).passed
    assert {line.split()[0] for line in (tmp_path / "decoded").read_text().splitlines()} == {"0"}


def test_the_checkpoint_teaches_by_its_own_calibration(
    house: House, calibrated: dg.ExecuteInProcessResult
) -> None:
    names = Key(DAY, "F821")
    record(house.folder / "recording", [typing_errors("area", range(2))])
    house.events()
    house.run(DIAGNOSTICS[:3], names)

    def taught(date: str, *, ok: bool = True) -> dg.ExecuteInProcessResult:
        config = {"synthesized_diffs": {"teacher": "model", "checkpoint": date, "candidates": 2}}
        return house.run([synthesized_diffs], names, config=config, raise_on_error=ok)

    taught(DAY)
    rows = house.rows("synthesized_diffs", names)
    assert {row["teacher"] for row in rows} == {f"checkpoint-{DAY}"}
    assert len(rows) == 2
    made_of = house.manifest("synthesized_diffs", names).inputs
    assert {f"checkpoint[{DAY}]", f"model_calibration[{DAY}]"} <= made_of.keys()
    assert "checkpoint[2026-01-20] is not in the store" in failure(
        taught("2026-01-20", ok=False), "synthesized_diffs"
    )
    store_checkpoint(house, "others")
    said = failure(taught(DAY, ok=False), "synthesized_diffs")
    assert f"the model checkpoint-{DAY} has no confidence.json" in said
    assert "materialize model_calibration of its checkpoint first" in said
    assert json.loads((house.folder / FILE).read_text())["threshold"] > 0
