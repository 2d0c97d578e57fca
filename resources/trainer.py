"""Starts the heavy children: training and decoding run outside the code location, through Pipes."""

import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg


class TrainerResource(dg.ConfigurableResource[None]):
    """Runs a training or decoding program as a child process of the run, and streams what it reports."""

    recipe: str = "tiny"
    """Name of the training recipe."""
    launcher: list[str] = []  # noqa: RUF012  (Dagster copies the default)
    """What starts a module; empty: this interpreter. On a GPU node: `["composer", "-n", "8", "-m"]`."""

    def run(
        self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]
    ) -> dg.PipesClientCompletedInvocation:
        """Run `module` with `extras`; a child that fails fails the run."""
        launcher = self.launcher or [sys.executable, "-m"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)  # Pipes warns of a part of its own
            return dg.PipesSubprocessClient().run(
                context=context,
                command=[*launcher, module],
                extras=dict(extras),
                env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
