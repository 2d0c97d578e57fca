"""Diffs from a teacher: the user's own later fix, or a language model led by the teacher program."""

import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.prompt.answer_formats import LINE_DIFF
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.stages import SYNTHESIZED_DIFFS
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.synthesis.history import HistoryTeacher
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES, choose_examples, draw_rows
from repair.synthesis.lm.limits import Spent
from repair.synthesis.lm.optimizer import Optimized, optimize
from repair.synthesis.lm.program import TeacherProgram
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


class Program(dg.Config):
    """What the program is like, and whether an optimizer compiles it."""

    answer_format: str = LINE_DIFF
    """A name of `repair.prompt.answer_formats`: line_diff, unified_diff, unified_diff_unnumbered."""
    optimize: Literal["none", "examples", "instructions_and_examples"] = "none"
    """What DSPy chooses by the share of diffs that the language servers confirm. It asks the configured
    model."""
    rows: int = 90
    """Stored repairs of training projects to compile and score with, drawn at random; a third each to learn
    from, to compare on and to be scored on."""
    seed: int = 17
    most_demos: int = 3
    programs: int = 6
    """Sets of demos that are drawn at random."""


@dg.asset(
    deps=[few_shot_examples],
    check_specs=check_specs("teacher_program", None),
    code_version="2",
    group_name="teacher",
    kinds={"dspy"},
)
def teacher_program(
    context: dg.AssetExecutionContext,
    config: Program,
    store: StoreResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dg.MaterializeResult:
    """What a model is told and shown, as one versioned file; synthesis names the version it used.

    An optimizer's score before and after stands in the program and in the metadata. It learns from the
    `repair_examples` of the pinned release alone.
    """
    opened = store.store()
    shown = Input("few_shot_examples", Key())
    inputs, versions = [shown], {"prompt": PROMPT_VERSION}
    if config.optimize != "none":
        inputs += _release(opened, shown)
        versions |= {**language_servers.versions(), "model": language_model.decisive()}
    stage = Stage(
        context=context,
        store=opened,
        inputs=inputs,
        schema=FEW_SHOT_EXAMPLES,
        configuration=config.model_dump(),
        versions=versions,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        batches = list(stage.rows("few_shot_examples"))
        program = TeacherProgram.from_examples(batches, answer_format=config.answer_format)
        extra: dict[str, Any] = {}
        if config.optimize != "none":
            done = optimize(
                program,
                draw_rows(lambda: stage.rows("repair_examples"), seed=config.seed, total=config.rows),
                language_servers.servers(),
                language_model.language_model(),
                Path(language_model.answers),
                instructions=config.optimize == "instructions_and_examples",
                seed=config.seed,
                most_demos=config.most_demos,
                programs=config.programs,
            )
            program, extra = done.program, _compiled(done)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, PROGRAM)
            program.save(str(file))
            writer.write_bytes(PROGRAM, file.read_bytes())
        for batch in batches:
            writer.write("data", batch)
        return {"program_version": program.version, "answer_format": program.answer_format, **extra}

    return stage.materialize(
        work,
        rows_in=stage.manifests()[str(shown)].rows_out,
        metadata=lambda manifest: {
            name: value for name, value in manifest.extra.items() if name != "seconds"
        },
    )


def _release(store: PartitionStore, shown: Input) -> list[Input]:
    """The partitions of `repair_examples` from which the few-shot examples were drawn."""
    manifest = store.manifest(shown.asset, shown.key.segments())
    pinned = manifest.inputs if manifest else {}
    stored = (Input("repair_examples", Key(**each)) for each in store.partitions("repair_examples"))
    return [each for each in stored if str(each) in pinned]


def _compiled(done: Optimized) -> dict[str, Any]:
    return {
        "score_before": done.score_before,
        "score_after": done.score_after,
        "demos": len(done.program.demos),
        "instructions": done.program.instructions,
        "rows_learned_compared_scored": list(done.rows),
        **asdict(done.spent),
    }


class Synthesis(dg.Config):
    """Who writes the diffs."""

    teacher: Literal["history", "rules", "lm"] = "history"
    candidates: int = 1
    """The most answers that `lm` is asked for one row: the first that verifies is kept."""


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[repair_candidates, teacher_program],
    check_specs=check_specs("synthesized_diffs", DATE_AND_TYPE),
    code_version="3",
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
        versions["model"] = language_model.decisive()
    stage = Stage(
        context=context,
        store=opened,
        inputs=[candidates, Input("teacher_program", Key())] if by_model else [candidates],
        schema=SYNTHESIZED_DIFFS,
        configuration=config.model_dump(),
        versions=versions,
        engine=engine.engine(),
    )

    # The rows of the teacher program lead the model; they are none to account for.
    total = stage.manifests()[str(candidates)].rows_out

    def by_the_model(writer: PartitionWriter) -> tuple[str, Spent]:
        """It waits for another machine, and its answers and its budget are kept here."""
        with language_model.teacher(
            stored_program(opened),
            candidates=config.candidates,
            servers=language_servers.servers() if config.candidates > 1 else None,
            report=lambda progress: context.log.info("%s", progress),
            total=total,
        ) as teacher:
            teacher.count_kept(row for batch in stage.rows(candidates.asset) for row in batch.to_pylist())
            for outcome in synthesize(stage.rows(candidates.asset), teacher):
                writer.write_outcomes(outcome)
            return teacher.name, teacher.spent

    def work(writer: PartitionWriter) -> dict[str, Any]:
        name, spent = config.teacher, Spent()
        if by_model:
            name, spent = by_the_model(writer)
        else:
            offline = language_servers.given_to(partial(synthesize_offline, TEACHERS[config.teacher]))
            for outcome in stage.on_engine(offline, stage.tasks()):
                writer.write_outcomes(outcome)
        # Rejected rows cost as much as the others, and no table of rows holds that.
        return {"teacher": name, "spent": asdict(spent)}

    return stage.materialize(
        work,
        rows_in=total,
        metadata=lambda manifest: {"teacher": manifest.extra["teacher"], **manifest.extra["spent"]},
    )


def stored_program(store: PartitionStore) -> TeacherProgram:
    """The materialized teacher program."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, PROGRAM)
        file.write_bytes(store.read_bytes("teacher_program", {}, PROGRAM))
        return TeacherProgram.load(str(file))
