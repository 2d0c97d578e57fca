"""Composer callback that reports and records the loss curve.

Only a training process imports this module: it loads Composer.

Tested by `tests/repair/training/test_program.py`.
"""

from collections.abc import Callable
from typing import Any

from repair.extras import extra
from repair.training.composer_model import LOSS

with extra("train"):
    from composer import Callback, Event, Logger, State
    from composer.algorithms import GradientClipping
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.nn.utils import clip_grad_norm_

ReportMetrics = Callable[[dict[str, Any]], None]


class NormClipping(GradientClipping):
    """Gradient clipping by norm that keeps the norm of the last step, as it was before."""

    def __init__(self, threshold: float) -> None:
        super().__init__("norm", threshold)
        self.norm = 0.0

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        if event is not Event.AFTER_TRAIN_BATCH:
            return
        sharded = [
            module
            for module in state.model.modules()
            if isinstance(module, FullyShardedDataParallel) and module.check_is_root()
        ]
        norms: list[Any] = [module.clip_grad_norm_(self.clipping_threshold) for module in sharded]
        norm: Any = norms[0] if norms else clip_grad_norm_(state.model.parameters(), self.clipping_threshold)
        self.norm = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


class LossCurve(Callback):
    """Reports the metrics of each batch and each validation, and records them for `metrics.jsonl`.

    It is part of Composer's checkpoints, so that a resumed run has the whole curve.
    """

    def __init__(self, report: ReportMetrics, *, batches: int, clipping: NormClipping) -> None:
        self.report = report
        self.batches = batches
        self.clipping = clipping
        self.curve: list[dict[str, Any]] = []
        self.resumed_from = 0
        self._rate = 0.0
        self._seconds = 0.0

    def fit_start(self, state: State, logger: Logger) -> None:
        self.resumed_from = int(state.timestamp.batch)

    def batch_start(self, state: State, logger: Logger) -> None:
        self._rate = float(state.optimizers[0].param_groups[0]["lr"])

    def batch_end(self, state: State, logger: Logger) -> None:
        took = state.timestamp.batch_wct
        seconds = took.total_seconds() if took else 0.0
        tokens = int(state.timestamp.token) - int(
            state.previous_timestamp.token if state.previous_timestamp else 0
        )
        loss = state.total_loss_dict["loss/train/total"]
        batch = int(state.timestamp.batch)
        self._seconds += seconds
        left = (self.batches - batch) * self._seconds / (batch - self.resumed_from)
        figures = {
            "gradient_norm": self.clipping.norm,
            "learning_rate": self._rate,
            "tokens_per_second": round(tokens / seconds) if seconds else 0,
        }
        logger.log_metrics({f"train/{name}": figure for name, figure in figures.items()})
        self._add(
            {
                "batch": batch,
                "batches": self.batches,
                "loss": float(loss),
                "tokens": tokens,
                "seconds": round(seconds, 4),
                "seconds_left": round(left),
                **figures,
            }
        )

    def eval_end(self, state: State, logger: Logger) -> None:
        losses = {name: float(metric.compute()) for name, metric in state.eval_metrics["validation"].items()}
        whole = losses.pop(LOSS)
        by_type = {name.removeprefix(f"{LOSS}/"): loss for name, loss in losses.items()}
        self._add(
            {
                "batch": int(state.timestamp.batch),
                "validation_loss": whole,
                "validation_loss_by_type": by_type,
            }
        )

    def _add(self, record: dict[str, Any]) -> None:
        self.curve.append(record)
        self.report(record)

    def state_dict(self) -> dict[str, Any]:
        return {"curve": self.curve}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.curve = list(state["curve"])

    @property
    def losses(self) -> list[float]:
        """The loss of each batch, in order."""
        return [record["loss"] for record in self.curve if "loss" in record]

    @property
    def validation_losses(self) -> list[float]:
        """The loss of each validation, in order."""
        return [record["validation_loss"] for record in self.curve if "validation_loss" in record]


def at_batches(batches: set[int]) -> Callable[[State, Event], bool]:
    """Composer interval: after each of these numbers of batches."""

    def due(state: State, event: Event) -> bool:
        return event == Event.BATCH_END and int(state.timestamp.batch) in batches

    return due
