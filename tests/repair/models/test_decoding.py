"""Decoding of a small real model that has memorised a few answers."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.errors import ConfigurationError, StoreError
from repair.models.decoding import Completion, Decoder, FinishReason, decode, local_folder
from repair.prompt.sentinels import Example, render_prompt, render_response

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CONTEXT = 192


def prompt(name: str, lines: int = 2) -> str:
    text = "\n".join(["import sys", f"{name}(1)", *("pass" for _ in range(lines - 2))])
    return render_prompt(Example("main.py", text, f'"{name}" is not defined', 1))


ANSWERS = {
    prompt("prin"): render_response("-2 prin(1)\n+2 print(1)"),
    prompt("le"): render_response("-2 le(1)\n+2 len(1)\n+3 # \U0001f600"),
    prompt("rang", 4): render_response("-2 rang(1)\n+2 range(1)"),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small Llama that knows `ANSWERS` and nothing else."""
    from repair.training.program import train
    from repair.training.recipes import load_recipe

    folder = tmp_path_factory.mktemp("decoding")
    rows = [
        {"example_id": str(number), "prompt": asked, "response": answer, "split": "train"}
        for number, (asked, answer) in enumerate(ANSWERS.items())
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "mixture.parquet")
    overrides: dict[str, Any] = {
        "base.vocabulary": 320,
        "base.hidden_size": 64,
        "base.intermediate_size": 128,
        "base.layers": 2,
        "max_seq_len": CONTEXT,
        "epochs": 200,
        "optimizer.learning_rate": 3e-3,
        "threads": 1,
    }
    recipe = load_recipe("tiny", overrides)
    result = train(recipe, str(folder / "mixture.parquet"), str(folder / "checkpoint"), lambda figures: None)
    assert result.last_loss < 0.05
    return result.checkpoint


@pytest.fixture(scope="module")
def decoder(checkpoint: str) -> Decoder:
    return Decoder(checkpoint)


class Code:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_pickled_weights_are_not_loaded(checkpoint: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, folder)
    for weights in folder.glob("*.safetensors*"):
        weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Code(tmp_path / "mark")))
    with pytest.raises(OSError, match="safetensors"):
        Decoder(str(folder))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_answers_come_in_the_order_of_the_prompts_whatever_shares_a_batch(
    decoder: Decoder, batch_size: int
) -> None:
    asked = [*ANSWERS, *reversed(ANSWERS)]
    calls: list[tuple[int, int]] = []
    answers = decoder.decode(
        asked,
        max_new_tokens=48,
        batch_size=batch_size,
        progress=lambda done, total: calls.append((done, total)),
    )
    # left padding must not change what is computed: the prompts have three lengths
    assert [answer.text for answer in answers] == [ANSWERS[question] for question in asked]
    assert {answer.finish_reason for answer in answers} == {FinishReason.CLOSED}
    assert calls[-1] == (6, 6)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_an_answer_ends_with_the_closing_line_and_its_tokens_are_counted(decoder: Decoder) -> None:
    for asked, answer in ANSWERS.items():
        [completion] = decoder.decode([asked], max_new_tokens=48)
        tokens = decoder.tokenizer(answer, add_special_tokens=False)["input_ids"]
        assert completion == Completion(answer, len(tokens), FinishReason.CLOSED)


def test_a_prompt_without_room_for_an_answer_is_counted_and_not_cut(decoder: Decoder) -> None:
    long = prompt("prin", lines=80)
    fits = next(iter(ANSWERS))
    answers = decoder.decode([long, fits, long], max_new_tokens=48)
    assert answers[0] == answers[2] == Completion("", 0, FinishReason.TOO_LONG)
    assert answers[1].text == ANSWERS[fits]
    # the longest prompt that is asked leaves exactly the room for the new tokens
    width = len(decoder.tokenizer(fits)["input_ids"])
    assert decoder.decode([fits], max_new_tokens=CONTEXT - width)[0].finish_reason != FinishReason.TOO_LONG
    assert (
        decoder.decode([fits], max_new_tokens=CONTEXT - width + 1)[0].finish_reason == FinishReason.TOO_LONG
    )


def test_an_answer_that_uses_up_its_tokens_is_cut(decoder: Decoder) -> None:
    [answer] = decoder.decode([next(iter(ANSWERS))], max_new_tokens=3)
    assert (answer.tokens, answer.finish_reason) == (3, FinishReason.CUT)
    assert ANSWERS[next(iter(ANSWERS))].startswith(answer.text)


def test_the_end_of_text_ends_an_answer_that_has_no_closing_line(decoder: Decoder) -> None:
    # the whole answer is in the prompt already: the next token is the end of the text
    asked, answer = next(iter(ANSWERS.items()))
    [completion] = decoder.decode([asked + answer], max_new_tokens=20, temperature=0)
    assert completion == Completion("", 0, FinishReason.ENDED)


def test_a_seed_decides_what_is_drawn(decoder: Decoder) -> None:
    # away from what it knows and at a high temperature the model is undecided
    asked = [f"{name} = " for name in ("a", "b", "c", "d")]
    settings: dict[str, Any] = {"max_new_tokens": 24, "temperature": 5.0, "top_p": 1.0, "top_k": 300}
    first = decoder.decode(asked, seed=1, **settings)
    assert decoder.decode(asked, seed=1, **settings) == first
    assert decoder.decode(asked, seed=2, **settings) != first


def test_the_likeliest_token_needs_no_seed(checkpoint: str) -> None:
    asked = list(ANSWERS)
    first = decode(checkpoint, asked, max_new_tokens=48, temperature=0, seed=1)
    assert decode(checkpoint, asked, max_new_tokens=48, temperature=0, seed=2) == first


@pytest.mark.parametrize(
    "settings",
    [
        {"max_new_tokens": CONTEXT},  # leaves no room for any prompt
        {"max_new_tokens": 0},
        {"batch_size": 0},
        {"temperature": -0.1},
    ],
)
def test_a_bad_setting_is_refused(decoder: Decoder, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"the model reads {CONTEXT} tokens"):
        decoder.decode(["x"], **{"max_new_tokens": 4, **settings})


def test_no_prompts_have_no_answers(decoder: Decoder) -> None:
    assert decoder.decode([], max_new_tokens=4) == []


def test_a_checkpoint_in_another_store_is_brought_here(checkpoint: str) -> None:
    store = fsspec.filesystem("memory")
    store.put(f"{checkpoint}/", "/decoding/checkpoint/", recursive=True)
    with local_folder("memory://decoding/checkpoint") as folder:
        assert {path.name for path in Path(folder).iterdir()} == {
            path.name for path in Path(checkpoint).iterdir()
        }
    assert not Path(folder).exists()
    with local_folder(checkpoint) as same:
        assert same == checkpoint


def test_the_process_answers_several_files_under_pipes_and_says_how_each_ended(
    checkpoint: str, tmp_path: Path
) -> None:
    import dagster as dg

    files: list[list[str]] = []
    for number, asked in enumerate([list(ANSWERS), [prompt("prin", lines=80), *ANSWERS]]):
        names = [str(n) for n in range(len(asked))]
        table = pa.table({"prompt": asked, "sample_id": names, "code": ["x"] * len(asked)})
        files.append([str(tmp_path / f"in-{number}.parquet"), str(tmp_path / "out" / f"{number}.parquet")])
        pq.write_table(table, files[-1][0])
    extras = {"checkpoint": checkpoint, "inputs": files, "max_new_tokens": 48, "batch_size": 2, "seed": 3}
    seen: dict[str, Any] = {}

    @dg.asset
    def predictions(context: dg.AssetExecutionContext) -> Any:
        completed = dg.PipesSubprocessClient(env={"PYTHONPATH": str(ROOT)}).run(
            context=context, command=[sys.executable, "-m", "code_location.decode_main"], extras=extras
        )
        seen["messages"] = list(completed.get_custom_messages())
        return completed.get_materialize_result()

    assert dg.materialize([predictions]).success
    first, second = (pq.read_table(out).to_pylist() for _, out in files)
    assert [row["completion"] for row in first] == list(ANSWERS.values())
    assert [row["outcome"] for row in second] == ["too_long", "closed", "closed", "closed"]
    assert [row["sample_id"] for row in second] == ["0", "1", "2", "3"]
    assert seen["messages"] == [
        {"kind": "predictions", "path": files[0][1], "samples": 3, "closed": 3},
        {"kind": "predictions", "path": files[1][1], "samples": 4, "closed": 3, "too_long": 1},
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.parquet", "1.parquet"]


def test_the_process_answers_by_hand_too(checkpoint: str, tmp_path: Path) -> None:
    asked = next(iter(ANSWERS))
    pq.write_table(pa.table({"sample_id": ["a"], "prompt": [asked]}), tmp_path / "in.parquet")
    command = [sys.executable, "-m", "code_location.decode_main", "--checkpoint", checkpoint]
    command += ["--pair", str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet")]
    command += ["--settings", json.dumps({"max_new_tokens": 3})]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert pq.read_table(tmp_path / "out.parquet")["outcome"].to_pylist() == ["cut"]
    assert "1 of 1 prompts answered" in output
    # a launcher of several processes starts this one several times: only the first may write
    (tmp_path / "out.parquet").unlink()
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "RANK": "1"})
    assert not (tmp_path / "out.parquet").exists()


def test_a_file_without_prompts_is_named(decoder: Decoder, tmp_path: Path) -> None:
    from code_location.decode_main import decode_file

    pq.write_table(pa.table({"sample_id": ["a"]}), tmp_path / "in.parquet")
    with pytest.raises(StoreError, match=r"in\.parquet has no column prompt"):
        decode_file(
            decoder, str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), {}, lambda line: None
        )
    assert not (tmp_path / "out.parquet").exists()


def test_a_failed_decoding_leaves_the_earlier_predictions(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from code_location.decode_main import decode_file

    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"sample_id": ["a"], "prompt": ["x"]}), source)

    def decode() -> None:
        decode_file(decoder, str(source), str(out), {"max_new_tokens": 1}, lambda line: None)

    decode()
    before = out.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no room"):
        decode()
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]
