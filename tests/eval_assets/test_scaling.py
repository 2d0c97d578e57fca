"""Scaling study: a model is really trained, decoded and scored; the page compares stored points."""

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_assets.scaled_models import asked_as, render_in
from eval_assets.scaling import RESULTS, scaling_page, scaling_results
from partitions.keys import Key
from repair.dataset.mixture import MIXTURE
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.evaluation.intervals import Share
from repair.evaluation.scaling import BENCHMARKS, SCALING_RESULTS
from repair.line_diff import unified
from repair.line_diff.numbered import diff
from repair.models.checkpoint import CheckpointModel
from repair.prompt.answer_formats import answer_format, written
from repair.prompt.sentinels import parse, render_response
from repair.schema.stages import FILES
from repair.training.dataset import read_mixture, rendered
from repair.training.scaling import SCALED, Scaled, nested_subset
from resources.trainer import DECODING
from tests.conftest import ROOT
from tests.graph import DAY, House, failure, misspelt, reused, undefined
from tests.own_process import TrainerInThisProcess
from tests.repair.evaluation.test_predictions import sample
from tests.repair.evaluation.test_scaling import rows as answered
from tests.stored_examples import TYPES

SIZE, HELD_OUT = 300, 3
POINT = Key(recipe="scratch-2m", size=str(SIZE))
SMALL = {
    "base.vocabulary": 320,
    "base.hidden_size": 16,
    "base.intermediate_size": 32,
    "base.layers": 1,
    "base.heads": 2,
    "epochs": 2,
    "max_seq_len": 256,
    "global_batch_size": 16,
    "threads": 1,
}
CONFIG = {RESULTS: {"overrides": SMALL, "max_new_tokens": 4}}
ASKED = ("leetcode", "leetcode_injected", "leetcode_injected_choose", "leetcode")
"""The benchmark of each sample."""


class Interrupted(TrainerInThisProcess):
    """Writes down what it runs; decoding fails while there is a file `broken` beside the answers."""

    def run(self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]) -> Any:
        with self.ran.open("a") as log:
            log.write(f"{module}\n")
        if module == DECODING and Path(self.answers, "broken").exists():
            raise dg.Failure("decoding was interrupted", allow_retries=False)
        super().run(context, module, extras)

    @property
    def ran(self) -> Path:
        folder = Path(self.answers)
        folder.mkdir(exist_ok=True)
        return folder / "ran"


def write(house: House, asset: str, key: Key, table: pa.Table, **made_of: Any) -> None:
    with house.store.writer(asset, key.segments()) as writer:
        writer.write("data", table)
        usual: dict[str, Any] = {"fingerprint": "by hand", "inputs": {}, "versions": {}}
        writer.commit(**usual | made_of, rows_in=len(table))


def store_benchmark(house: House, asked: Sequence[str] = ASKED, tests: str | None = "{}") -> dict[str, str]:
    """Freeze the LeetCode benchmark; returns the versions that a mixture is made against."""
    samples = [sample(number, benchmark=name, tests=tests) for number, name in enumerate(asked)]
    versions: dict[str, str] = {}
    for kind in TYPES:
        key = Key(None, kind)
        own = samples if kind == "F821" else []
        write(house, "leetcode_benchmark", key, pa.Table.from_pylist(own, BENCHMARK_SAMPLES))
        versions[f"leetcode_benchmark[{key}]"] = house.manifest("leetcode_benchmark", key).data_version
    return versions


def store_mixture(house: House, inputs: Mapping[str, str]) -> None:
    """A mixture of `SIZE` and ten more training examples, whose texts are those of a stage of the day."""
    rows: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    for number in range(SIZE + 10 + HELD_OUT):
        broken, repaired = f"nam = {number}\nname\n", f"name = {number}\nname\n"
        shown = undefined(broken, "name")
        files.append({"files": [{"path": "main.py", "text": broken}]})
        rows.append(
            dict.fromkeys(MIXTURE.names)
            | {
                "example_id": f"{number:04}",
                "project_id": "p",
                "code": shown["code"],
                "split": "train" if number >= HELD_OUT else "validation",
                "path": "main.py",
                "message": shown["message"],
                "error_line": shown["start_line"],
                "response": render_response(diff(broken, repaired)),
                "date": DAY,
                "text_sha256": hashlib.sha256(broken.encode()).hexdigest(),
            }
        )
    texts = pa.Table.from_pylist(files, pa.schema([("files", FILES)]))
    write(house, "error_states", Key(DAY, "F821"), texts)
    write(house, "training_mixture", Key(DAY), pa.Table.from_pylist(rows, MIXTURE), inputs=inputs)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A frozen benchmark, a mixture of 310 training examples, and programs that leave states."""
    house = House(tmp_path_factory.mktemp("house"))
    folder = house.folder
    house.resources["trainer"] = Interrupted(answers=str(folder / "decoded"), states=str(folder / "states"))
    store_mixture(house, store_benchmark(house))
    return house


def run(house: House, key: Key, **options: Any) -> dg.ExecuteInProcessResult:
    return house.run([scaling_results], key, config=CONFIG, **options)


def refused(house: House, key: Key) -> str:
    return failure(run(house, key, raise_on_error=False), RESULTS)


@pytest.fixture(scope="module")
def trained(house: House) -> House:
    """The point of 300 examples, whose first run was interrupted after its training."""
    trainer: Interrupted = house.resources["trainer"]
    broken = trainer.ran.parent / "broken"
    broken.touch()
    assert "decoding was interrupted" in refused(house, POINT)
    assert house.store.manifest(RESULTS, POINT.segments()) is None
    broken.unlink()
    assert reused(run(house, POINT)) == {RESULTS: False}
    return house


@pytest.mark.slow
def test_a_run_that_was_interrupted_while_it_decoded_trains_nothing_again(trained: House) -> None:
    trainer: Interrupted = trained.resources["trainer"]
    programs = [line.partition("_main")[0] for line in trainer.ran.read_text().splitlines()]
    assert programs == ["code_location.train", "code_location.decode", "code_location.decode"]
    assert not list(Path(trainer.states).iterdir()), "weights are not kept"
    assert reused(run(trained, POINT)) == {RESULTS: True}
    assert len(trainer.ran.read_text().splitlines()) == 3


def test_the_reported_samples_are_scored_and_rows_say_what_the_model_is(trained: House) -> None:
    manifest, rows = trained.manifest(RESULTS, POINT), trained.rows(RESULTS, POINT)
    assert trained.store.table(RESULTS, POINT.segments()).schema.names == SCALING_RESULTS.names
    assert manifest.rows_in == manifest.rows_out == len(rows) == 3
    assert sorted(row["benchmark"] for row in rows) == ["leetcode", "leetcode", "leetcode_injected"]
    assert {row["functional"] for row in rows} == {False}, "four tokens repair nothing"
    training = manifest.extra["training"]
    assert (training["samples"], training["validation_samples"], training["epochs"]) == (SIZE, 0, 2)
    about = {(row["recipe"], row["size"], row["pretrained"], row["examples"]) for row in rows}
    assert about == {("scratch-2m", SIZE, False, SIZE)}
    assert {row["parameters"] for row in rows} == {training["parameters"]}
    assert {row["tokens"] for row in rows} == {2 * training["tokens"]}


def test_it_is_trained_on_the_first_examples_of_the_seeded_order(trained: House, tmp_path: Path) -> None:
    rows = rendered(trained.store, "training_mixture", {"date": DAY}).to_pylist()
    learned = {row["example_id"]: row for row in rows if row["split"] == "train"}
    chosen = [learned[name] for name in nested_subset(learned, SIZE, 17)]
    pq.write_table(pa.Table.from_pylist(chosen), tmp_path / "mixture.parquet")
    expected = read_mixture(str(tmp_path / "mixture.parquet")).fingerprint
    assert trained.manifest(RESULTS, POINT).extra["training"]["data_fingerprint"] == expected


def test_examples_of_another_answer_format_are_asked_and_answered_in_it(house: House) -> None:
    rows = rendered(house.store, "training_mixture", {"date": DAY})
    form = answer_format("search_replace")
    asked = asked_as(rows, Scaled("tiny", answer_format=form.name))
    for row, own in zip(asked.to_pylist(), rows.to_pylist(), strict=True):
        example = parse(own["prompt"] + own["response"])
        assert row["prompt"] == f"{written(form.question(example))}\n<diff>\n"
        assert form.read(row["response"], example.text) == example.line_diff
        assert {**row, "prompt": "", "response": ""} == {**own, "prompt": "", "response": ""}
    assert asked_as(rows, Scaled("tiny")) is rows


@pytest.mark.parametrize("name", [name for name in SCALED if "7b" not in name])
def test_a_model_is_asked_as_it_was_trained(house: House, name: str) -> None:
    scaled = SCALED[name]
    rows = rendered(house.store, "training_mixture", {"date": DAY}, render_in(scaled.variant))
    model = CheckpointModel("m", lambda *_: [], "", scaled.answer_format, scaled.variant)
    for row in asked_as(rows, scaled).to_pylist()[:20]:
        text = f"nam = {int(row['example_id'])}\nname\n"
        asked = {
            "path": "main.py",
            "files": [{"path": "main.py", "text": text}],
            "diagnostic": undefined(text, "name"),
        }
        assert model.prompt(asked) == row["prompt"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            Key(recipe="scratch-2m", size="1000"),
            r"has 310 training examples, and 1,000 are asked for. `make model-data EXAMPLES=2500`",
        ),
        (Key(recipe="scratch-10m", size="0"), "a model from scratch has no base"),
    ],
)
def test_a_size_that_cannot_be_made_is_refused_with_what_to_do(house: House, key: Key, said: str) -> None:
    assert said in refused(house, key)
    assert house.store.manifest(RESULTS, key.segments()) is None


def test_a_mixture_that_was_made_against_other_samples_or_is_absent_is_refused(tmp_path: Path) -> None:
    other = House(tmp_path)
    versions = store_benchmark(other)
    assert "there is no training_mixture yet" in refused(other, POINT)
    store_mixture(other, {**versions, "leetcode_benchmark[F821]": "another"})
    assert "was made against another leetcode_benchmark[F821]" in refused(other, POINT)


def test_a_benchmark_without_samples_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    other = House(tmp_path)
    store_mixture(other, store_benchmark(other, ()))
    assert "has no samples to answer: set REPAIR_BENCHMARK_DATA to the folder" in refused(other, POINT)


def store_point(house: House, recipe: str, size: int, solved: range, **made_of: Any) -> None:
    """A stored point whose rows are those of the test of the points."""
    pretrained = recipe.startswith("smollm2")
    weights = {"scratch-2m": 2_000_000, "scratch-10m": 10_000_000}.get(recipe, 135_000_000) if size else None
    rows = [
        {**dict.fromkeys(SCALING_RESULTS.names), **row, "pretrained": pretrained, "parameters": weights}
        for benchmark in BENCHMARKS
        for row in answered(recipe, size, frozenset(solved), benchmark)
    ]
    usual: dict[str, Any] = {
        "inputs": {"leetcode_benchmark[F821]": "r1", **({"training_mixture[d]": "m1"} if size else {})},
        "versions": {"prompt": "1", "pyright": "1", "ruff": "1", "torch": str(size)},
        "configuration": {"recipe": {"name": recipe}, "seed": 17, "max_new_tokens": 256},
        "extra": {"training": {"precision": "fp32"} if size else None},
    }
    key = Key(recipe=recipe, size=str(size))
    write(house, RESULTS, key, pa.Table.from_pylist(rows, SCALING_RESULTS), **usual | made_of)


def test_the_page_has_both_plots_and_marks_pretrained_models_apart(tmp_path: Path) -> None:
    house = House(tmp_path)
    result = house.run([scaling_page], Key(), raise_on_error=False)
    assert "there are no scaling_results yet" in failure(result, "scaling_page")
    for recipe, sizes in (("smollm2-135m", (0, 300)), ("scratch-2m", (300, 1000)), ("scratch-10m", (300,))):
        for size in sizes:
            store_point(house, recipe, size, range(size // 150))
    result = house.run([scaling_page], Key())
    points = house.rows("scaling_page", Key())
    assert house.manifest("scaling_page", Key()).rows_in == len(points) == 5 * len(BENCHMARKS)
    html = house.store.read_bytes("scaling_page", {}, "scaling.html").decode()
    assert html.count("<svg") == 2 * len(BENCHMARKS)
    for said in (
        *(
            "smollm2-135m, pretrained",
            "scratch-2m, from scratch",
            "from scratch, 300",
            "smollm2-135m, pretrained, 300",
        ),
        *("22.2 [6.3, 54.7]", "None of it can be set beside published figures"),
    ):
        assert said in html, said
    (event,) = result.asset_materializations_for_node("scaling_page")
    assert "data:image/png;base64," in str(event.metadata["leetcode, by parameters"].value)


def test_one_model_has_no_plot_over_parameters(tmp_path: Path) -> None:
    house = House(tmp_path)
    for size in (300, 1000):
        store_point(house, "smollm2-135m", size, range(size // 150))
    (event,) = house.run([scaling_page], Key()).asset_materializations_for_node("scaling_page")
    html = house.store.read_bytes("scaling_page", {}, "scaling.html").decode()
    assert html.count("<svg") == len(BENCHMARKS)
    assert "By data" in html and "By parameters" not in html and "0: the base" not in html
    assert f"{BENCHMARKS[0]}, by data" in event.metadata
    assert not any("parameters" in name for name in event.metadata)


@pytest.mark.parametrize(
    ("different", "said"),
    [
        ({"inputs": {"training_mixture[d]": "m2"}}, "training_mixture[d]"),
        ({"inputs": {"leetcode_benchmark[F821]": "r2"}}, "leetcode_benchmark[F821]"),
        ({"versions": {"prompt": "2", "pyright": "1", "ruff": "1"}}, "prompt"),
        (
            {"configuration": {"recipe": {"name": "scratch-2m"}, "seed": 18, "max_new_tokens": 256}},
            "seed",
        ),
        (
            {"configuration": {"recipe": {"name": "other"}, "seed": 17, "max_new_tokens": 256}},
            "settings of scratch-2m",
        ),
    ],
)
def test_points_of_different_data_are_not_compared(
    tmp_path: Path, different: Mapping[str, Any], said: str
) -> None:
    house = House(tmp_path)
    store_point(house, "scratch-2m", 300, range(2))
    store_point(house, "scratch-2m", 1000, range(3), **different)
    result = house.run([scaling_page], Key(), raise_on_error=False)
    assert f"can't be compared, they differ in {said}:" in failure(result, "scaling_page")


def test_results_are_compared_in_pairs_with_those_of_an_earlier_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    stored = importlib.import_module("stored_answers")
    earlier, later = House(tmp_path / "earlier"), House(tmp_path / "later")
    store_point(earlier, "smollm2-135m", 300, range(4))
    store_point(earlier, "smollm2-135m-search-replace", 300, range(1))
    store_point(later, "smollm2-135m-2-epochs", 300, range(2, 9))
    store_point(later, "smollm2-135m-4-epochs", 1000, range(9))
    store_point(later, "scratch-2m", 300, range(9))

    def as_they_are(store: Any, rows: Sequence[Mapping[str, Any]], answers_are: str) -> Any:
        return rows

    def told(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in ("recipe", "functional", "gained", "lost")) for row in rows]

    def each(*arms: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return [arm for _ in BENCHMARKS for arm in arms]

    formats = stored.compared(list(stored.arms_of(earlier.store, "formats", 300, as_they_are)), [])
    plain = ("smollm2-135m", 4, None, None)
    assert told(formats) == each(plain, ("smollm2-135m-search-replace", 1, 0, 3))
    own = list(stored.arms_of(later.store, "ablations", 300))
    assert told(stored.compared(own, [])) == each(("smollm2-135m-2-epochs", 7, None, None))
    known = list(stored.arms_of(earlier.store, "ablations", 300))
    both = stored.compared(own, known)
    assert told(both) == each(plain, ("smollm2-135m-2-epochs", 7, 5, 2))
    assert {row["p"] for row in both if row["gained"]} == {2 * (1 + 7 + 21) / 2**7}
    for name in ("samples", "mixture", "prompt"):
        different = stored.compared(own, [row | {name: "another"} for row in known])
        assert {row["p"] for row in different} == {None}, name


def test_stored_answers_have_the_scores_of_todays_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    stored = importlib.import_module("stored_answers")
    house = House(tmp_path)
    store_benchmark(house, BENCHMARKS, tests=None)
    answers = [
        {
            "benchmark": benchmark,
            "sample_id": str(number),
            "recipe": "smollm2-135m-unified-diff",
            "system": "stored",
            "answer_index": 0,
            "answer": unified.diff(misspelt(number)[0], misspelt(number)[1]).replace(" @@", "9 @@")
            + "\n</diff>",
            "output_tokens": 9,
            "seconds": 1.0,
            "outcome": "malformed",
            "repaired": False,
        }
        for number, benchmark in enumerate(BENCHMARKS)
    ]
    found = stored.rescored(house.store, answers, "unified_diff")
    assert [(row["sample_id"], row["recipe"], row["outcome"], row["repaired"]) for row in found] == [
        (answer["sample_id"], answer["recipe"], "repaired", True) for answer in answers
    ]


def test_sizes_are_compared_in_pairs_with_those_of_an_earlier_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    stored = importlib.import_module("stored_answers")
    points: list[list[dict[str, Any]]] = []
    for name, size, solved in (("earlier", 300, range(4)), ("later", 1000, range(2, 9))):
        house = House(tmp_path / name)
        store_point(house, "scratch-2m", size, solved)
        house.run([scaling_page], Key())
        points.append(stored.points_of(house.store))
    found = stored.compared(points[1], points[0])
    pairs = {(row["size"], row["gained"], row["lost"], row["p"], row["p_adjusted"]) for row in found}
    p = 2 * (1 + 7 + 21) / 2**7
    assert pairs == {(300, None, None, None, None), (1000, 5, 2, p, p)}
    again = stored.compared(points[1], found)
    assert again == found, "what the store has again replaces what the file had"


def test_what_is_within_another_training_is_told_from_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    repeated = importlib.import_module("repeated_trainings")
    right = {"": 18, "-seed-18": 20, "-seed-19": 22, "-2-epochs": 28}
    rows = [
        {"benchmark": benchmark, "recipe": f"smollm2-135m{name}", "n": 100}
        | {"functional": count, "repaired": count + 1, "unchanged": 50}
        for benchmark in BENCHMARKS
        for name, count in right.items()
    ]
    made = repeated.Trainings.of(rows, "smollm2-135m", "leetcode", "functional")
    half = 4.3027 * 0.02 * (4 / 3) ** 0.5
    assert (made.mean, made.deviation) == pytest.approx((0.2, 0.02))
    assert made.interval == pytest.approx((0.2 - half, 0.2 + half), abs=1e-5)
    told = [made.beside(Share(count, 100)) for count in (10, 11, 28, 31)]
    assert told == ["10.0, outside", "11.0, inside", "28.0, inside", "31.0, outside"]
    table = repeated.trainings(rows, "smollm2-135m").splitlines()
    assert len(table) == 2 + 3 * len(BENCHMARKS)
    assert table[2] == "| leetcode | functional | 18.0, 20.0, 22.0 | 20.0 | 2.0 | 10.1 to 29.9 |"
