"""LoRA: the fused layer against peft's own, a training that is killed, the adapter that comes out."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from code_location import train_main
from repair.errors import ConfigurationError
from repair.models.made_by import read_made_by
from repair.models.model import Sampling
from repair.models.processor import cpu_has_bf16
from repair.training.recipes import load_recipe
from tests.own_process import in_this_process
from tests.repair.training.conftest import Row, example_row
from tests.small_llama import save_llama

ROOT = Path(__file__).parents[3]
CONTEXT = 512


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights in Hugging Face format."""
    from repair.models.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("base")
    texts = [row["prompt"] + row["response"] for row in map(example_row, range(8))]
    tokenizer = train_tokenizer(texts, 400, context=CONTEXT)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    save_llama(folder, tokenizer, context=CONTEXT, seed=3, **sizes, **heads)
    return folder


def overrides(base: Path, **settings: Any) -> dict[str, Any]:
    return {
        "base.path": str(base),
        "base.sha256": None,
        "base.fewest_sentinel_tokens": 1,
        "base.most_sentinel_tokens": 20,
        "max_seq_len": CONTEXT,
        "optimizer.learning_rate": 1e-2,
        "schedule.warmup_batches": 2,
        "global_batch_size": 2,
        "threads": 1,
        **settings,
    }


def rows(count: int) -> list[Row]:
    codes = ("ruff[F821]", "pyright")
    return [
        {**example_row(n, split="train" if n < count else "validation"), "code": codes[n % 2]}
        for n in range(count + 4)
    ]


def tuned(base: Path) -> tuple[Any, Any]:
    """The base with the fused adapter, and with peft's own of equal weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from repair.training.lora import with_adapter
    from repair.training.recipe import Lora

    fused = with_adapter(AutoModelForCausalLM.from_pretrained(base), Lora(rank=4, alpha=8))
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    plain = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for parameter in fused.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    plain.load_state_dict(fused.state_dict())
    return fused, plain


def test_the_fused_layer_computes_what_pefts_own_does(base: Path) -> None:
    import torch

    fused, plain = tuned(base)
    assert any(type(module).__name__ == "LowRankLinear" for module in fused.modules())
    tokens = torch.randint(0, 200, (2, 40), generator=torch.Generator().manual_seed(5))
    losses = [model(tokens, labels=tokens).loss for model in (fused, plain)]
    torch.testing.assert_close(losses[0], losses[1])
    for loss in losses:
        loss.backward()
    gradients = [
        {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}
        for model in (fused, plain)
    ]
    assert gradients[0].keys() == gradients[1].keys()
    assert len(gradients[0]) == 2 * 7 * 2  # A and B of the seven linear layers of each of two blocks
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-6)


def asked(mixture: str, folder: Path, settings: dict[str, Any]) -> list[str]:
    """The arguments of the training program."""
    folders = ["--states", str(folder / "states"), "--tensorboard", str(folder / "logs")]
    made_of = ["--recipe", "smollm2-135m", "--mixture", mixture, "--overrides", json.dumps(settings)]
    return [*made_of, "--out", str(folder / "out"), *folders]


def training(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "code_location.train_main", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def curve(checkpoint: Path) -> list[dict[str, Any]]:
    timed = {"seconds", "seconds_left", "tokens_per_second"}
    lines = (checkpoint / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An adapter whose training was killed, and its mixture."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("killed")
    mixture = folder / "mixture"
    mixture.mkdir()
    pq.write_table(pa.Table.from_pylist(rows(48)), mixture / "data.parquet")
    settings = overrides(base, epochs=3, resumption={"every_batches": 2})
    arguments = asked(str(mixture), folder, settings)
    process = training(arguments)
    deadline = time.monotonic() + 150
    while not any((folder / "states").glob("*/latest-rank0.pt")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "out").exists()
    with in_this_process():
        train_main.main(arguments)
    return folder, str(mixture)


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_with_the_same_losses(
    trained: tuple[Path, str], base: Path, tmp_path: Path
) -> None:
    from repair.training.program import train
    from repair.training.recipes import load_recipe

    folder, mixture = trained
    recipe = load_recipe("smollm2-135m", overrides(base, epochs=3, resumption=None))
    train(recipe, mixture, str(tmp_path / "whole"), lambda figures: None)
    assert read_made_by(folder / "out")["result"]["resumed_from_batch"] >= 2
    assert curve(folder / "out") == curve(tmp_path / "whole")
    names = ("out/adapter_model.safetensors", "whole/adapter_model.safetensors")
    first, second = ((root / name).read_bytes() for root, name in zip((folder, tmp_path), names, strict=True))
    assert first == second
    assert list((folder / "states").iterdir()) == []


def test_the_state_of_an_adapter_is_small(trained: tuple[Path, str], base: Path) -> None:
    """It has the adapter and its moments, and nothing of the base."""
    from repair.training.composer_model import PackedCausalModel

    fused, _ = tuned(base)
    from repair.models.tokenizer import load_tokenizer

    state = PackedCausalModel(fused, load_tokenizer(base), "per_sample").state_dict()
    assert state and all("lora_" in name for name in state)


def test_the_adapter_says_what_made_it_and_is_small(trained: tuple[Path, str], base: Path) -> None:
    import safetensors.torch
    import torch

    from repair.models.made_by import file_sha256

    out = trained[0] / "out"
    made_by = read_made_by(out)
    assert made_by["base"] == {
        "path": str(base),
        "revision": None,
        "weights_sha256": {"model.safetensors": file_sha256(base / "model.safetensors")},
    }
    assert made_by["result"]["last_loss"] < made_by["result"]["first_loss"]
    assert made_by["recipe"]["precision"] == "amp_bf16"
    assert made_by["result"]["precision"] == ("amp_bf16" if cpu_has_bf16() else "fp32")
    weights = safetensors.torch.load_file(out / "adapter_model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    count = sum(weight.numel() for weight in weights.values())
    assert count == made_by["result"]["trained_parameters"] < made_by["result"]["parameters"]
    assert not list(out.glob("model*.safetensors"))
    last = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()][-1]
    assert set(last["validation_loss_by_type"]) == {"F821", "syntax"}
    assert min(last["validation_loss_by_type"].values()) <= last["validation_loss"]
    assert any((trained[0] / "logs").rglob("events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("recipe", "gpu", "cpu_bf16", "precision"),
    [
        ("smollm2-135m", False, False, "fp32"),  # bfloat16 would be emulated
        ("smollm2-135m", False, True, "amp_bf16"),
        ("smollm2-135m", True, False, "amp_bf16"),
        ("tiny", True, True, "fp32"),
    ],
)
def test_bfloat16_is_computed_where_the_hardware_has_it(
    recipe: str, gpu: bool, cpu_bf16: bool, precision: str
) -> None:
    from repair.training.base_model import computed_in

    assert computed_in(load_recipe(recipe), gpu=gpu, cpu_bf16=cpu_bf16) == precision


def test_the_adapter_decodes_as_plain_transformers_and_peft_load_it(
    trained: tuple[Path, str], base: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from repair.models.decoding import Decoder

    out = trained[0] / "out"
    decoder = Decoder(str(out), bf16=False)
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), out).eval()
    tokens = torch.tensor([decoder.tokenizer(example_row(1)["prompt"])["input_ids"]])
    with torch.inference_mode():
        merged, apart = decoder.model(tokens).logits, plain(tokens).logits
        untrained = AutoModelForCausalLM.from_pretrained(base)(tokens).logits
    torch.testing.assert_close(merged, apart, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(merged, untrained, atol=1e-1)
    [[(_, _, answer)]] = decoder.decode([example_row(1)["prompt"]], Sampling(temperature=0))
    assert answer.text


def test_an_adapter_of_another_base_or_without_its_notes_is_refused(
    trained: tuple[Path, str], tmp_path: Path
) -> None:
    import shutil

    from repair.models.decoding import Decoder

    copy = tmp_path / "adapter"
    shutil.copytree(trained[0] / "out", copy)
    made_by = read_made_by(copy)
    made_by["base"]["weights_sha256"]["model.safetensors"] = "0" * 64
    (copy / "made_by.json").write_text(json.dumps(made_by))
    with pytest.raises(ConfigurationError, match="was trained on weights of"):
        Decoder(str(copy))
    (copy / "made_by.json").unlink()
    with pytest.raises(ConfigurationError, match=r"has no made_by\.json"):
        Decoder(str(copy))


def test_golden_answers_say_by_how_much_their_tokens_lead(trained: tuple[Path, str]) -> None:
    from repair.models.decoding import Decoder
    from repair.models.golden import EXAMPLES, golden_answers
    from repair.prompt.sentinels import render_prompt

    decoder = Decoder(str(trained[0] / "out"))
    golden = golden_answers(decoder, EXAMPLES[:2])
    assert [pair.prompt for pair in golden] == [render_prompt(example) for example in EXAMPLES[:2]]
    assert all(pair.answer and pair.lead >= 0 for pair in golden)
