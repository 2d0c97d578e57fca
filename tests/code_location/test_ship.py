"""The card of a shipped model, and what is not shipped."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from code_location.ship import card, ship
from partitions.keys import Key
from repair.evaluation.summary import system_scores
from repair.store.reader import PartitionStore
from repair.training.recipes import load_recipe

MADE_BY: dict[str, Any] = {
    "recipe": load_recipe("smollm2-135m").as_dict(),
    "prompt_version": "3",
    "base": {"weights_sha256": {"model.safetensors": "abc"}},
    "result": {
        "samples": 10_000,
        "tokens": 3_000_000,
        "data_fingerprint": "def",
        "batches": 625,
        "trained_parameters": 2_442_240,
        "parameters": 136_957_248,
        "first_loss": 1.5,
        "last_loss": 0.25,
    },
}


def test_the_card_says_data_licences_recipe_scores_and_limits() -> None:
    row = {"benchmark": "workspace", "system": "model", "sample_id": "s", "answer_index": 0, "answer": "a"}
    row |= {"outcome": "repaired", "ast_match": True, "ast_or_string_match": True, "repaired": True}
    confidence = {"threshold": 0.8125, "types": ["syntax"], "chosen_on": {"shown": 40, "right": 38}}
    text = card(MADE_BY, Counter({"pyright": 7}), system_scores([row]), {"attrs": "MIT"}, confidence)
    for said in (
        "dequantised",
        "not the published bf16 weights",
        "Apache-2.0",
        "attrs (MIT)",
        "10,000 examples",
        "| `pyright` | 7 |",
        "rank 8",
        "625 batches of 8 samples",
        "| workspace | model | 1 | ",
        "100.0 [20.7, 100.0]",
        "withholds it, 0.8125",
        "38 of 40\nshown repairs",
        "What it can't do",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recipe": load_recipe("tiny").as_dict()}, "is no adapter"),
        ({"prompt_version": "1"}, "another version of the prompt"),
    ],
)
def test_what_is_no_adapter_or_knows_another_prompt_is_not_shipped(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    store, folder = PartitionStore(str(tmp_path / "store")), tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "made_by.json").write_text(json.dumps(MADE_BY | changed))
    with store.writer("checkpoint", {"date": "2026-01-05"}) as writer:
        writer.write_tree(folder, "checkpoint")
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=0)
    with pytest.raises(SystemExit, match=message):
        ship(store, Key("2026-01-05"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
