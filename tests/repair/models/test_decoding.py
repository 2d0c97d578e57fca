"""Decoding of a small real model that has memorised a few answers."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from code_location import decode_main
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError, StoreError
from repair.fixing.chosen_model import local_models
from repair.fixing.fix import Task
from repair.fixing.fixer import Fixer
from repair.models.answer_log import AnswerLog, logged_answers, prompt_sha256
from repair.models.base import local_folder
from repair.models.best_first import WIDTH, changes_something
from repair.models.decoding import REMEMBERED, Decoder
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.sentinels import Example, render_prompt, render_response
from tests.own_process import in_this_process
from tests.repair.synthesis.support import FunctionServers, found

ROOT = Path(__file__).parents[3]
CONTEXT = 192


def prompt(name: str, lines: int = 2) -> str:
    text = "\n".join(["import sys", f"{name}(1)", *("pass" for _ in range(lines - 2))])
    return render_prompt(Example("main.py", text, f'"{name}" is not defined', 1))


ANSWERS = {
    prompt("prin"): render_response("-2 prin(1)\n+2 print(1)"),
    prompt("le"): render_response("-2 le(1)\n+2 len(1)\n+3 # \U0001f600"),
    prompt("rang", 4): render_response("-2 rang(1)\n+2 range(1)"),
    prompt("pint"): render_response("-2 pint(1)\n+2 pint(1)"),
}
UNCHANGED = prompt("pint")


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
    return Decoder(checkpoint, bf16=False)


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


KNOWN = Sampling(max_new_tokens=48)
# away from what it knows and at a high temperature the model is undecided
UNDECIDED = Sampling(max_new_tokens=12, temperature=5.0, top_p=1.0, top_k=300)
UNKNOWN = ["a = ", "bb = 1", "c", "d = [", "e + f", "gg", "h(", "i = (1, "]


def decoded(
    decoder: Decoder, prompts: Sequence[str], sampling: Sampling = KNOWN, **options: Any
) -> dict[tuple[int, int], Completion]:
    batches = decoder.decode(prompts, sampling, **options)
    return {(index, number): answer for batch in batches for index, number, answer in batch}


def texts(answers: dict[tuple[int, int], Completion]) -> dict[tuple[int, int], str]:
    return {key: answer.text for key, answer in answers.items()}


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_each_prompt_has_its_own_answer_whatever_shares_its_batch(decoder: Decoder, batch_size: int) -> None:
    asked = [*ANSWERS, *reversed(ANSWERS)]
    answers = decoded(decoder, asked, batch_size=batch_size)
    # left padding must not change what is computed: the prompts have three lengths
    assert texts(answers) == {(index, 0): ANSWERS[question] for index, question in enumerate(asked)}
    assert {answer.finish_reason for answer in answers.values()} == {FinishReason.CLOSED}


@pytest.mark.parametrize(
    "sampling", [KNOWN, replace(KNOWN, temperature=0), replace(UNDECIDED, temperature=0)]
)
def test_drafts_from_the_prompt_change_no_answer(decoder: Decoder, sampling: Sampling) -> None:
    """Prompt lookup: only a greedy answer that is decoded alone is drafted."""
    asked = [*ANSWERS, *UNKNOWN]
    plain, drafted = (
        decoded(decoder, asked, sampling, batch_size=1, lookup=lookup) for lookup in (False, True)
    )
    assert texts(drafted) == texts(plain)
    for key, answer in plain.items():
        same = (answer.finish_reason, answer.output_tokens, answer.input_tokens)
        assert (drafted[key].finish_reason, drafted[key].output_tokens, drafted[key].input_tokens) == same


def test_a_prompt_is_read_once_for_all_its_answers_and_they_stay_the_same(decoder: Decoder) -> None:
    """Against answers that are decoded one by one; the lengths of the prompts differ."""
    asked, k = [*ANSWERS, *UNKNOWN[:2]], 3
    tokens: list[int] = []
    hook = decoder.model.register_forward_pre_hook(
        lambda module, args, inputs: tokens.append(inputs["input_ids"].numel()), with_kwargs=True
    )
    try:
        alone = decoded(decoder, asked, UNDECIDED, k=k, batch_size=1)
        tokens.clear()
        together = decoded(decoder, asked, UNDECIDED, k=k, batch_size=len(asked) * k)
    finally:
        hook.remove()
    assert texts(together) == texts(alone)
    assert len(set(texts(alone).values())) > len(asked)
    width = max(answer.input_tokens or 0 for answer in alone.values())
    assert tokens[0] == len(asked) * (width - 1)
    assert tokens[1] == len(asked) * k


SEARCHED = replace(KNOWN, temperature=0, search=True)


def continued(decoder: Decoder, tokens: Sequence[int]) -> tuple[list[int], float]:
    """What is greedy after some tokens, read anew for each, up to the closing line; its log-probability."""
    import torch

    found, total = list(tokens), 0.0
    while len(found) < len(tokens) + 48 and not decoder.tokenizer.decode(found).endswith("\n</diff>"):
        with torch.inference_mode():
            best = decoder.model(torch.tensor([found])).logits[0, -1].float().log_softmax(-1).max(-1)
        total += float(best.values)
        if int(best.indices) == decoder.tokenizer.eos_token_id:
            return [], total
        found.append(int(best.indices))
    return found, total


def exhaustive_changes(decoder: Decoder, asked: str) -> dict[str, float]:
    """The oracle of the search: each answer written out, with its log-probability."""
    import torch

    start = decoder.tokenizer(asked)["input_ids"]
    greedy, _ = continued(decoder, start)
    with torch.inference_mode():
        scores = decoder.model(torch.tensor([greedy])).logits[0].float().log_softmax(-1)
    begun: list[tuple[float, list[int]]] = []
    before = 0.0
    for at in range(len(start), len(greedy)):
        line = decoder.tokenizer.decode(greedy[len(start) : at]).rsplit("\n", 1)[-1]
        if line.startswith("+") and " " in line:
            for token, score in enumerate(scores[at - 1].tolist()):
                if token != greedy[at]:
                    begun.append((before + score, [*greedy[:at], token]))
        before += float(scores[at - 1, greedy[at]])
    found: dict[str, float] = {}
    for score, tokens in sorted(begun, reverse=True)[:WIDTH]:
        whole, rest = continued(decoder, tokens)
        text = decoder.tokenizer.decode(whole[len(start) :])
        if changes_something(text) and whole != greedy:
            found[text] = max(score + rest, found.get(text, -99.0))
    return found


@pytest.mark.parametrize("asked", [UNCHANGED, prompt("prin"), prompt("le")])
def test_a_search_finds_the_likeliest_answers_that_change_something(decoder: Decoder, asked: str) -> None:
    found = [answer for _, answer in sorted(decoded(decoder, [asked], SEARCHED, k=6).items())]
    greedy = decoded(decoder, [asked], replace(SEARCHED, search=False))[0, 0]
    assert changes_something(greedy.text) is (asked != UNCHANGED)
    if changes_something(greedy.text):
        first = found.pop(0)
        assert replace(first, seconds=None) == replace(greedy, seconds=None)
    exhaustive = sorted(exhaustive_changes(decoder, asked).items(), key=lambda item: -item[1])
    expected = dict(exhaustive[: len(found)])
    assert len(expected) > 2
    answers = {answer.text: answer.log_probability for answer in found if answer.text}
    assert list(answers) == list(expected)
    assert answers == pytest.approx(expected, abs=0.01)
    assert {answer.finish_reason for answer in found[len(expected) :]} <= {FinishReason.UNANSWERED}


@pytest.mark.parametrize("batch_size", [1, 8])
def test_fewer_answers_of_a_search_are_the_first_of_more(decoder: Decoder, batch_size: int) -> None:
    asked = [*ANSWERS, *UNKNOWN[:2]]
    eight = texts(decoded(decoder, asked, SEARCHED, k=8))
    for k in (1, 3):
        few = texts(decoded(decoder, asked, SEARCHED, k=k, batch_size=batch_size, lookup=True))
        assert few == {key: text for key, text in eight.items() if key[1] < k}
    known = {key for key in eight if key[0] != 1 or key[1] > 2}
    rest = texts(decoded(decoder, asked, SEARCHED, k=8, known=known))
    assert rest == {key: text for key, text in eight.items() if key not in known}


def test_a_search_gives_the_same_answers_when_it_has_forgotten_some_of_its_greedy_ones(
    decoder: Decoder,
) -> None:
    asked = [prompt(f"a{number:03}") for number in range(REMEMBERED + 24)]
    quick = replace(SEARCHED, max_new_tokens=2)
    first = texts(decoded(decoder, asked, quick))
    for part in ([24, 0], [*range(40, 56), 1, 2], range(len(asked))):  # remembered and forgotten ones
        again = texts(decoded(decoder, [asked[number] for number in part], quick, batch_size=32))
        assert again == {(at, 0): first[number, 0] for at, number in enumerate(part)}


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        ("-2 a\n+2 b\n</diff>", True),
        ("+3 b\n</diff>", True),
        ("-2 a\n+3 a\n</diff>", True),
        ("-2 a\n+2 a\n</diff>", False),
        ("-2 a\n-3 b\n+2 a\n+3 b\n</diff>", False),
        ("</diff>", False),
        ("-2 a\n+2 b", False),
        ("a\n</diff>", False),
        ("", False),
    ],
)
def test_what_an_answer_changes(answer: str, *, changes: bool) -> None:
    assert changes_something(answer) is changes


def test_a_checkpoint_fixes_what_it_knows(checkpoint: str) -> None:
    """As `repair fix` loads it: the greedy answer verifies."""

    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        return [found("main.py", 1, '"prin" is not defined')] if "prin(" in files["main.py"] else []

    servers = FunctionServers(check)
    files = {"main.py": "import sys\nprin(1)"}
    models = local_models(Path(checkpoint))
    [fix] = Fixer(models, servers).fix([Task(files, check(files)[0], check(files), 1)])
    assert (fix.line_diff, fix.rejected) == ("-2 prin(1)\n+2 print(1)", ())
    assert models.versions["model"].startswith("sha256:")


def test_an_answer_ends_with_the_closing_line_and_its_tokens_are_counted(decoder: Decoder) -> None:
    for asked, answer in ANSWERS.items():
        completion = decoded(decoder, [asked])[0, 0]
        tokens = decoder.tokenizer(answer, add_special_tokens=False)["input_ids"]
        given = len(decoder.tokenizer(asked)["input_ids"])
        assert replace(completion, seconds=None) == Completion(
            answer, FinishReason.CLOSED, given, len(tokens)
        )


def test_seconds_are_those_until_the_row_ended_not_the_batch(decoder: Decoder) -> None:
    short, long = next(iter(ANSWERS)), f"{UNKNOWN[0]}{'x' * 60}"
    started = time.monotonic()
    answers = decoded(decoder, [short, long], replace(KNOWN, max_new_tokens=100))
    passed = time.monotonic() - started
    ended, cut = answers[0, 0], answers[1, 0]
    assert (ended.finish_reason, cut.finish_reason) == (FinishReason.CLOSED, FinishReason.CUT)
    assert 0 < (ended.seconds or 0) < (cut.seconds or 0) <= passed


def test_a_prompt_without_room_for_an_answer_is_counted_and_not_cut(decoder: Decoder) -> None:
    long = prompt("prin", lines=80)
    fits = next(iter(ANSWERS))
    answers = decoded(decoder, [long, fits, long])
    width = len(decoder.tokenizer(long)["input_ids"])
    assert answers[0, 0] == answers[2, 0] == Completion("", FinishReason.TOO_LONG, width, 0)
    assert answers[1, 0].text == ANSWERS[fits]
    # the longest prompt that is asked leaves exactly the room for the new tokens
    room = CONTEXT - len(decoder.tokenizer(fits)["input_ids"])
    reasons = [
        decoded(decoder, [fits], replace(KNOWN, max_new_tokens=new))[0, 0].finish_reason
        for new in (room, room + 1)
    ]
    assert reasons == [FinishReason.CLOSED, FinishReason.TOO_LONG]


def test_an_answer_that_uses_up_its_tokens_is_cut(decoder: Decoder) -> None:
    answer = decoded(decoder, [next(iter(ANSWERS))], replace(KNOWN, max_new_tokens=3))[0, 0]
    assert (answer.output_tokens, answer.finish_reason) == (3, FinishReason.CUT)
    assert ANSWERS[next(iter(ANSWERS))].startswith(answer.text)


def test_the_end_of_text_ends_an_answer_that_has_no_closing_line(decoder: Decoder) -> None:
    # the whole answer is in the prompt already: the next token is the end of the text
    asked, answer = next(iter(ANSWERS.items()))
    completion = decoded(decoder, [asked + answer], Sampling(max_new_tokens=20, temperature=0))[0, 0]
    assert (completion.text, completion.output_tokens) == ("", 0)
    assert completion.finish_reason == FinishReason.ENDED


def test_a_seed_decides_what_is_drawn_and_several_answers_differ(decoder: Decoder) -> None:
    first = texts(decoded(decoder, UNKNOWN, UNDECIDED, k=3))
    assert texts(decoded(decoder, UNKNOWN, UNDECIDED, k=3)) == first
    assert texts(decoded(decoder, UNKNOWN, replace(UNDECIDED, seed=18), k=3)) != first
    assert len({first[0, number] for number in range(3)}) == 3
    # one more answer leaves the others as they are
    assert first.items() <= texts(decoded(decoder, UNKNOWN, UNDECIDED, k=4)).items()


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("ends", [UNKNOWN, ["a", "b"], ["", "a", "ab"]])
def test_what_all_prompts_begin_with_is_read_once_and_changes_no_answer(
    decoder: Decoder, ends: list[str], k: int
) -> None:
    asked = [f"import sys\nprint(1)\n{end}" for end in ends]
    alone = texts(decoded(decoder, asked, UNDECIDED, k=k, batch_size=1))
    assert texts(decoded(decoder, asked, UNDECIDED, k=k, batch_size=8)) == alone
    assert len(set(alone.values())) > 1


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_a_draw_depends_on_nothing_else_that_is_decoded(decoder: Decoder, batch_size: int) -> None:
    first = texts(decoded(decoder, UNKNOWN, UNDECIDED, k=2))
    turned = texts(decoded(decoder, UNKNOWN[::-1], UNDECIDED, k=2, batch_size=batch_size))
    last = len(UNKNOWN) - 1
    assert {(last - index, number): text for (index, number), text in turned.items()} == first
    alone = texts(decoded(decoder, UNKNOWN[3:4], UNDECIDED, k=2))
    assert alone == {(0, number): first[3, number] for number in range(2)}


def test_what_is_drawn_follows_the_probabilities(decoder: Decoder) -> None:
    import torch

    one = Sampling(max_new_tokens=1, temperature=2.0, top_p=1.0, top_k=5)
    draws = decoded(decoder, ["print("], one, k=600, batch_size=200)
    tokens = torch.tensor([decoder.tokenizer("print(")["input_ids"]])
    logits = decoder.model(tokens).logits[0, -1] / 2.0
    kept = torch.topk(logits, 5)
    expected = {
        decoder.tokenizer.decode([token]): chance
        for token, chance in zip(kept.indices.tolist(), torch.softmax(kept.values, 0).tolist(), strict=True)
    }
    assert {answer.text for answer in draws.values()} <= set(expected)
    for text, chance in expected.items():
        share = sum(answer.text == text for answer in draws.values()) / 600
        assert abs(share - chance) < 0.09, text  # four standard deviations


def test_the_likeliest_token_needs_no_seed(decoder: Decoder) -> None:
    greedy = Sampling(max_new_tokens=12, temperature=0)
    first = texts(decoded(decoder, UNKNOWN, greedy))
    assert texts(decoded(decoder, UNKNOWN, replace(greedy, seed=1))) == first


def test_what_is_known_is_not_decoded_and_changes_nothing(decoder: Decoder) -> None:
    whole = decoded(decoder, UNKNOWN, UNDECIDED, k=2, batch_size=4)
    known = {(index, number) for index, number in whole if index % 3 or number}
    rest = decoded(decoder, UNKNOWN, UNDECIDED, k=2, batch_size=4, known=known)
    assert texts(rest) == {key: text for key, text in texts(whole).items() if key not in known}
    assert decoded(decoder, UNKNOWN, UNDECIDED, k=2, known=set(whole)) == {}


@pytest.mark.parametrize(
    ("sampling", "options", "said"),
    [
        ({"max_new_tokens": CONTEXT}, {}, f"the model reads {CONTEXT} tokens"),  # no room for any prompt
        ({}, {"batch_size": 0}, "batch_size 0"),
        ({}, {"k": 0}, "answers is 0"),
        ({"temperature": 0}, {"k": 2}, "all be the same"),
        ({"temperature": 0.1, "search": True}, {}, "a search draws nothing"),
    ],
)
def test_a_bad_setting_is_refused(
    decoder: Decoder, sampling: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        decoded(decoder, ["x"], Sampling(**{"max_new_tokens": 4, **sampling}), **options)


def test_no_prompts_have_no_answers(decoder: Decoder) -> None:
    assert decoded(decoder, []) == {}


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
    with local_folder("owner/a-published-model") as name:
        assert name == "owner/a-published-model"


def write_prompts(folder: Path, asked: list[str]) -> Path:
    pq.write_table(pa.table({"prompt": asked}), folder / "prompts.parquet")
    return folder / "prompts.parquet"


def decoding(checkpoint: str, prompts: Path, log: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "code_location.decode_main", "--checkpoint", checkpoint]
    return [*command, "--prompts", str(prompts), "--answers", str(log), *options]


def test_the_process_answers_under_pipes_and_says_how_far_it_is(checkpoint: str, tmp_path: Path) -> None:
    import dagster as dg

    asked = [prompt("prin", lines=80), *ANSWERS]
    extras = {
        "checkpoint": checkpoint,
        "prompts": str(write_prompts(tmp_path, [*asked, *asked])),
        "answers": str(tmp_path / "logs" / "answers.jsonl"),
        "batch_size": 2,
        "sampling": asdict(KNOWN),
    }

    @dg.asset
    def predictions(context: dg.AssetExecutionContext) -> Any:
        dg.PipesSubprocessClient(env={"PYTHONPATH": str(ROOT)}).run(
            context=context, command=[sys.executable, "-m", "code_location.decode_main"], extras=extras
        )
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([predictions], instance=instance)
        said = " ".join(entry.message for entry in instance.all_logs(result.run_id))
    assert "5 of 5 answers decoded" in said
    assert "5 answers to 5 prompts, 0 of them from before: 1 too_long, 4 closed" in said
    logged = logged_answers(Path(extras["answers"]))
    assert {key: answer.text for key, answer in logged.items()} == {
        (prompt_sha256(question), 0): ANSWERS.get(question, "") for question in asked
    }


@pytest.mark.slow
def test_a_killed_process_resumes_with_the_answers_of_one_that_never_stopped(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the program answers by hand: it is started without Dagster, the last time in this process."""
    asked, drawn = [f"value_{n} = " for n in range(24)], replace(UNDECIDED, max_new_tokens=60)
    prompts, log = write_prompts(tmp_path, asked), tmp_path / "answers.jsonl"
    settings = json.dumps(asdict(drawn))
    options = ("-k", "2", "--batch-size", "4", "--sampling", settings)
    # a launcher of several processes starts this one several times: only the first may write
    second = {**os.environ, "RANK": "1"}
    subprocess.run(decoding(checkpoint, prompts, log, *options), cwd=ROOT, check=True, env=second)
    assert not log.exists()
    child = subprocess.Popen(decoding(checkpoint, prompts, log, *options), cwd=ROOT)
    while len(logged_answers(log)) < 8:
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    survived = log.read_bytes()
    before = logged_answers(log)
    assert 8 <= len(before) < 48
    log.write_bytes(survived + b'{"prompt": "half a line of an ans')  # as if killed a moment later
    with in_this_process():
        decode_main.main(decoding(checkpoint, prompts, log, *options)[3:])
    output = capsys.readouterr().out
    assert "48 of 48 answers decoded" in output
    assert f"48 answers to 24 prompts, {len(before)} of them from before" in output
    assert {answer.finish_reason for answer in logged_answers(log).values()} >= {FinishReason.CUT}
    whole = survived[: survived.rfind(b"\n") + 1]
    assert log.read_bytes().startswith(whole), "what was there is not written again"
    assert len(log.read_bytes().splitlines()) == 48
    at_once = decoded(Decoder(checkpoint), asked, drawn, k=2, batch_size=4)
    assert {key: answer.text for key, answer in logged_answers(log).items()} == {
        (prompt_sha256(asked[index]), number): text for (index, number), text in texts(at_once).items()
    }


def test_nothing_is_loaded_where_all_is_answered(tmp_path: Path) -> None:
    from code_location.decode_main import run

    log = tmp_path / "answers.jsonl"
    with AnswerLog(log) as answers:
        answers.append([((prompt_sha256("x"), 0), Completion("y", FinishReason.ENDED))])
    asked = {"prompts": str(write_prompts(tmp_path, ["x"])), "answers": str(log)}
    said: list[str] = []
    run({"checkpoint": "/no/such/checkpoint", **asked}, said.append)
    assert said == ["1 answers to 1 prompts, 1 of them from before: 1 ended"]
    with pytest.raises(OSError, match="/no/such/checkpoint"):
        run({"checkpoint": "/no/such/checkpoint", "k": 2, **asked}, said.append)
    assert len(logged_answers(log)) == 1


def test_a_file_without_prompts_is_named(tmp_path: Path) -> None:
    from code_location.decode_main import run

    pq.write_table(pa.table({"sample_id": ["a"]}), tmp_path / "in.parquet")
    extras = {"checkpoint": "x", "prompts": str(tmp_path / "in.parquet"), "answers": str(tmp_path / "a")}
    with pytest.raises(StoreError, match=r"in\.parquet has no column prompt"):
        run(extras, lambda line: None)
    assert not (tmp_path / "a").exists()
