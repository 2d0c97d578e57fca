"""Programs in the process of the tests: another process would load torch and Composer once more.

What they are as processes of their own is tested where they are killed, and once under Dagster Pipes each.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from resources.trainer import TrainerResource

# What the programs set. Composer sets others, which have to stay: its process group does, too.
_VARIABLES = ("HF_HUB_DISABLE_TELEMETRY", "OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM")


@contextmanager
def in_this_process() -> Iterator[None]:
    """What a program does to its process is undone: its variables, and what SIGTERM means."""
    handler = signal.getsignal(signal.SIGTERM)
    absent = [name for name in _VARIABLES if name not in os.environ]
    try:
        yield
    finally:
        for name in absent:
            os.environ.pop(name, None)
        signal.signal(signal.SIGTERM, handler)


class TrainerInThisProcess(TrainerResource):
    """Runs training and decoding here."""

    def run(self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]) -> Any:
        from code_location import decode_main, train_main

        if module == "code_location.train_main":
            train_main.run_extras(extras, train_main.Silent())
        else:
            decode_main.run(extras, context.log.info)
