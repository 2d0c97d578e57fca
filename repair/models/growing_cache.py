"""Key-value cache with room to grow: a decoding step writes its tokens, and copies nothing.

The cache of transformers is made anew for each token, with all that it held.

Tested by `tests/repair/models/test_growing_cache.py`.
"""

from collections.abc import Sequence
from typing import Any

from repair.extras import extra

with extra("local"):
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

States = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, [1, heads, tokens, width]."""

ROOM = 128
"""Tokens that fit after those that are there when the buffers are made."""


def growing_cache(model: Any) -> DynamicCache:
    """An empty cache for `model`; layers that see a window are those of transformers."""
    cache = DynamicCache(config=model.config)
    cache.layers = [_GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def states_of(cache: DynamicCache, row: int = 0, parts: Sequence[slice] = (slice(None),)) -> States | None:
    """A copy of what `cache` holds of a row at these tokens; None where a layer sees a window alone."""
    layers: list[Any] = list(cache.layers)
    if not all(isinstance(layer, _GrowingLayer) for layer in layers):
        return None
    return [
        (
            torch.cat([layer.keys[row : row + 1, :, part] for part in parts], dim=-2),
            torch.cat([layer.values[row : row + 1, :, part] for part in parts], dim=-2),
        )
        for layer in layers
    ]


def cache_of(model: Any, rows: Sequence[States]) -> DynamicCache:
    """A cache with these rows, padded with zeros at the end; it holds copies."""
    longest = max(states[0][0].shape[-2] for states in rows)
    found = growing_cache(model)
    for number in range(len(found.layers)):
        keys, values = zip(*(states[number] for states in rows), strict=True)
        found.update(_padded(keys, longest), _padded(values, longest), number)
    return found


def _padded(rows: Sequence[torch.Tensor], length: int) -> torch.Tensor:
    return torch.cat([torch.nn.functional.pad(row, (0, 0, 0, length - row.shape[-2])) for row in rows])


class _GrowingLayer(DynamicLayer):
    """Keys and values are the used part of two buffers, [batch, heads, room, width]."""

    def __init__(self) -> None:
        super().__init__()
        self._buffers: dict[str, torch.Tensor] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self._with("keys", self.keys, key_states)
        self.values = self._with("values", self.values, value_states)
        return self.keys, self.values

    def _with(self, name: str, held: Any, new: torch.Tensor) -> torch.Tensor:
        """`held` and `new` one after the other."""
        start = held.shape[-2] if held.numel() else 0
        end = start + new.shape[-2]
        buffer = self._buffers.get(name)
        # rows may have been selected or repeated meanwhile: then what is held is another tensor
        mine = (
            buffer is not None
            and buffer.data_ptr() == held.data_ptr()
            and buffer.shape[:-2] == new.shape[:-2]
        )
        if buffer is None or not mine or buffer.shape[-2] < end:
            buffer = new.new_empty(*new.shape[:-2], end + ROOM, new.shape[-1])
            if start:
                buffer[..., :start, :] = held
            self._buffers[name] = buffer
        buffer[..., start:end, :] = new
        return buffer[..., :end, :]
