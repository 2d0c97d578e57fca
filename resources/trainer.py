"""Runs training and decoding as child processes outside the code location, through Dagster Pipes.

Tested by `tests/code_location/test_graph.py`.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from repair.prompt.rows import prompt_of

DECODING = "code_location.decode_main"


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

    def decode(
        self,
        context: dg.AssetExecutionContext,
        checkpoint: Path,
        samples: Sequence[Mapping[str, Any]],
        decoding: Mapping[str, Any],
    ) -> dict[str, str]:
        """The completion of each sample's prompt, by `sample_id`, decoded by a child process."""
        with tempfile.TemporaryDirectory() as folder:
            prompts, predictions = Path(folder, "prompts.parquet"), Path(folder, "predictions.parquet")
            columns = {
                "sample_id": [sample["sample_id"] for sample in samples],
                "prompt": [prompt_of(sample) for sample in samples],
            }
            pq.write_table(pa.table(columns), prompts)
            self.run(
                context,
                DECODING,
                {
                    "checkpoint": str(checkpoint),
                    "inputs": [[str(prompts), str(predictions)]],
                    **decoding,
                },
            )
            rows = pq.read_table(predictions).to_pylist()
        return {row["sample_id"]: row["completion"] or "" for row in rows}
