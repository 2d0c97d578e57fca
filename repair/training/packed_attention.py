"""Block-diagonal attention for packed rows: samples that share a row do not see each other.

Packing concatenates several samples. Attention over the whole row would let a sample read its neighbours, and
a padding mask does not protect a Llama-family model from that. So every sample's positions restart at 0, and
its tokens attend to its own earlier tokens only:

- `sdpa` and `eager` get a block-diagonal mask, [rows, 1, length, length];
- `flash_attention_2` gets all rows as one, and the offsets at which samples begin (`cu_seq_lens`).

A row is a mapping of one-dimensional tensors: `input_ids` and `labels` (one per token) and `lengths` (one per
sample, adding up to the number of tokens).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from repair.extras import extra
from repair.training.dataset import IGNORED, Sample

PackedRow = Mapping[str, Any]


def packed_row(samples: Sequence[Sample], *, pad_token: int) -> PackedRow:
    """Concatenate `samples` into a row; without samples, one token that is not learned."""
    with extra("train"):
        import torch

    tokens = [token for sample in samples for token in sample.tokens] or [pad_token]
    labels = [label for sample in samples for label in sample.labels] or [IGNORED]
    lengths = [len(sample.tokens) for sample in samples] or [1]
    return {
        "input_ids": torch.tensor(tokens),
        "labels": torch.tensor(labels),
        "lengths": torch.tensor(lengths),
    }


def learned_tokens(row: PackedRow) -> int:
    """The number of learned tokens in the row."""
    return int((row["labels"] != IGNORED).sum())


def model_inputs(rows: Sequence[PackedRow], implementation: str, *, pad_token: int) -> dict[str, Any]:
    """Inputs of a Hugging Face causal model for `rows`, without labels; samples are isolated."""
    if implementation == "flash_attention_2":
        return _as_one_sequence(rows)
    return _masked(rows, pad_token, additive=implementation == "eager")


def padded_labels(rows: Sequence[PackedRow], implementation: str) -> Any:
    """The labels in the shape of `model_inputs(...)["input_ids"]`."""
    import torch

    if implementation == "flash_attention_2":
        return torch.cat([row["labels"] for row in rows])[None]
    return torch.nn.utils.rnn.pad_sequence([row["labels"] for row in rows], True, IGNORED)


def _positions(lengths: Any) -> Any:
    import torch

    return torch.cat([torch.arange(int(length), device=lengths.device) for length in lengths])


def _as_one_sequence(rows: Sequence[PackedRow]) -> dict[str, Any]:
    import torch

    lengths = torch.cat([row["lengths"] for row in rows])
    starts = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(lengths.max())
    return {
        "input_ids": torch.cat([row["input_ids"] for row in rows])[None],
        "position_ids": _positions(lengths)[None],
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
