"""Runs training and decoding as child processes outside the code location, through Dagster Pipes."""

import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg


class TrainerResource(dg.ConfigurableResource[None]):
    """Runs a training or decoding program as a child process of the run, and streams its reports."""

    recipe: str = "tiny"
    """Name of the training recipe."""
    launcher: list[str] = []  # noqa: RUF012  (Dagster copies the default)
    """Command that starts a module, on GPUs `["composer", "-n", "8", "-m"]`; empty: this interpreter."""

    def run(
        self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]
    ) -> dg.PipesClientCompletedInvocation:
        """Runs `module` with `extras`; if the child fails, the run fails."""
        launcher = self.launcher or [sys.executable, "-m"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)  # Pipes itself uses a preview part
            return dg.PipesSubprocessClient().run(
                context=context,
                command=[*launcher, module],
                extras=dict(extras),
                env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
