"""Composer callback that reports and records the loss curve.

Only a training process imports this module: it loads Composer. Tested by
`tests/repair/training/test_program.py`.

Tested by `tests/repair/training/test_recipe.py`.
"""

from collections.abc import Callable
from typing import Any

from repair.extras import extra

with extra("train"):
    from composer import Callback, Event, Logger, State

ReportMetrics = Callable[[dict[str, Any]], None]


class LossCurve(Callback):
    """Reports the metrics of each batch and each validation, and records them for `metrics.jsonl`.

    It is part of Composer's checkpoints, so that a resumed run has the whole curve.
    """

    def __init__(self, report: ReportMetrics, *, batches: int) -> None:
        self.report = report
        self.batches = batches
        self.curve: list[dict[str, Any]] = []
        self.resumed_from = 0
        self._rate = 0.0

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
        self._add(
            {
                "batch": int(state.timestamp.batch),
                "batches": self.batches,
                "loss": float(loss),
                "learning_rate": self._rate,
                "tokens": tokens,
                "seconds": round(seconds, 4),
                "tokens_per_second": round(tokens / seconds) if seconds else 0,
            }
        )

    def eval_end(self, state: State, logger: Logger) -> None:
        metric = state.eval_metrics["validation"]["ResponseLoss"]
        self._add({"batch": int(state.timestamp.batch), "validation_loss": float(metric.compute())})

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
