"""Predictions of a date: real decoding of a small checkpoint, a real HTTP model, a child that is killed."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from eval_assets.eval_results import eval_results
from eval_assets.predictions import Answering, predictions
from partitions.keys import Key
from repair.evaluation.benchmark import BENCHMARK_SAMPLES, PREDICTIONS
from repair.models.baselines import EMPTY, HISTORY
from repair.models.decoding import BATCH
from repair.models.tokenizer import train_tokenizer
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PROMPT_VERSION
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES
from repair_assets.benchmarks import BENCHMARKS
from resources.language_models import LanguageModelResource
from tests.graph import DAY, House, check, failure, reused
from tests.model_server import Exchange, ModelServer
from tests.own_process import TrainerInThisProcess
from tests.repair.evaluation.test_predictions import sample
from tests.small_llama import save_llama
from tests.stored_examples import TYPES

DATE, NAMES = Key(DAY), Key(DAY, "F821")
SAMPLES = BATCH // 2 + 1  # two answers to each are two batches
CONTEXT = 4096
SHORT = {"max_new_tokens": 8}
# a model of random weights never ends by itself: its second batch takes long enough to be killed in
TWICE = {"answers": 2, "temperature": 1.0, "max_new_tokens": 400}


def stored(house: House, asset: str, key: Key, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    with house.store.writer(asset, key.segments()) as writer:
        writer.write("data", pa.Table.from_pylist([dict(row) for row in rows], schema))
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=len(rows))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama of random weights in Hugging Face format."""
    folder = tmp_path_factory.mktemp("weights")
    tokenizer = train_tokenizer(["x"], 260, context=CONTEXT)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    save_llama(folder, tokenizer, context=CONTEXT, seed=17, **sizes)
    return folder


class Bench:
    """A deployment with frozen benchmarks and the checkpoint of one day."""

    def __init__(self, folder: Path, weights: Path | None, base: Mapping[str, Any] | None = None) -> None:
        self.house = House(folder)
        for name in BENCHMARKS:
            for known in TYPES:
                full = (name, known) == ("workspace_benchmark", "F821")
                rows = [sample(number) for number in range(SAMPLES)] if full else []
                stored(self.house, name, Key(None, known), rows, BENCHMARK_SAMPLES)
        if weights is not None:
            self.train(weights, base or {"kind": "FromScratch"})

    def decode_here(self) -> None:
        """No further child: it would load torch once more."""
        self.house.resources["trainer"] = TrainerInThisProcess(answers=str(self.house.folder / "decoded"))

    def train(self, weights: Path, base: Mapping[str, Any]) -> None:
        """Store the weights as the day's checkpoint."""
        made_by = {"recipe": {"name": "by hand", "base": base}}
        (weights / "made_by.json").write_text(json.dumps(made_by))
        with self.house.store.writer("checkpoint", DATE.segments()) as writer:
            writer.write_tree(weights, "checkpoint")
            writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=0)

    def predict(self, *, ok: bool = True, **config: Any) -> Any:
        return self.house.run(
            [predictions], DATE, config={"predictions": {**SHORT, **config}}, raise_on_error=ok
        )

    def rows(self) -> list[dict[str, Any]]:
        return self.house.rows("predictions", DATE)

    def answers(self) -> dict[tuple[str, str, int], str]:
        return {(row["system"], row["sample_id"], row["answer_index"]): row["answer"] for row in self.rows()}

    def logs(self) -> list[Path]:
        return sorted((self.house.folder / "decoded").glob("*.jsonl"))


def children() -> list[int]:
    """The decoding processes that this one started."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"code_location.decode_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Killed:
    """What a run was like whose child was killed while it decoded."""

    result: Any
    survived: bytes
    """What was in its log of answers."""
    stored: bool
    """Whether anything of the partition was seen."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> tuple[Bench, Killed]:
    """A date whose decoding was killed with -9 after its first batch, and then run again."""
    bench = Bench(tmp_path_factory.mktemp("bench"), weights)

    def kill() -> None:
        while not (bench.logs() and bench.logs()[0].read_bytes().count(b"\n") >= BATCH):
            time.sleep(0.002)
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = bench.predict(ok=False, **TWICE)
    killer.join(timeout=60)
    manifest = bench.house.store.manifest("predictions", DATE.segments())
    survived = Killed(result, bench.logs()[0].read_bytes(), manifest is not None)
    assert reused(bench.predict(**TWICE)) == {"predictions": False}
    bench.decode_here()
    return bench, survived


@pytest.fixture(scope="module")
def bench(killed: tuple[Bench, Killed]) -> Bench:
    return killed[0]


@pytest.mark.slow
def test_a_child_that_is_killed_leaves_no_partition_and_nothing_is_decoded_twice(
    killed: tuple[Bench, Killed],
) -> None:
    bench, run = killed
    assert "failed with code -9" in failure(run.result, "predictions")
    assert not run.stored, "nothing of it is seen as whole"
    assert BATCH <= run.survived.count(b"\n") < 2 * SAMPLES
    [log] = bench.logs()
    assert log.read_bytes().startswith(run.survived[: run.survived.rfind(b"\n") + 1])
    assert len(log.read_bytes().splitlines()) == 2 * SAMPLES


def test_every_model_has_its_answers_to_every_sample(bench: Bench) -> None:
    manifest = bench.house.manifest("predictions", DATE)
    systems = Answering().models
    assert manifest.rows_in == manifest.rows_out == len(systems) * SAMPLES * 2
    table = bench.house.store.table("predictions", DATE.segments())
    assert table.schema.names == PREDICTIONS.names
    rows = table.to_pylist()
    assert Counter(row["system"] for row in rows) == dict.fromkeys(systems, SAMPLES * 2)
    samples = {row["sample_id"]: row for row in map(sample, range(SAMPLES))}
    assert all(row["prompt"] == prompt_of(samples[row["sample_id"]]) for row in rows)
    decoded = [row for row in rows if row["system"] == "model"]
    assert {row["finish_reason"] for row in decoded} <= {"cut", "ended", "closed"}
    assert all(row["seconds"] > 0 and row["input_tokens"] > 0 for row in decoded)
    assert manifest.extra["systems"] == systems
    # a prompt is stored once, however many answers it has
    names = bench.house.store.table("predictions", DATE.segments(), texts=False).schema.names
    assert "prompt_sha256" in names and "prompt" not in names


def test_scoring_decodes_nothing_and_gives_a_row_for_each_answer(bench: Bench, tmp_path: Path) -> None:
    house = bench.house
    started = [log.stat().st_mtime_ns for log in bench.logs()]
    for known in TYPES:
        house.run([eval_results], Key(DAY, known))
    rows = house.rows("eval_results", NAMES)
    given = [(row["system"], row["sample_id"], row["answer_index"], row["answer"]) for row in bench.rows()]
    assert [(row["system"], row["sample_id"], row["answer_index"], row["answer"]) for row in rows] == given
    assert {row["repaired"] for row in rows if row["system"] == "history"} == {True}
    assert {row["seconds"] is None for row in rows if row["system"] == "model"} == {False}
    assert house.manifest("eval_results", Key(DAY, "E722")).rows_in == 0
    assert [log.stat().st_mtime_ns for log in bench.logs()] == started
    assert reused(house.run([eval_results], NAMES)) == {"eval_results": True}


def test_another_model_or_answer_decodes_only_what_is_new(bench: Bench) -> None:
    assert reused(bench.predict(**TWICE)) == {"predictions": True}
    before, [log] = bench.answers(), bench.logs()
    lines = log.read_bytes()
    bench.predict(**{**TWICE, "models": ["model"]})
    assert log.read_bytes() == lines, "nothing is decoded again"
    bench.predict(**{**TWICE, "answers": 3, "models": ["model", "empty"]})
    assert bench.logs() == [log]
    assert len(log.read_bytes().splitlines()) == 3 * SAMPLES
    assert log.read_bytes().startswith(lines)
    model = {key: answer for key, answer in before.items() if key[0] == "model"}
    assert model.items() <= bench.answers().items()


def answers_that_repair(exchange: Exchange) -> None:
    number = exchange.prompt.partition("return widht_")[2].partition(" ")[0]
    if number == "3":
        exchange.error(400, "no answer to this one")
    else:
        exchange.answer(sample(int(number))["reference"])


def with_model(bench: Bench, server: ModelServer) -> None:
    bench.house.resources["language_model"] = LanguageModelResource(
        model="openai/scripted",
        base_url=f"{server.base_url}/with-a-token",
        answers=str(bench.house.folder / "answers.sqlite"),
    )
    server.path = "/v1/with-a-token/chat/completions"


def test_a_language_model_answers_by_the_same_interface(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None)  # without a checkpoint: none is asked
    shown = {"example_id": "e", "project_id": "learned", "code": "ruff[F821]"}
    shown["prompt_version"] = PROMPT_VERSION
    example = {**shown, "prompt": prompt_of(sample(70)), "response": sample(70)["reference"]}
    stored(bench.house, "few_shot_examples", Key(), [example], FEW_SHOT_EXAMPLES)
    models = ["0-shot", "history", "openai/other 1-shot"]
    with ModelServer(answers_that_repair) as server:
        with_model(bench, server)
        result = bench.predict(models=models)
        assert not check(result, "predictions", "answered").passed
        assert check(result, "predictions", "rows_add_up").passed
        asked = len(server.requests)
        shots = {request["model"]: len(request["messages"]) for request in server.requests}
        assert shots == {"scripted": 3, "other": 5}
        again = bench.predict(models=[*models, "empty"])
        assert reused(again) == {"predictions": False}
        # only those without an answer are asked again
        assert len(server.requests) == asked + 2
    systems = ["openai/scripted 0-shot", "history", "openai/other 1-shot", "empty"]
    assert list(dict.fromkeys(row["system"] for row in bench.rows())) == systems
    found = {(row["system"], row["sample_id"]): row for row in bench.rows()}
    for system in (systems[0], systems[2]):
        reasons = [found[system, str(number)]["finish_reason"] for number in range(SAMPLES)]
        assert reasons == ["ended" if number != 3 else "unanswered" for number in range(SAMPLES)]
        assert json.loads(found[system, "0"]["prompt"])[0]["role"] == "system"
    manifest = bench.house.manifest("predictions", DATE)
    assert manifest.extra["questions_failed"] == {systems[0]: 1, systems[2]: 1}
    assert manifest.extra["usage"][systems[0]]["input_tokens"] > 0
    assert "with-a-token" not in f"{manifest.to_json()}{bench.rows()}"
    bench.house.run([eval_results], NAMES)
    outcomes = Counter((row["system"], row["outcome"]) for row in bench.house.rows("eval_results", NAMES))
    assert outcomes[systems[0], "repaired"] == SAMPLES - 1
    assert outcomes[systems[0], "no_diff"] == 1, "what is not answered counts as wrong"


def test_the_base_of_a_checkpoint_is_asked_with_instructions(tmp_path: Path, weights: Path) -> None:
    bench = Bench(tmp_path, weights, {"kind": "Pretrained", "path": str(weights), "revision": None})
    bench.decode_here()
    bench.predict(models=["base"])
    prompt = bench.rows()[0]["prompt"]
    assert prompt.startswith("You are an expert assistant")
    assert prompt.endswith(f"\n\n{prompt_of(sample(0))}")
    assert {row["system"] for row in bench.rows()} == {"base"}


REFUSED = [
    ({"models": ["modle"]}, "models names 'modle': expected model, base, empty, history, rules, or 0-shot"),
    ({"models": ["3-shot"]}, "models names '3-shot'"),
    ({"models": ["model", "model"]}, "models names 'model' twice"),
    ({"models": ["openai/m 0-shot", "openai/m 0-shot"]}, "models names 'openai/m 0-shot' twice"),
    ({"models": []}, "models is empty"),
    ({"models": ["0-shot"]}, "set REPAIR_MODEL"),
    ({"models": ["base"]}, "was trained from scratch by the recipe by hand"),
    ({"answers": 0}, "answers is 0"),
    ({"answers": 2, "temperature": 0}, "would all be the same"),
    ({"search": True}, "a search draws nothing"),
    ({"top_p": 2.0}, "top_p 2.0"),
]


@pytest.mark.parametrize(("config", "said"), REFUSED)
def test_a_bad_configuration_is_refused(bench: Bench, config: dict[str, Any], said: str) -> None:
    assert said in failure(bench.predict(ok=False, **config), "predictions")


def test_answers_to_another_release_of_a_benchmark_are_not_scored(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None)
    bench.predict(models=[HISTORY.name, EMPTY.name])
    stored(bench.house, "workspace_benchmark", Key(None, "F821"), [sample(9)], BENCHMARK_SAMPLES)
    result = bench.house.run([eval_results], NAMES, raise_on_error=False)
    assert f"predictions[{DAY}] answers another workspace_benchmark[F821]" in failure(result, "eval_results")
    bench.house.run([eval_results], Key(DAY, "E722"))  # another type is not touched by it


def test_scores_without_predictions_say_what_is_missing(tmp_path: Path) -> None:
    result = Bench(tmp_path, None).house.run([eval_results], NAMES, raise_on_error=False)
    assert f"predictions[{DAY}] is not in the store" in failure(result, "eval_results")
