"""Points for a GPU without this project: what it trains and decodes is what is trained and decoded here."""

import importlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from repair.language_servers import LanguageServers
from repair.models.decoding import Decoder
from repair.models.model import Sampling
from repair.models.tokenizer import train_tokenizer
from repair.training.dataset import TRAIN, rendered
from repair.training.recipe import Recipe
from repair.training.recipes import load_recipe
from repair.training.scaling import nested_subset
from tests.conftest import ROOT
from tests.eval_assets.test_scaling import SIZE, store_benchmark, store_mixture
from tests.graph import DAY, House
from tests.small_llama import save_llama

CONTEXT = 256
POINTS = [f"smollm2-135m|{SIZE}", f"smollm2-135m-search-replace|{SIZE}", "smollm2-135m|0"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A frozen benchmark and a mixture of 310 training examples."""
    house = House(tmp_path_factory.mktemp("house"))
    store_mixture(house, store_benchmark(house, tests=None))
    return house


@pytest.fixture(scope="module")
def base(house: House) -> Path:
    """A Llama of random weights in Hugging Face format."""
    rows = rendered(house.store, "training_mixture", {"date": DAY}).to_pylist()
    tokenizer = train_tokenizer([row["prompt"] + row["response"] for row in rows], 320, context=2 * CONTEXT)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    save_llama(house.folder / "base", tokenizer, context=2 * CONTEXT, seed=3, **sizes, **heads)
    return house.folder / "base"


def small(base: Path, **overrides: Any) -> Recipe:
    return load_recipe(
        "smollm2-135m",
        {
            **{"base.path": str(base), "base.sha256": None, "max_seq_len": CONTEXT, "threads": 1},
            **{"base.fewest_sentinel_tokens": 1, "base.most_sentinel_tokens": 20},
            **{"global_batch_size": 8, "schedule.warmup_batches": 5, "precision": "fp32"},
            "optimizer.learning_rate": 1e-2,
            **overrides,
        },
    )


@pytest.fixture(scope="module")
def bundle(house: House, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "bench")
        packing = importlib.import_module("gpu_bundle")

    def recipe_of(name: str, overrides: Mapping[str, Any]) -> Recipe:
        return small(base, **overrides)

    folder = tmp_path_factory.mktemp("bundle")
    packing.pack(house.store, folder, POINTS, recipe_of)
    return folder


def same_start(weight: Any, **_: Any) -> Any:
    """Adapters that begin alike wherever they are made, in whatever order."""
    import torch

    with torch.no_grad():
        return weight.copy_(
            torch.linspace(-1, 1, weight.numel()).view_as(weight) / math.sqrt(weight.shape[-1])
        )


def test_the_losses_are_those_of_the_training_program(
    house: House, base: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch

    from repair.training.program import train

    monkeypatch.syspath_prepend(ROOT / "bench")
    there = importlib.import_module("gpu_scaling")
    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", same_start)
    point, *_ = json.loads((bundle / "points.json").read_text())
    cpu = torch.device("cpu")
    losses = list(there.train(there.load_base(bundle, cpu), point, there.Points(bundle / point["data"]), cpu))

    rows = rendered(house.store, "training_mixture", {"date": DAY}).to_pylist()
    learned = {row["example_id"]: row for row in rows if row["split"] == TRAIN}
    chosen = [learned[name] for name in nested_subset(learned, SIZE, 17)]
    pq.write_table(pa.Table.from_pylist(chosen), tmp_path / "mixture.parquet")
    reported: list[dict[str, Any]] = []
    here = small(base, resumption=None)
    train(here, str(tmp_path / "mixture.parquet"), str(tmp_path / "out"), reported.append)
    expected = [figures for figures in reported if "loss" in figures]
    assert losses == pytest.approx([figures["loss"] for figures in expected], rel=1e-4)
    assert losses[-1] < losses[0]
    rates = [there.learning_rate(point, step, len(expected)) for step in range(len(expected))]
    assert rates == pytest.approx([figures["learning_rate"] for figures in expected], rel=1e-6)


def test_the_answers_are_those_of_the_decoder(
    base: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.syspath_prepend(ROOT / "bench")
    there, packing = (importlib.import_module(name) for name in ("gpu_scaling", "gpu_bundle"))
    cpu, decoder = torch.device("cpu"), Decoder(str(base))
    prompts = ["import sys\n", "name = 3\nnam\n", "x"]
    tokens = [
        there.np.array(ids, dtype="int32") for ids in packing.encode_prompts(decoder.tokenizer, prompts)
    ]
    answers = there.decode(there.load_base(bundle, cpu), tokens, 24, cpu)
    found = [packing.completion(decoder.tokenizer, answer) for answer in answers]
    sampling = Sampling(temperature=0, max_new_tokens=24)
    for batch in decoder.decode(prompts, sampling, k=1, batch_size=3):
        for index, _, expected in batch:
            assert (found[index].text, found[index].output_tokens) == (expected.text, expected.output_tokens)


def test_answers_are_made_once_and_counted_as_points_are(
    house: House, bundle: Path, servers: LanguageServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    there, packing = (importlib.import_module(name) for name in ("gpu_scaling", "gpu_bundle"))
    assert list(packing.scored(house.store, bundle, tmp_path, servers)) == []
    monkeypatch.setattr("sys.argv", ["gpu_scaling.py", str(bundle), "--out", str(tmp_path)])
    there.main()
    trained, *_ = files = [tmp_path / f"{point.replace('|', '-')}.json" for point in POINTS]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    answers = json.loads(trained.read_text())
    assert len(answers["answers"]) == 3 and answers["losses"][-1] < answers["losses"][0]
    assert json.loads(files[2].read_text())["losses"] == [], "the base is not trained"

    first = packing.samples_of(house.store)[0]
    tokenizer = packing.load_tokenizer(bundle / "base" / "tokenizer")
    answers["answers"][0] = tokenizer.encode(first["reference"], add_special_tokens=False)
    trained.write_text(json.dumps(answers))
    there.main()
    assert json.loads(trained.read_text()) == answers, "what has its answers is left alone"
    rows = list(packing.scored(house.store, bundle, tmp_path, servers))
    told = {
        (row["recipe"], row["size"], row["benchmark"]): (row["n"], row["repaired"], row["examples"])
        for row in rows
    }
    assert told == {
        (name, int(size), benchmark): (n, int((number, benchmark) == (0, "leetcode")), int(size))
        for number, (name, size) in enumerate(point.split("|") for point in POINTS)
        for benchmark, n in (("leetcode", 2), ("leetcode_injected", 1))
    }
    trained.write_text(json.dumps({**answers, "point": {**answers["point"], "seed": 18}}))
    of_this_bundle = list(packing.scored(house.store, bundle, tmp_path, servers))
    assert len(of_this_bundle) == len(rows) - 2, "answers of another bundle are not taken for its own"
    assert {row["precision"] for row in rows} == {"float32, CPU"}


def test_a_bundle_has_one_base_and_enough_examples(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    packing = importlib.import_module("gpu_bundle")
    for points, said in (
        (["smollm2-135m|300", "deepseek-coder-7b-instruct-v1.5|300"], "a bundle has one base"),
        (["scratch-2m|300"], "no base to pack"),
        (["deepseek-coder-7b-instruct-v1.5|300"], "trains no adapter"),
        (["smollm2-135m-self-taught|300"], "verifies its answers between two trainings"),
        (["smollm2-135m|301", "smollm2|300"], r"smollm2-135m\|301, smollm2\|300: no points"),
    ):
        with pytest.raises(SystemExit, match=said):
            packing.pack(house.store, tmp_path, points)
    empty = House(tmp_path / "empty")
    store_mixture(empty, store_benchmark(empty, ()))
    with pytest.raises(SystemExit, match="has no samples to answer: set REPAIR_BENCHMARK_DATA"):
        packing.pack(empty.store, tmp_path, POINTS)
