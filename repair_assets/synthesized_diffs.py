"""Diffs from a teacher: the user's own later fix, or a language model led by the teacher program."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.prompt import PROMPT_VERSION
from repair.schemas import SYNTHESIZED_DIFFS
from repair.storage import PartitionStore, PartitionWriter
from repair.synthesis.few_shot import FEW_SHOT_EXAMPLES, choose_examples
from repair.synthesis.history import HistoryTeacher
from repair.synthesis.program import TeacherProgram
from repair.synthesis.rules import RulesTeacher
from repair.synthesis.teacher import synthesize, synthesize_offline
from repair_assets.repair_candidates import repair_candidates
from resources.engine import EngineResource
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage, check_specs
from resources.store import StoreResource

PROGRAM = "program.json"
TEACHERS = {"history": HistoryTeacher, "rules": RulesTeacher}


class FewShot(dg.Config):
    """Which release of the verified repairs the examples are drawn from."""

    dates: list[str] = []  # noqa: RUF012  (Dagster copies the default)
    """Dates of `repair_examples`; empty: all that are stored now."""
    seed: int = 17
    per_code: int = 4
    total: int = 64


@dg.asset(
    check_specs=check_specs("few_shot_examples", None),
    code_version="1",
    group_name="teacher",
    kinds={"parquet"},
)
def few_shot_examples(
    context: dg.AssetExecutionContext, config: FewShot, store: StoreResource
) -> dg.MaterializeResult:
    """Solved examples to show a model, from training projects alone.

    Made on demand from a pinned release of `repair_examples`. The graph has no edge from them to here: their
    own teacher may be led by these examples.
    """
    opened = store.store()
    release = [
        each
        for each in opened.partitions("repair_examples")
        if not config.dates or each["date"] in config.dates
    ]
    if not release:
        wanted = ", ".join(config.dates) or "any date"
        raise dg.Failure(
            f"there are no repair_examples of {wanted} to draw from; make some by the teacher `history`",
            allow_retries=False,
        )
    inputs = [Input("repair_examples", Key(**each)) for each in release]
    stage = Stage(
        context=context,
        store=opened,
        inputs=inputs,
        schema=FEW_SHOT_EXAMPLES,
        configuration=config.model_dump(),
        versions={"prompt": PROMPT_VERSION},
    )
    chosen = choose_examples(
        stage.rows("repair_examples"), seed=config.seed, per_code=config.per_code, total=config.total
    )

    def work(writer: PartitionWriter) -> None:
        writer.write("data", chosen)

    # A draw, not a filter: what was not drawn is not rejected.
    return stage.materialize(work, rows_in=chosen.num_rows)


@dg.asset(
    deps=[few_shot_examples],
    check_specs=check_specs("teacher_program", None),
    code_version="1",
    group_name="teacher",
    kinds={"dspy"},
)
def teacher_program(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    """What a model is told and shown, as one versioned file; synthesis names the version it used."""
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[Input("few_shot_examples", Key())],
        schema=FEW_SHOT_EXAMPLES,
        versions={"prompt": PROMPT_VERSION},
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        batches = list(stage.rows("few_shot_examples"))
        program = TeacherProgram.from_examples(batches)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, PROGRAM)
            program.save(str(file))
            writer.write_bytes(PROGRAM, file.read_bytes())
        for batch in batches:
            writer.write("data", batch)
        return {"version": program.version}

    return stage.materialize(work, metadata=lambda manifest: {"program_version": manifest.extra["version"]})


class Synthesis(dg.Config):
    """Who writes the diffs."""

    teacher: Literal["history", "rules", "lm"] = "history"


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[repair_candidates, teacher_program],
    check_specs=check_specs("synthesized_diffs", DATE_AND_TYPE),
    code_version="1",
    group_name="synthesis",
    kinds={"parquet", "dspy"},
)
def synthesized_diffs(
    context: dg.AssetExecutionContext,
    config: Synthesis,
    store: StoreResource,
    engine: EngineResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dg.MaterializeResult:
    """The teacher's diff for each candidate, not verified yet.

    `history` proposes the user's own later fix and `rules` what a few fixed rules suggest; neither needs a
    model. `lm` asks the configured model with the stored `teacher_program`; its answers are kept, so that a
    rerun pays nothing.
    """
    opened = store.store()
    candidates = Input("repair_candidates", Key.of(context))
    by_model = config.teacher == "lm"
    versions = {"prompt": PROMPT_VERSION, **language_servers.versions()}
    if by_model:
        asked = language_model.model_dump(exclude={"answers", "concurrency", "timeout_s"})
        versions["model"] = json.dumps(asked, sort_keys=True)
    stage = Stage(
        context=context,
        store=opened,
        inputs=[candidates, Input("teacher_program", Key())] if by_model else [candidates],
        schema=SYNTHESIZED_DIFFS,
        configuration=config.model_dump(),
        versions=versions,
        engine=engine.engine(),
    )

    def work(writer: PartitionWriter) -> None:
        if by_model:
            # It waits for another machine, and its answers and its budget are kept here.
            with language_model.teacher(stored_program(opened)) as teacher:
                for outcome in synthesize(stage.rows(candidates.asset), teacher):
                    writer.write_outcomes(outcome)
            return
        offline = language_servers.given_to(partial(synthesize_offline, TEACHERS[config.teacher]))
        for outcome in stage.on_engine(offline, stage.tasks()):
            writer.write_outcomes(outcome)

    # The rows of the teacher program lead the model; they are none to account for.
    return stage.materialize(work, rows_in=stage.manifests()[str(candidates)].rows_out)


def stored_program(store: PartitionStore) -> TeacherProgram:
    """The materialized teacher program."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, PROGRAM)
        file.write_bytes(store.read_bytes("teacher_program", {}, PROGRAM))
        return TeacherProgram.load(str(file))
