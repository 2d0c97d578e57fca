"""The cache that grows in place, against that of transformers."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_llama import save_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights, two of whose heads share a key."""
    from repair.models.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("llama")
    tokenizer = train_tokenizer(["import sys\nprint(sys.path)\n"], 300, context=512)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    save_llama(folder, tokenizer, context=512, seed=5, num_attention_heads=4, num_key_value_heads=2, **sizes)
    return folder


def loaded(folder: Path, dtype: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


STEPS = (20, 1, 1, 5, 16, 17, 1, 140, 1), (9, 1, 3, 1)
"""Tokens that are read at once: prompts, single tokens, drafts, and what the buffers have no room for."""


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_the_logits_are_those_of_transformers(
    folder: Path, kind: str, padding: int, steps: tuple[int, ...]
) -> None:
    import torch
    from transformers.cache_utils import DynamicCache

    from repair.models.growing_cache import growing_cache

    dtype = getattr(torch, kind)
    model = loaded(folder, dtype)
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 250, (3, sum(steps)), generator=draw)
    mask = torch.ones_like(ids)
    mask[0, :padding] = 0
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    grown: Any = growing_cache(model)
    plain: Any = DynamicCache(config=model.config)
    close = {"rtol": 1e-4, "atol": 1e-5} if kind == "float32" else {"rtol": 0.1, "atol": 0.02}
    start = 0
    with torch.inference_mode():
        for count in steps:
            now = slice(start, start + count)
            given = {"input_ids": ids[:, now], "position_ids": positions[:, now]}
            given["attention_mask"] = mask[:, : start + count]
            found = model(**given, past_key_values=grown).logits
            expected = model(**given, past_key_values=plain).logits
            real = mask[:, now].bool()
            torch.testing.assert_close(found[real], expected[real], **close)
            start += count
    for one, other in zip(grown.layers, plain.layers, strict=True):
        torch.testing.assert_close(one.keys[1:], other.keys[1:], **close)


def test_a_cache_is_written_in_place_and_never_into_rows_that_were_left(folder: Path) -> None:
    import torch

    from repair.models.growing_cache import growing_cache

    model = loaded(folder, torch.float32)
    ids = torch.arange(10, 22).view(2, 6)
    cache: Any = growing_cache(model)
    [layer, _] = cache.layers
    with torch.inference_mode():
        model(input_ids=ids, past_key_values=cache)
        before = layer.keys
        model(input_ids=ids[:, :1], past_key_values=cache)
        assert layer.keys.data_ptr() == before.data_ptr()
        whole = layer.keys.clone()
        cache.batch_select_indices(torch.tensor([1, 1, 0]))
        model(input_ids=torch.tensor([[3], [4], [5]]), past_key_values=cache)
        torch.testing.assert_close(layer.keys[:, :, :-1], whole[[1, 1, 0]])
        cache.crop(-4)  # drafts that were not taken
        model(input_ids=torch.tensor([[6], [7], [8]]), past_key_values=cache)
        assert cache.get_seq_length() == 5
        torch.testing.assert_close(layer.keys[:, :, :4], whole[[1, 1, 0], :, :4])
