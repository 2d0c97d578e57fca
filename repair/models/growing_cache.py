"""Key-value cache with room to grow: a decoding step writes its tokens, and copies nothing.

The cache of transformers is made anew for each token, with all that it held.

Tested by `tests/repair/models/test_growing_cache.py`.
"""

from typing import Any

from repair.extras import extra

with extra("local"):
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 128
"""Tokens that fit after those that are there when the buffers are made."""


def growing_cache(model: Any) -> DynamicCache:
    """An empty cache for `model`; layers that see a window are those of transformers."""
    cache = DynamicCache(config=model.config)
    cache.layers = [_GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


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
