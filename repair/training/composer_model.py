"""Composer model: a Hugging Face causal language model on packed rows, with the loss on responses only.

Only a training process imports this module: it loads torch and Composer.

Tested by `tests/repair/training/test_packed_attention.py` and `tests/repair/training/test_program.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from repair.extras import extra
from repair.training.dataset import IGNORED
from repair.training.packed_attention import PackedRow, model_inputs, padded, padded_labels

with extra("train"):
    import torch
    from composer.models import HuggingFaceModel
    from torchmetrics import Metric


LOSS = "ResponseLoss"


class ResponseLoss(Metric):
    """Cross-entropy per learned token, in nats, over all rows of all processes, or of one group."""

    full_state_update = False
    total: torch.Tensor
    tokens: torch.Tensor

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self.group = slice(None) if group is None else slice(group, group + 1)
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("tokens", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, totals: torch.Tensor, tokens: torch.Tensor) -> None:
        """Add the sums of losses and the learned tokens of each group."""
        self.total += totals[self.group].double().sum()
        self.tokens += tokens[self.group].sum()

    def compute(self) -> torch.Tensor:
        return self.total / self.tokens


class PackedCausalModel(HuggingFaceModel):
    """Causal language model on a list of packed rows; only responses are learned.

    The vocabulary's logits, the largest tensor of a small batch, are computed at learned tokens only.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        attention: str,
        *,
        groups: Mapping[str, int] | None = None,
        autocast: bool = False,
    ) -> None:
        """`groups`: numbers from 0 on of the diagnostic types whose losses are told apart.

        `autocast`: compute in bfloat16 by autocast here, since Composer refuses to on a CPU.
        """
        super().__init__(model, tokenizer, eval_metrics=[ResponseLoss()])
        self.groups = dict(groups or {})
        for name, number in self.groups.items():
            self.val_metrics[f"{LOSS}/{name}"] = ResponseLoss(number)  # pyright: ignore[reportOptionalSubscript]
        self.attention = attention
        self.autocast = autocast
        self.pad_token = int(tokenizer.pad_token_id)
        blocks = model._no_split_modules or []
        is_block: Callable[[torch.nn.Module], bool] = lambda module: type(module).__name__ in blocks  # noqa: E731
        # Composer shards and checkpoints one transformer block at a time
        model.fsdp_wrap_fn = is_block
        model.activation_checkpointing_fn = is_block

    def forward(self, batch: Sequence[PackedRow]) -> dict[str, torch.Tensor]:
        """`totals`: the summed cross-entropy of the learned tokens of each group; `tokens`: their number."""
        labels = padded_labels(batch, self.attention)
        targets = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        learned = targets != IGNORED
        # a row of padding still takes part in every collective operation of a sharded model
        kept = learned if bool(learned.any()) else torch.ones_like(learned).cumsum(1) == 1
        inputs = model_inputs(batch, self.attention, pad_token=self.pad_token)
        device = targets.device.type
        with torch.autocast(device, torch.bfloat16) if self.autocast else nullcontext():
            logits = self.model(**inputs, use_cache=False, logits_to_keep=kept).logits
        losses = torch.nn.functional.cross_entropy(
            logits.float(), targets[kept], ignore_index=IGNORED, reduction="none"
        )
        # a token that predicts the next one of its row is in the same sample
        numbers = padded(batch, "groups", self.attention, 0)[kept]
        none = losses.new_zeros(max(len(self.groups), 1))
        return {
            "totals": none.index_add(0, numbers, losses),
            "tokens": none.long().index_add(0, numbers, learned[kept].long()),
        }

    def loss(self, outputs: Any, batch: Any) -> torch.Tensor:
        return outputs["totals"].sum() / outputs["tokens"].sum().clamp(min=1)

    def eval_forward(self, batch: Any, outputs: Any | None = None) -> Any:
        return outputs if outputs is not None else self.forward(batch)

    def update_metric(self, batch: Any, outputs: Any, metric: Metric) -> dict[str, Any]:
        metric.update(outputs["totals"], outputs["tokens"])
        return {}
