"""DPO on a small Llama: the margin rises on held-out pairs; what is written loads and says what made it."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.errors import ConfigurationError
from repair.models.made_by import read_made_by, weights_of, write_made_by
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.stages import PREFERENCE_PAIRS
from repair.store.reader import PartitionStore
from repair.training.dataset import MixtureError
from repair.training.pairs import read_pairs, tokenise_pairs
from repair.training.recipes import load_recipe
from tests.repair.training.conftest import example_row
from tests.small_llama import save_llama

CONTEXT = 512
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 4}
Row = dict[str, Any]


def pair(number: int, split: str = "train") -> Row:
    """The repair over a deletion of the line."""
    row = example_row(number)
    removal = row["response"].split("\n")[0]
    return {
        **dict.fromkeys(PREFERENCE_PAIRS.names),
        **{"pair_id": f"{number:04}", "split": split, "asked": row["prompt"], "chosen": row["response"]},
        "rejected": f"{removal}\n</diff>",
    }


PAIRS = [
    *(pair(number) for number in range(24)),
    *(pair(number, "validation") for number in range(24, 32)),
    pair(40, "test"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pairs of two partitions; one is in both."""
    found = PartitionStore(str(tmp_path_factory.mktemp("store")))
    for name, rows in (("F821", PAIRS[:20]), ("syntax", PAIRS[19:])):
        with found.writer("preference_pairs", {"date": "2026-01-05", "diagnostic_type": name}) as writer:
            writer.write("data", pa.Table.from_pylist(rows, schema=PREFERENCE_PAIRS))
            writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=len(rows))
    return found.base_uri


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights, with the record of a recipe."""
    from repair.models.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("checkpoint")
    texts = [row["asked"] + row["chosen"] for row in PAIRS]
    save_llama(
        folder, train_tokenizer(texts, 400, context=CONTEXT), context=CONTEXT, seed=3, **SIZES, **HEADS
    )
    record(folder, load_recipe("tiny", {"max_seq_len": CONTEXT, "threads": 1}).as_dict())
    return folder


def record(folder: Path, recipe: Row, **more: Any) -> None:
    write_made_by(folder, {"recipe": recipe, "prompt_version": PROMPT_VERSION, "result": {}, **more})


def trained(checkpoint: Path, pairs: str, out: Path, **settings: Any) -> tuple[Any, list[Row]]:
    from repair.training.preference import Preference, train_preferences

    reported: list[Row] = []
    optimizer = {"learning_rate": 3e-3}
    chosen = Preference(**{"epochs": 3, "pairs_per_step": 8, "optimizer": optimizer, **settings})
    return train_preferences(str(checkpoint), pairs, str(out), reported.append, chosen), reported


def test_the_margin_of_chosen_over_rejected_rises_on_held_out_pairs(
    llama: Path, store: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    result, reported = trained(llama, store, tmp_path / "out")
    assert (result.pairs, result.held_out_pairs, result.batches) == (24, 8, 9)
    assert result.first_loss == pytest.approx(math.log(2), abs=1e-4)  # the reference is the start itself
    assert result.last_loss < 0.9 * result.first_loss
    assert result.held_out_margin > 0.2
    assert result.held_out_accuracy > 0.7
    assert [figures["batch"] for figures in reported] == list(range(1, 10))
    made_by = read_made_by(tmp_path / "out")
    assert made_by["recipe"] == read_made_by(llama)["recipe"]
    done = made_by["preference"]
    assert done["result"]["held_out_margin"] == result.held_out_margin
    assert done["checkpoint_sha256"] == weights_of(llama)
    assert done["settings"]["beta"] == 0.1
    # by plain transformers, one answer after the other
    before, after = (
        _log_likelihood(AutoModelForCausalLM.from_pretrained(folder), folder, PAIRS[24])
        for folder in (llama, tmp_path / "out")
    )
    assert after[0] - after[1] > before[0] - before[1]


def _log_likelihood(model: Any, folder: Path, row: Row) -> list[float]:
    import torch

    from repair.models.tokenizer import encode_prompts, encode_responses, load_tokenizer

    tokenizer = load_tokenizer(folder)
    [asked] = encode_prompts(tokenizer, [row["asked"]])
    found: list[float] = []
    for tokens in encode_responses(tokenizer, [row["chosen"], row["rejected"]]):
        with torch.inference_mode():
            logits = model(torch.tensor([[*asked, *tokens]])).logits[0, len(asked) - 1 : -1]
        picked = logits.log_softmax(-1)[range(len(tokens)), tokens]
        found.append(float(picked.sum()))
    return found


def test_an_adapter_goes_on_as_an_adapter_of_its_base(llama: Path, store: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from repair.models.loading import load_model
    from repair.training.lora import load_adapter, save_adapter, with_adapter
    from repair.training.recipe import Lora, Pretrained

    lora = {"rank": 4, "alpha": 8}
    base = {"path": str(llama), "fewest_sentinel_tokens": 1, "most_sentinel_tokens": 20}
    start = tmp_path / "adapter"
    start.mkdir()
    model = with_adapter(AutoModelForCausalLM.from_pretrained(llama), Lora(**lora))
    torch.manual_seed(5)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.05)
    save_adapter(model, start, base=Pretrained(**base))
    recipe = load_recipe(
        "smollm2-135m", {"max_seq_len": CONTEXT, "precision": "fp32", "threads": 1}
    ).as_dict()
    known = Pretrained(**base).model_dump(mode="json")
    recipe |= {"base": known, "lora": lora, "resumption": None}
    made_of = {"path": str(llama), "revision": None, "weights_sha256": weights_of(llama)}
    record(start, recipe, base=made_of)
    again = with_adapter(AutoModelForCausalLM.from_pretrained(llama), Lora(**lora))
    load_adapter(again, start)
    tokens = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(again(tokens).logits, model(tokens).logits, rtol=1e-2, atol=1e-2)

    result, _ = trained(start, store, tmp_path / "out", epochs=1)
    assert result.first_loss == pytest.approx(math.log(2), abs=1e-4)
    assert result.held_out_margin > 0
    merged, _ = load_model(str(tmp_path / "out"), revision=None, dtype=torch.float32)
    before, after = (_log_likelihood(one, llama, PAIRS[24]) for one in (model, merged))
    assert after[0] - after[1] > before[0] - before[1]
    record(start, recipe, base={**made_of, "weights_sha256": {"model.safetensors": "0" * 64}})
    with pytest.raises(ConfigurationError, match="was trained on weights of"):
        trained(start, store, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_pairs_come_once_from_all_partitions_and_not_from_test_projects(store: str, llama: Path) -> None:
    from repair.models.tokenizer import load_tokenizer

    found = read_pairs(store)
    assert [known.pair_id for known in found.train] == [f"{number:04}" for number in range(24)]
    assert len(found.held_out) == 8
    samples = tokenise_pairs(load_tokenizer(llama), found, CONTEXT)
    assert (len(samples.samples), list(samples.held_out)) == (64, list(range(24, 32)))
    assert list(samples.answers)[:2] == ["0000/chosen", "0000/rejected"]
    longest = max(
        len(one.tokens) + len(two.tokens)
        for one, two in zip(samples.samples[::2], samples.samples[1::2], strict=True)
    )
    fewer = tokenise_pairs(load_tokenizer(llama), found, longest - 1)
    assert fewer.too_long and len(fewer.samples) + 2 * len(fewer.too_long) == 64


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "has no pair of the split 'train' among 0 pairs"),
        ([pair(1, "validation")], "has no pair of the split 'train' among 1 pairs"),
        ([{**pair(1), "chosen": None}], "pair '0001': expected text in"),
        ([{"pair_id": "1"}], "has no column split, asked, chosen, rejected"),
    ],
)
def test_a_file_without_pairs_is_told(rows: list[Row], said: str, tmp_path: Path) -> None:
    schema = None if rows and "split" not in rows[0] else PREFERENCE_PAIRS
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "pairs.parquet")
    with pytest.raises(MixtureError, match=said):
        read_pairs(str(tmp_path / "pairs.parquet"))


def test_another_version_of_the_prompt_is_refused(llama: Path, store: str, tmp_path: Path) -> None:
    old = {**read_made_by(llama), "prompt_version": "0"}
    (tmp_path / "made_by.json").write_text(json.dumps(old))
    with pytest.raises(ConfigurationError, match="knows version 0 of the prompt"):
        trained(tmp_path, store, tmp_path / "out")
