"""Runs training and decoding outside the code location, through Dagster Pipes: a child process, or a pod.

A pod sees the files of a run by a volume that both mount under one name (`scratch`, `answers`, `states`).

Tested by `tests/resources/test_trainer.py`, and by `tests/code_location/test_graph.py`.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from repair.execution.definitions import definitions_of
from repair.models.answer_log import logged_answers, prompt_sha256, use_log
from repair.models.model import Completion, Sampling
from resources.allocator import preloaded_allocator
from resources.trainer_pod import read_pod

DECODING = "code_location.decode_main"


class TrainerResource(dg.ConfigurableResource[None]):
    """Runs a training or decoding program apart from the run, and streams its reports."""

    recipe: str = "tiny"
    """Name of the training recipe."""
    launcher: list[str] = []  # noqa: RUF012  (Dagster copies the default)
    """Command that starts a module, on GPUs `["composer", "-n", "8", "-m"]`; empty: this interpreter, with
    the allocator that is fast on a CPU."""
    pod: str = ""
    """File with the manifest of the Kubernetes pod in which programs run; empty: they are child processes."""
    scratch: str = ""
    """Folder for the files that a run and its program exchange; empty: the system's for temporary files."""
    states: str = ""
    """Folder or URI of the states of interrupted trainings; empty: an interrupted one starts again."""
    terminal: bool = False
    """Whether a training's progress is printed, too."""
    answers: str
    """Folder on this machine with what checkpoints answered, so that nothing is decoded twice."""

    def run(
        self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]
    ) -> dg.PipesClientCompletedInvocation:
        """Runs `module` with `extras`; if the program fails, the run fails."""
        launcher = self.launcher or [sys.executable, "-m"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)  # Pipes itself uses a preview part
            if self.pod:
                return read_pod(Path(self.pod)).run(context, module, extras)
            return dg.PipesSubprocessClient().run(
                context=context,
                command=[*launcher, module],
                extras=dict(extras),
                env={
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    **({} if self.launcher else preloaded_allocator()),
                },
            )

    @contextmanager
    def exchange(self) -> Generator[str]:
        """A new folder that the program sees under the same name; it is removed at the end."""
        if self.scratch:
            Path(self.scratch).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.scratch or None) as folder:
            yield folder

    @contextmanager
    def unfinished(self, name: str) -> Generator[str]:
        """A folder beside the states, in which a run finds what one of the same `name` left that did not end.

        It is removed at the end. Without a local folder of states nothing is left: it is a new one.
        """
        if not self.states or "://" in self.states:
            with self.exchange() as folder:
                yield folder
            return
        folder = Path(self.states, name)
        folder.mkdir(parents=True, exist_ok=True)
        yield str(folder)
        shutil.rmtree(folder)

    def train(
        self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]
    ) -> dg.PipesClientCompletedInvocation:
        """Trains as `extras` say, by the program `module`."""
        own = {"states": self.states, "terminal": self.terminal}
        return self.run(context, module, {**own, **extras})

    def decode(
        self,
        context: dg.AssetExecutionContext,
        prompts: Sequence[str],
        k: int,
        *,
        checkpoint: str,
        revision: str | None = None,
        weights: str,
        sampling: Sampling,
    ) -> list[list[Completion]]:
        """`k` completions of each prompt by a child process, which decodes what no earlier one did.

        Answers of equal `weights` (a name for them that no other weights have), sampling and decoding code
        are in one log. Without anything to decode no process is started.
        """
        sampling.check_answers(k)
        made_of = [weights, asdict(sampling), definitions_of(DECODING).digest]
        name = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]
        path = Path(self.answers, f"{name}.jsonl")
        use_log(path)
        keys = [[(prompt_sha256(prompt), number) for number in range(k)] for prompt in prompts]
        found = logged_answers(path)
        if any(key not in found for own in keys for key in own):
            with self.exchange() as folder:
                asked = Path(folder, "prompts.parquet")
                pq.write_table(pa.table({"prompt": pa.array(prompts, pa.string())}), asked)
                extras = {"checkpoint": checkpoint, "revision": revision, "prompts": str(asked)}
                answering = {"answers": str(path.absolute()), "k": k, "sampling": asdict(sampling)}
                self.run(context, DECODING, {**extras, **answering})
            found = logged_answers(path)
        return [[found[key] for key in own] for own in keys]
