"""The models of the scaling study: the base, or what so many examples of a mixture make of it.

Tested by `tests/eval_assets/test_scaling.py`.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from eval_assets.self_taught import OwnAnswers
from repair.execution.definitions import definitions_of
from repair.line_diff.errors import LineDiffError
from repair.line_diff.numbered import CLOSING
from repair.models.checkpoint import CheckpointModel, Decode
from repair.models.made_by import MADE_BY, read_made_by, weights_of
from repair.models.model import Sampling
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.prompt.sentinels import PROMPT_VERSION, Example, render_prompt
from repair.prompt.variants import SENTINELS, WHOLE_FILE, asked_in, example_in
from repair.training.dataset import TRAIN, rendered
from repair.training.export import versions
from repair.training.recipe import FromScratch
from repair.training.recipes import load_recipe
from repair.training.scaling import Scaled, nested_subset
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage
from resources.trainer import TrainerResource

TRAINING = "code_location.train_main"

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """A model that answers, and the figures of its training; None: it was not trained."""

    model: CheckpointModel
    result: Mapping[str, Any] | None = None

    def figures(self) -> dict[str, int | None]:
        """Its columns of `SCALING_RESULTS`."""
        if self.result is None:
            return {"parameters": None, "examples": 0, "tokens": 0}
        return {
            "parameters": self.result["parameters"],
            "examples": self.result["samples"],
            "tokens": self.result["tokens"] * self.result["epochs"],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledModels:
    """Makes the model of a partition."""

    stage: Stage
    trainer: TrainerResource
    language_servers: LanguageServersResource
    scaled: Scaled
    sampling: Sampling

    def base(self) -> ScaledModel:
        """The base as it is published, which is told by instructions and an example what to answer.

        Raises:
            dagster.Failure: the recipe has none.
        """
        base = load_recipe(self.scaled.recipe, self.scaled.overrides).base
        if isinstance(base, FromScratch):
            raise dg.Failure(
                f"{self.stage.key}: a model from scratch has no base that could answer untrained; its first"
                " size is above 0",
                allow_retries=False,
            )
        decode = self._decode(
            checkpoint=base.path, revision=base.revision, weights=f"{base.path}@{base.revision}"
        )
        return ScaledModel(asked_model(str(self.stage.key), self.scaled, decode, trained=False))

    @contextmanager
    def trained(self, mixture: Input, size: int, seed: int) -> Generator[ScaledModel]:
        """A model trained on `size` examples of the mixture, by the child that trains checkpoints.

        Nothing is held out: no size is chosen by its loss. One that teaches itself is trained twice: on
        those, and on them and what it was right in, if that is anything.

        Raises:
            dagster.Failure: the mixture has fewer training examples.
        """
        chosen = self._chosen(mixture, size * (1 + self.scaled.asked_of_itself), seed)
        with ExitStack() as folders:
            rows = self._examples(mixture, chosen[:size])
            checkpoint = folders.enter_context(self._checkpoint(mixture, rows, chosen[:size]))
            counts: dict[str, Any] = {}
            if asked := chosen[size:]:
                own = OwnAnswers(
                    stage=self.stage, trainer=self.trainer, language_servers=self.language_servers
                )
                taught, counts = own.to(self._examples(mixture, asked), checkpoint, _weights(checkpoint))
                if taught.num_rows:
                    learned = [*taught["example_id"].to_pylist(), *taught["response"].to_pylist()]
                    both = pa.concat_tables([rows, taught])
                    trained = self._checkpoint(mixture, both, [*chosen[:size], *learned])
                    checkpoint = folders.enter_context(trained)
            result = {**read_made_by(checkpoint)["result"], **counts}
            decode = self._decode(checkpoint=str(checkpoint), weights=_weights(checkpoint))
            yield ScaledModel(asked_model(str(self.stage.key), self.scaled, decode), result)

    @contextmanager
    def _checkpoint(self, mixture: Input, rows: pa.Table, made_of: list[str]) -> Generator[Path]:
        """The folder of a model that is trained on `rows`, of which `made_of` tells what they are."""
        with self.trainer.unfinished(self._name(mixture, made_of)) as folder:
            checkpoint, subset = Path(folder, "checkpoint"), Path(folder, "mixture.parquet")
            if not (checkpoint / MADE_BY).is_file():  # it is written last
                pq.write_table(asked_as(rows, self.scaled), subset)
                settings = {"recipe": self.scaled.recipe, "overrides": dict(self.scaled.overrides)}
                locations = {"mixture_uri": str(subset), "output_dir": str(checkpoint)}
                self.trainer.train(self.stage.context, TRAINING, {**settings, **locations})
            yield checkpoint

    def _examples(self, mixture: Input, chosen: list[str]) -> pa.Table:
        """The examples with these ids, with their prompts."""
        render = render_in(self.scaled.variant)
        rows = rendered(self.stage.store, mixture.asset, mixture.key.segments(), render)
        rows = rows.filter(pc.is_in(rows["example_id"], pa.array(chosen)))
        if rows.num_rows != len(chosen):
            raise dg.Failure(f"{mixture} was replaced meanwhile; materialize {self.stage.key} again")
        return rows

    def _chosen(self, mixture: Input, size: int, seed: int) -> list[str]:
        table = pa.Table.from_batches(self.stage.rows(mixture.asset, ["example_id", "split"]))
        learned = table.filter(pc.equal(table["split"], TRAIN))["example_id"].to_pylist()
        if len(learned) < size:
            raise dg.Failure(
                f"{mixture} has {len(learned):,} training examples, and {size:,} are asked for. `make"
                f" model-data EXAMPLES={size * 5 // 2}` makes more simulated ones (less than half of what it"
                " verifies comes into the training); or import more projects",
                allow_retries=False,
            )
        return nested_subset(learned, size, seed)

    def _name(self, mixture: Input, chosen: list[str]) -> str:
        """A name of everything that decides the weights."""
        recipe = load_recipe(self.scaled.recipe, self.scaled.overrides).as_dict()
        data = [self.stage.manifests()[str(mixture)].data_version, chosen]
        made_of = [
            recipe,
            self.scaled.answer_format,
            self.scaled.variant,
            data,
            PROMPT_VERSION,
            versions(),
            definitions_of(TRAINING).digest,
        ]
        return f"scaling-{hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]}"

    def _decode(self, **weights: Any) -> Any:
        return partial(self.trainer.decode, self.stage.context, sampling=self.sampling, **weights)


def _weights(checkpoint: Path) -> str:
    """A name that no other weights have."""
    return json.dumps(weights_of(checkpoint), sort_keys=True)


def asked_model(name: str, scaled: Scaled, decode: Decode, *, trained: bool = True) -> CheckpointModel:
    """The model of a point as it is asked; one that was not trained is told what to answer."""
    instructions = "" if trained else f"{answer_format(scaled.answer_format).instructions}\n\n"
    return CheckpointModel(name, decode, instructions, scaled.answer_format, scaled.variant)


def render_in(variant: str) -> Callable[[Example], str]:
    """Renders prompts with their sentinels, and with as much of the file as the variant shows."""
    return lambda example: render_prompt(example_in(example, variant))


def asked_as(rows: pa.Table, scaled: Scaled) -> pa.Table:
    """Rows of training examples in the model's answer format and prompt variant.

    One whose diff is of several files is left out where another format is asked for: only numbered line diffs
    have a way to write it.
    """
    if scaled.answer_format == LINE_DIFF and scaled.variant in (SENTINELS, WHOLE_FILE):
        return rows
    found: list[dict[str, Any]] = []
    for row in rows.to_pylist():
        try:
            sections = answer_format(scaled.answer_format).solved(row["prompt"] + row["response"])
        except LineDiffError:
            continue
        diff = sections.pop("diff")
        response = f"{diff}\n{CLOSING}" if diff else CLOSING
        found.append({**row, "prompt": asked_in(sections, scaled.variant), "response": response})
    return pa.Table.from_pylist(found, schema=rows.schema)
