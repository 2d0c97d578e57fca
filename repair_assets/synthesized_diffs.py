"""Diffs from a teacher: the user's own later fix, a local model, or a language model led by its program.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from typing import Any

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.fixing.chosen_model import SEARCHED, SHIPPED, AfterFirst, weights_sha256
from repair.fixing.fixer import FixModels
from repair.fixing.model_teacher import ModelTeacher
from repair.models.checkpoint import CheckpointModel, all_at_once
from repair.pipeline import BY_NAME
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair.synthesis.lm.limits import Usage
from repair.synthesis.lm.teacher import LmTeacher, synthesize_by_model
from repair.synthesis.offline import TEACHERS
from repair.synthesis.teacher import synthesize
from repair.verification.confidence import Calibration
from repair_assets.repair_candidates import repair_candidates
from repair_assets.teacher_program import stored_program, teacher_program
from resources.checks import check_specs
from resources.engine import EngineResource
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_MODEL
from resources.settings import Settings, Teacher
from resources.stages import Input, Stage
from resources.store import StoreResource
from resources.stored_checkpoint import CALIBRATION, CHECKPOINT, local_checkpoint
from resources.trainer import DECODING, TrainerResource

SPEC = BY_NAME["synthesized_diffs"]
RUNS: Mapping[str, Sequence[Any]] = {
    **{name: [teacher] for name, teacher in TEACHERS.items()},
    "model": [ModelTeacher, DECODING],
    "lm": [LmTeacher],
}
"""Teacher -> what runs, besides the stage itself: the results of one do not depend on the others."""


class Synthesis(dg.Config):
    """Who writes the diffs."""

    teacher: Teacher = Settings.load().teacher
    candidates: int = 1
    """The most answers that `lm` or `model` is asked for one row: the first that verifies is kept."""
    checkpoint: str = ""
    """Date of the stored checkpoint that the teacher `model` is; empty: the one that the package carries."""


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[repair_candidates, teacher_program],
    check_specs=check_specs("synthesized_diffs", DATE_AND_TYPE),
    group_name="synthesis",
    kinds={"parquet", "dspy"},
    pool=LANGUAGE_MODEL,
)
def synthesized_diffs(
    context: dg.AssetExecutionContext,
    config: Synthesis,
    store: StoreResource,
    engine: EngineResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
    trainer: TrainerResource,
) -> dg.MaterializeResult:
    """The teacher's diff for each candidate, not verified yet.

    `history` proposes the user's own later fix and `rules` what a few fixed rules suggest; neither needs a
    model. `model` is a checkpoint, decoded by a child process: of its answers those are kept that verify
    and have the confidence of its calibration (rejection sampling). `lm` asks the configured model
    with the stored `teacher_program`; its answers are cached, so that a rerun pays nothing.
    """
    candidates = Input("repair_candidates", Key.of(context))
    inputs, by_model = [candidates], config.teacher == "lm"
    versions = {"prompt": PROMPT_VERSION, **language_servers.versions()}
    if by_model:
        inputs.append(Input("teacher_program", Key()))
        versions["model"] = language_model.fingerprint_settings()
    elif config.teacher == "model" and config.checkpoint:
        inputs += [Input(name, Key(config.checkpoint)) for name in (CHECKPOINT, CALIBRATION)]
        versions["model"] = f"{CHECKPOINT}[{config.checkpoint}]"
    elif config.teacher == "model":
        versions["model"] = weights_sha256(SHIPPED)
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=inputs,
        schema=SPEC.output,
        configuration=config.model_dump(exclude=None if config.teacher == "model" else {"checkpoint"}),
        versions=versions,
        runs=RUNS[config.teacher],
        without=[
            "repair.synthesis.offline:TEACHERS",
            f"{__name__}:RUNS",
            *([] if config.teacher == "model" else [f"{__name__}:_by_checkpoint"]),
        ],
        engine=engine.engine(),
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        if by_model:
            return _by_model(stage, writer, config, language_servers, language_model)
        if config.teacher == "model":
            return _by_checkpoint(stage, writer, config, language_servers, trainer)
        return _offline(stage, writer, config, language_servers)

    # The rows of the teacher program lead the model; they are none to account for.
    return stage.materialize(work, rows_in=stage.count(candidates.asset), metadata=_metadata)


def _offline(
    stage: Stage, writer: PartitionWriter, config: Synthesis, language_servers: LanguageServersResource
) -> dict[str, Any]:
    teacher = language_servers.with_servers(partial(SPEC.function, teacher=config.teacher))
    stage.write(writer, SPEC, stage.on_engine(teacher, stage.tasks(SPEC.reads)))
    return {"teacher": config.teacher, "usage": asdict(Usage())}


def _by_checkpoint(
    stage: Stage,
    writer: PartitionWriter,
    config: Synthesis,
    language_servers: LanguageServersResource,
    trainer: TrainerResource,
) -> dict[str, Any]:
    """The `model` teacher asks in this process, and a child decodes what its log of answers lacks."""
    date = config.checkpoint
    stored = stage.manifests()[f"{CHECKPOINT}[{date}]"] if date else None
    with local_checkpoint(stage.store, stored, trainer) if stored else nullcontext(SHIPPED) as folder:
        weights = stored.data_version if stored else stage.versions["model"]
        made_of = {"checkpoint": str(folder), "weights": weights, "sampling": SEARCHED}
        name = f"{CHECKPOINT}-{date}" if date else folder.name
        decode = partial(trainer.decode, stage.context, **made_of)
        searched = CheckpointModel(name, all_at_once(decode, config.candidates))
        models = FixModels(name, searched, AfterFirst(searched), calibration=Calibration.read(folder))
        teacher = ModelTeacher(models, language_servers.servers(), config.candidates)
        batches = stage.rows(stage.inputs[0].asset, list(SPEC.reads))
        stage.write(writer, SPEC, synthesize(batches, teacher))
    return {"teacher": teacher.name, "usage": asdict(Usage())}


def _by_model(
    stage: Stage,
    writer: PartitionWriter,
    config: Synthesis,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dict[str, Any]:
    """The `lm` teacher runs in this process, which has its response cache and its budget."""
    asset = stage.inputs[0].asset
    with language_model.teacher(
        stored_program(stage.store),
        candidates=config.candidates,
        servers=language_servers.servers() if config.candidates > 1 else None,
        report=lambda progress: stage.context.log.info("%s", progress),
        total=stage.count(asset),
    ) as teacher:
        stage.write(writer, SPEC, synthesize_by_model(partial(stage.rows, asset, list(SPEC.reads)), teacher))
        teacher.require_answers()
        # Rejected rows cost as much as the others, and no table of rows holds that.
        return {"teacher": teacher.name, "usage": asdict(teacher.usage)}


def _metadata(manifest: Manifest) -> dict[str, Any]:
    return {"teacher": manifest.extra["teacher"], **manifest.extra["usage"]}
