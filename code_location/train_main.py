"""The training process: started by Dagster through Pipes, or by hand.

    python -m code_location.train_main --recipe tiny --mixture MIXTURE --out CHECKPOINT
    composer -n 8 -m code_location.train_main --recipe deepseek-coder-7b-instruct-v1.5 ...

Under Pipes it reads the extras `recipe`, `mixture_uri` and `output_dir`, and those of `overrides`, `states`
(folder for the states of an interrupted run), `tensorboard` (folder for its logs) and `terminal` (whether the
progress is printed, too) that are there. It ends with the process that started it. It logs batches as they
go, sends each validation and the result as custom messages
(`{"kind": "validation" | "training_result", ...}`) and reports one materialization. A failed training
exits with a code that is not 0; so does one that SIGTERM stops, and neither leaves a checkpoint.

Tested by `tests/repair/training/test_program.py`.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dagster_pipes import (
    PipesContext,
    PipesDefaultContextLoader,
    PipesEnvVarParamsLoader,
    open_dagster_pipes,
)

from repair.extras import extra

SECONDS_BETWEEN_LOGS = 5.0


class Listener(Protocol):
    """Who is told how the training goes."""

    def log(self, line: str) -> None: ...

    def message(self, kind: str, figures: Mapping[str, Any]) -> None: ...

    def finished(self, figures: Mapping[str, Any]) -> None: ...


class Terminal:
    """A person at a terminal."""

    def log(self, line: str) -> None:
        print(line, flush=True)  # noqa: T201

    def message(self, kind: str, figures: Mapping[str, Any]) -> None:
        pass

    def finished(self, figures: Mapping[str, Any]) -> None:
        print(json.dumps(figures, indent=2), flush=True)  # noqa: T201


class Silent:
    """Nobody: all processes of a training but the first say the same."""

    def log(self, line: str) -> None:
        pass

    def message(self, kind: str, figures: Mapping[str, Any]) -> None:
        pass

    def finished(self, figures: Mapping[str, Any]) -> None:
        pass


class Dagster:
    """The run that started this process."""

    def __init__(self, context: PipesContext) -> None:
        self.context = context
        self.terminal = Terminal() if context.extras.get("terminal") else Silent()

    def log(self, line: str) -> None:
        self.context.log.info(line)
        self.terminal.log(line)

    def message(self, kind: str, figures: Mapping[str, Any]) -> None:
        self.context.report_custom_message({"kind": kind, **figures})

    def finished(self, figures: Mapping[str, Any]) -> None:
        self.message("training_result", figures)
        self.context.report_asset_materialization(metadata=dict(figures))


class Reporter:
    """Turns a batch's figures into a log line, every few seconds and at both ends."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._said = float("-inf")

    def __call__(self, figures: Mapping[str, Any]) -> None:
        if "validation_loss" in figures:
            self.listener.log(f"batch {figures['batch']}: validation loss {figures['validation_loss']:.4f}")
            self.listener.message("validation", figures)
            return
        last = figures["batch"] == figures["batches"]
        if last or time.monotonic() - self._said >= SECONDS_BETWEEN_LOGS:
            self._said = time.monotonic()
            self.listener.log(
                f"batch {figures['batch']} of {figures['batches']}: loss {figures['loss']:.4f}, "
                f"{figures['tokens_per_second']} tokens/s, learning rate {figures['learning_rate']:.2e}, "
                f"gradient norm {figures['gradient_norm']:.2f}, {_duration(figures['seconds_left'])} left"
            )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes else f"{seconds:.0f} s"


def run(
    recipe: str,
    overrides: Mapping[str, Any],
    mixture: str,
    out: str,
    listener: Listener,
    *,
    states: str | None = None,
    tensorboard: str | None = None,
) -> None:
    """Train, and tell `listener`."""
    from repair.training.recipes import load_recipe

    chosen = load_recipe(recipe, overrides)  # a bad setting fails before torch is loaded
    with extra("train"):
        from transformers.utils.logging import disable_progress_bar

    from repair.training.program import train

    disable_progress_bar()
    listener.log(f"training {recipe} on {mixture}")
    result = train(chosen, mixture, out, Reporter(listener), states=states, tensorboard=tensorboard)
    listener.finished(result.as_dict())


def run_extras(extras: Mapping[str, Any], listener: Listener) -> None:
    """Train what the extras of a Pipes process say."""
    overrides = extras.get("overrides") or {}
    folders = {name: extras.get(name) or None for name in ("states", "tensorboard")}
    run(extras["recipe"], overrides, extras["mixture_uri"], extras["output_dir"], listener, **folders)


def _end_with_parent() -> None:
    """Stop this process, as by SIGTERM, once the one that started it is gone: the next run needs its states.

    The kernel's signal for it would follow the thread that started this process.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> None:
    """The process's entry: Pipes' extras if Dagster started it, else the command line."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve a shared machine
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    first = os.environ.get("RANK", "0") == "0"
    if PipesEnvVarParamsLoader().is_dagster_pipes_process():
        _end_with_parent()
        if first:
            with open_dagster_pipes() as context:
                run_extras(context.extras, Dagster(context))
        else:
            # the channel of messages has one writer: whoever closes it ends it for all
            params = PipesEnvVarParamsLoader().load_context_params()
            with PipesDefaultContextLoader().load_context(params) as data:
                run_extras(data.get("extras") or {}, Silent())
        return
    parser = argparse.ArgumentParser(prog="train", description="Trains a model on a mixture.")
    parser.add_argument("--recipe", required=True, help="a name in repair/training/recipes.py")
    parser.add_argument("--mixture", required=True, help="folder or URI of the training mixture")
    parser.add_argument("--out", required=True, help="folder or URI of the checkpoint")
    parser.add_argument("--states", help="folder for the states of an interrupted run; default: beside --out")
    parser.add_argument("--tensorboard", help="folder for logs that TensorBoard reads")
    parser.add_argument("--overrides", default="{}", type=json.loads, help='JSON: {"epochs": 1}')
    options = parser.parse_args(arguments)
    listener = Terminal() if first else Silent()
    run(
        options.recipe,
        options.overrides,
        options.mixture,
        options.out,
        listener,
        states=options.states,
        tensorboard=options.tensorboard,
    )


if __name__ == "__main__":
    main()
