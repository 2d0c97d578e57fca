"""Block-diagonal attention for packed rows: samples that share a row do not see each other.

Packing concatenates several samples. Attention over the whole row would let a sample read its neighbours, and
a padding mask does not protect a Llama-family model from that. So every sample's positions restart at 0, and
its tokens attend to its own earlier tokens only:

- `sdpa` and `eager` get a block-diagonal mask, [rows, 1, length, length];
- `flash_attention_2` gets all rows as one, and the offsets at which samples begin (`cu_seq_lens`);
- `per_sample` gets all rows as one, and attends within each sample by itself: neither padding nor a mask of
  rows, without Flash Attention.

A row is a mapping of one-dimensional tensors: `input_ids` and `labels` (one per token), `lengths` (one per
sample, adding up to the number of tokens) and `groups` (one per token: its sample's group, by which losses
are told apart).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from repair.extras import extra
from repair.training.dataset import IGNORED, Sample

PackedRow = Mapping[str, Any]
_AS_ONE = ("flash_attention_2", "per_sample")


def packed_row(
    samples: Sequence[Sample], *, pad_token: int, groups: Mapping[str, int] | None = None
) -> PackedRow:
    """Concatenate `samples` into a row; without samples, one token that is not learned.

    `groups` maps diagnostic types to numbers of groups; what it lacks is in group 0.
    """
    with extra("train"):
        import torch

    tokens = [token for sample in samples for token in sample.tokens] or [pad_token]
    labels = [label for sample in samples for label in sample.labels] or [IGNORED]
    lengths = [len(sample.tokens) for sample in samples] or [1]
    of_type = groups or {}
    numbers = [of_type.get(sample.diagnostic_type, 0) for sample in samples for _ in sample.tokens] or [0]
    return {
        "input_ids": torch.tensor(tokens),
        "labels": torch.tensor(labels),
        "lengths": torch.tensor(lengths),
        "groups": torch.tensor(numbers),
    }


def learned_tokens(row: PackedRow) -> int:
    """The number of learned tokens in the row."""
    return int((row["labels"] != IGNORED).sum())


def model_inputs(rows: Sequence[PackedRow], implementation: str, *, pad_token: int) -> dict[str, Any]:
    """Inputs of a Hugging Face causal model for `rows`, without labels; samples are isolated."""
    if implementation in _AS_ONE:
        return _as_one_sequence(rows, flash=implementation == "flash_attention_2")
    return _masked(rows, pad_token, additive=implementation == "eager")


def padded_labels(rows: Sequence[PackedRow], implementation: str) -> Any:
    """The labels in the shape of `model_inputs(...)["input_ids"]`."""
    return padded(rows, "labels", implementation, IGNORED)


def padded(rows: Sequence[PackedRow], name: str, implementation: str, padding: int) -> Any:
    """The tensors `name`, one number per token, in the shape of `model_inputs(...)["input_ids"]`."""
    import torch

    tensors = [row[name] for row in rows]
    if implementation in _AS_ONE:
        return torch.cat(tensors)[None]
    return torch.nn.utils.rnn.pad_sequence(tensors, True, padding)


def _positions(lengths: Any) -> Any:
    import torch

    return torch.cat([torch.arange(int(length), device=lengths.device) for length in lengths])


def register_attention() -> None:
    """Make `per_sample` known to transformers."""
    with extra("train"):
        from transformers import AttentionInterface

    AttentionInterface.register("per_sample", _per_sample)


def _per_sample(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    *,
    sample_lengths: list[int],
    scaling: float,
    **_: Any,
) -> tuple[Any, None]:
    """Causal attention within each sample of one row: tensors of [1, heads, tokens, width].

    On a CPU the heads that share a key are multiplied with it as one matrix. That is three times as fast as
    `scaled_dot_product_attention` at 300 tokens in 16 bits, whose kernel works on small blocks.
    """
    import torch

    heads = key.shape[1]
    groups = query.shape[1] // heads
    pieces: list[Any] = []
    for q, k, v in zip(*(tensor.split(sample_lengths, 2) for tensor in (query, key, value)), strict=True):
        if query.device.type == "cpu":
            mask = _causal(q.shape[2], groups, q.dtype)
            scores = torch.baddbmm(
                mask, q.reshape(heads, -1, q.shape[3]), k[0].transpose(1, 2), alpha=scaling
            )
            out = torch.bmm(scores.softmax(-1), v[0]).view(q.shape)
        else:
            out = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=True, scale=scaling, enable_gqa=groups > 1
            )
        pieces.append(out.transpose(1, 2))
    return torch.cat(pieces, 1), None


@lru_cache(maxsize=32)
def _causal(length: int, groups: int, dtype: Any) -> Any:
    """Additive causal mask of one sample for `groups` heads below each other, [groups x length, length]."""
    import torch

    mask = torch.full((length, length), float("-inf"), dtype=dtype).triu(1)
    return mask.repeat(groups, 1)[None]


def _as_one_sequence(rows: Sequence[PackedRow], *, flash: bool) -> dict[str, Any]:
    import torch

    lengths = torch.cat([row["lengths"] for row in rows])
    inputs = {
        "input_ids": torch.cat([row["input_ids"] for row in rows])[None],
        "position_ids": _positions(lengths)[None],
    }
    if not flash:
        return {**inputs, "sample_lengths": lengths.tolist()}
    starts = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(lengths.max())
    return {
        **inputs,
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def _masked(rows: Sequence[PackedRow], pad_token: int, *, additive: bool) -> dict[str, Any]:
    import torch

    def padded(tensors: list[Any], padding: int) -> Any:
        return torch.nn.utils.rnn.pad_sequence(tensors, True, padding)

    # padding is a sample of its own: a token that attends to nothing would compute NaN
    owners = padded(
        [
            torch.repeat_interleave(torch.arange(len(row["lengths"])).to(row["lengths"]), row["lengths"])
            for row in rows
        ],
        -1,
    )
    length = owners.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=owners.device).tril()
    mask = ((owners[:, :, None] == owners[:, None, :]) & causal)[:, None]
    if additive:
        lowest = torch.finfo(torch.float32).min
        mask = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, lowest)
    return {
        "input_ids": padded([row["input_ids"] for row in rows], pad_token),
        "position_ids": padded([_positions(row["lengths"]) for row in rows], 0),
        "attention_mask": mask,
    }
