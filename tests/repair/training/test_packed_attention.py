"""Block-diagonal attention: a packed sample has the same logits as alone."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from repair.training.dataset import IGNORED, Sample
from repair.training.packed_attention import (
    learned_tokens,
    model_inputs,
    packed_row,
    padded_labels,
    register_attention,
)

SAMPLES = [
    Sample((1, 5, 6, 7, 2), 3),
    Sample((1, 9, 2), 2),
    Sample((1, 11, 12, 13, 14, 15, 16, 2), 4),
    Sample((1, 5, 6, 7, 8, 2), 1),
]
ROWS = [SAMPLES[:3], SAMPLES[3:]]  # rows of different lengths: the second one is padded


def llama(attention: str) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,  # attention that is far from uniform: a leak can't hide
    )
    return LlamaForCausalLM._from_config(config, attn_implementation=attention).eval()


def alone(model: Any, sample: Sample) -> Any:
    import torch

    with torch.inference_mode():
        return model(torch.tensor([sample.tokens])).logits[0]


def packed(rows: Sequence[Sequence[Sample]]) -> list[Any]:
    return [packed_row(samples, pad_token=0) for samples in rows]


def varlen_reference(  # the contract of flash attention's varlen kernel, computed plainly
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any
) -> tuple[Any, None]:
    import torch

    assert attention_mask is None
    starts = kwargs["cu_seq_lens_q"].tolist()
    assert kwargs["max_length_q"] == max(b - a for a, b in itertools.pairwise(starts))
    groups = module.num_key_value_groups
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    pieces = [
        torch.nn.functional.scaled_dot_product_attention(
            query[:, :, a:b], key[:, :, a:b], value[:, :, a:b], is_causal=True, scale=kwargs["scaling"]
        )
        for a, b in itertools.pairwise(starts)
    ]
    return torch.cat(pieces, 2).transpose(1, 2), None


@pytest.mark.parametrize("attention", ["sdpa", "eager", "per_sample"])
def test_the_logits_of_a_packed_row_equal_those_of_each_sample_alone(attention: str) -> None:
    import torch

    register_attention()
    model, plain = llama(attention), llama("sdpa")
    with torch.inference_mode():
        logits = model(**model_inputs(packed(ROWS), attention, pad_token=0), use_cache=False).logits
    rows = logits
    if attention == "per_sample":
        rows = logits[0].split([sum(len(sample.tokens) for sample in samples) for samples in ROWS])
    for row, samples in zip(rows, ROWS, strict=True):
        start = 0
        for sample in samples:
            end = start + len(sample.tokens)
            torch.testing.assert_close(row[start:end], alone(plain, sample), rtol=1e-4, atol=1e-4)
            start = end


def test_what_flash_attention_is_given_keeps_samples_apart() -> None:
    import torch
    from transformers import AttentionInterface

    AttentionInterface.register("varlen_reference", varlen_reference)
    model = llama("sdpa")
    expected = torch.cat([alone(model, sample) for row in ROWS for sample in row])
    model.set_attn_implementation("varlen_reference")
    inputs = model_inputs(packed(ROWS), "flash_attention_2", pad_token=0)
    with torch.inference_mode():
        logits = model(**inputs, use_cache=False).logits
    torch.testing.assert_close(logits[0], expected, rtol=1e-4, atol=1e-4)


def test_without_isolation_the_logits_differ() -> None:
    import torch

    model = llama("sdpa")
    tokens = torch.tensor([[token for sample in ROWS[0] for token in sample.tokens]])
    with torch.inference_mode():
        leaky = model(tokens).logits[0]
    start = len(ROWS[0][0].tokens)
    assert not torch.allclose(leaky[start : start + 3], alone(model, ROWS[0][1]), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("attention", ["sdpa", "flash_attention_2", "per_sample"])
def test_no_sample_learns_the_start_of_the_next_one(attention: str) -> None:
    labels = padded_labels(packed(ROWS), attention).flatten().tolist()
    learned = [token for row in ROWS for sample in row for token in sample.tokens[sample.prompt_length :]]
    assert [token for token in labels if token != IGNORED] == learned
    assert sum(map(learned_tokens, packed(ROWS))) == len(learned)


def test_a_row_of_nothing_is_one_token_that_is_not_learned() -> None:
    row = packed_row([], pad_token=7)
    assert row["input_ids"].tolist() == [7]
    assert learned_tokens(row) == 0


@pytest.mark.parametrize("attention", ["sdpa", "per_sample"])
def test_a_packed_batch_has_the_loss_and_the_gradient_of_its_samples(attention: str) -> None:
    import torch
    from transformers import PreTrainedTokenizerFast

    from repair.models.tokenizer import train_tokenizer
    from repair.training.composer_model import PackedCausalModel

    tokenizer: PreTrainedTokenizerFast = train_tokenizer(["abc"], 259, context=64)
    model = llama("sdpa")
    model.resize_token_embeddings(len(tokenizer))
    total = torch.zeros(())
    for sample in SAMPLES:  # the plain way: one sample, the library's own loss
        labels = torch.tensor([sample.labels])
        count = len(sample.tokens) - sample.prompt_length
        total = total + model(torch.tensor([sample.tokens]), labels=labels).loss * count
    learned = sum(len(sample.tokens) - sample.prompt_length for sample in SAMPLES)
    (total / learned).backward()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    register_attention()
    model.set_attn_implementation(attention)
    wrapped = PackedCausalModel(model, tokenizer, attention)
    batch = [*packed(ROWS), packed_row([], pad_token=0)]
    loss = wrapped.loss(wrapped(batch), batch)
    loss.backward()
    torch.testing.assert_close(loss, total / learned, rtol=1e-4, atol=1e-5)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


def test_a_batch_of_nothing_has_no_loss_and_no_gradient() -> None:
    from repair.models.tokenizer import train_tokenizer
    from repair.training.composer_model import PackedCausalModel

    tokenizer = train_tokenizer(["abc"], 259, context=64)
    model = llama("sdpa")
    model.resize_token_embeddings(len(tokenizer))
    wrapped = PackedCausalModel(model, tokenizer, "sdpa")
    batch = [packed_row([], pad_token=0)]
    loss = wrapped.loss(wrapped(batch), batch)
    loss.backward()
    assert float(loss) == 0
    assert all(not parameter.grad.any() for parameter in model.parameters())
