"""The calibration of a scripted judge, out of published benchmark files."""

from pathlib import Path

import pytest

from eval_assets.judge_calibration import REPORT, judge_calibration
from partitions.keys import Key
from resources.benchmark_data import BenchmarkDataResource
from resources.language_models import LanguageModelResource
from tests.graph import House, failure, reused
from tests.model_server import Exchange, ModelServer
from tests.published_benchmarks import write_published
from tests.repair_assets.test_leetcode_benchmark import CORRECT, UNDEFINED, instance

ANSWER = "".join(f"{number} {line}\n" for number, line in enumerate(CORRECT.splitlines(), 4))


def knows_the_answer(exchange: Exchange) -> None:
    right = ANSWER in exchange.prompt.partition("<repaired>")[2]
    exchange.answer(f"<verdict>\n{'keep' if right else 'drop'}: I know it.\n</verdict>")


@pytest.mark.usefixtures("contained")
def test_a_judge_that_knows_the_answers_is_said_to_know_them(tmp_path: Path):
    house = House(tmp_path)
    write_published(tmp_path / "data", [instance(UNDEFINED)])
    house.resources["benchmark_data"] = BenchmarkDataResource(folder=str(tmp_path / "data"))
    with ModelServer(knows_the_answer) as server:
        house.resources["language_model"] = LanguageModelResource(
            model="openai/judge", base_url=server.base_url, answers=str(tmp_path / "answers.sqlite")
        )
        result = house.run([judge_calibration], Key())
        manifest = house.manifest("judge_calibration", Key())
        assert (manifest.rows_in, manifest.rows_out) == (3, 3)
        answers = {(row["label"], row["answer"]) for row in house.rows("judge_calibration", Key())}
        assert answers == {("right", "kept"), ("wrong", "dropped"), ("cheat", "dropped")}
        (event,) = result.asset_materializations_for_node("judge_calibration")
        assert (event.metadata["precision"].value, event.metadata["recall"].value) == (1.0, 1.0)
        report = house.store.read_bytes("judge_calibration", {}, REPORT).decode()
        assert report.startswith("openai/judge@")
        assert "| right | 1 | 0 | 0 | 100.0% (1 of 1; 20.7% to 100.0%) |" in report
        assert len(server.requests) == 3
        assert reused(house.run([judge_calibration], Key()))["judge_calibration"]
        assert len(server.requests) == 3


def test_without_data_it_says_what_to_set(tmp_path: Path):
    result = House(tmp_path).run([judge_calibration], Key(), raise_on_error=False)
    assert "REPAIR_BENCHMARK_DATA" in failure(result, "judge_calibration")
