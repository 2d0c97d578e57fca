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


@pytest.mark.parametrize("lengths", [(6,), (6, 11, 1), (3, 3)])
def test_rows_that_were_read_apart_go_on_together(folder: Path, lengths: tuple[int, ...]) -> None:
    import torch

    from repair.models.growing_cache import cache_of, growing_cache, states_of

    model = loaded(folder, torch.float32)
    draw = torch.Generator().manual_seed(4)
    prompts = [torch.randint(5, 250, (1, length), generator=draw) for length in lengths]
    following = torch.randint(5, 250, (len(lengths), 2), generator=draw)
    with torch.inference_mode():
        caches = [growing_cache(model) for _ in prompts]
        for prompt, cache in zip(prompts, caches, strict=True):
            model(input_ids=prompt, past_key_values=cache)
        states = [states_of(cache) for cache in caches]
        together = cache_of(model, [known for known in states if known is not None])
        assert together.get_seq_length() == max(lengths)
        real = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        positions = torch.tensor(lengths)[:, None] + torch.arange(2)[None]
        found = model(
            input_ids=following,
            attention_mask=torch.cat([real, torch.ones_like(following)], dim=1).long(),
            position_ids=positions,
            past_key_values=together,
        ).logits
        for number, (prompt, cache) in enumerate(zip(prompts, caches, strict=True)):
            own = model(input_ids=following[[number]], past_key_values=cache).logits
            torch.testing.assert_close(found[[number]], own, rtol=1e-4, atol=1e-5)
            part = states_of(together, number, [slice(0, 1), slice(2, lengths[number])])
            assert part is not None
            read = torch.cat(
                [cache.layers[1].keys[:, :, :1], cache.layers[1].keys[:, :, 2 : prompt.shape[1]]], 2
            )
            torch.testing.assert_close(part[1][0], read)


def test_nothing_is_taken_of_a_cache_that_holds_a_window(folder: Path) -> None:
    import torch
    from transformers.cache_utils import DynamicCache, DynamicSlidingWindowLayer

    from repair.models.growing_cache import states_of

    cache = DynamicCache()
    cache.layers = [DynamicSlidingWindowLayer(sliding_window=4)]
    cache.update(torch.zeros(1, 2, 6, 4), torch.zeros(1, 2, 6, 4), 0)
    assert states_of(cache) is None
