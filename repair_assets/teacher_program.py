"""The teacher program: instructions and demos of the language model, as one versioned file.

Tested by `tests/code_location/test_graph_teacher.py`.
"""

from typing import Any, Literal

import dagster as dg

from partitions.keys import Key
from repair.prompt.answer_formats import LINE_DIFF
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES, draw_rows
from repair.synthesis.lm.optimizer import Optimized, optimize
from repair.synthesis.lm.program import TeacherProgram
from repair_assets.few_shot_examples import few_shot_examples
from resources.checks import check_specs
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_MODEL
from resources.stages import Input, Stage
from resources.store import StoreResource

PROGRAM = "program.json"


class Program(dg.Config):
    """What the program is like, and whether an optimizer compiles it."""

    answer_format: str = LINE_DIFF
    """A name of `repair.prompt.answer_formats`: line_diff, unified_diff, unified_diff_unnumbered or
    search_replace."""
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
    group_name="teacher",
    kinds={"dspy"},
    pool=LANGUAGE_MODEL,
)
def teacher_program(
    context: dg.AssetExecutionContext,
    config: Program,
    store: StoreResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dg.MaterializeResult:
    """Instructions and examples for a model, as one versioned file; synthesis names the version it used.

    An optimizer's score before and after is in the program and in the metadata. It learns from the
    `repair_examples` of the pinned release alone.
    """
    opened = store.store()
    shown = Input("few_shot_examples", Key())
    inputs, versions = [shown], {"prompt": PROMPT_VERSION}
    if config.optimize != "none":
        inputs += _release(opened, shown)
        versions |= {**language_servers.versions(), "model": language_model.fingerprint_settings()}
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
            done = _optimized(program, config, stage, language_servers, language_model)
            program, extra = done.program, done.figures()
        writer.write_bytes(PROGRAM, program.to_json())
        for batch in batches:
            writer.write("data", batch)
        return {"program_version": program.version, "answer_format": program.answer_format, **extra}

    return stage.materialize(work, rows_in=stage.count(shown.asset), metadata=_figures)


def _optimized(
    program: TeacherProgram,
    config: Program,
    stage: Stage,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> Optimized:
    """The program as an optimizer compiles it from the release."""
    return optimize(
        program,
        draw_rows(lambda: stage.rows("repair_examples"), seed=config.seed, total=config.rows),
        language_servers.servers(),
        language_model.language_model(),
        language_model.response_cache(),
        instructions=config.optimize == "instructions_and_examples",
        seed=config.seed,
        most_demos=config.most_demos,
        programs=config.programs,
    )


def _figures(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in manifest.extra.items() if name != "seconds"}


def _release(store: PartitionStore, shown: Input) -> list[Input]:
    """The partitions of `repair_examples` from which the few-shot examples were drawn."""
    manifest = store.manifest(shown.asset, shown.key.segments())
    pinned = manifest.inputs if manifest else {}
    stored = (Input("repair_examples", Key(**segments)) for segments in store.partitions("repair_examples"))
    return [source for source in stored if str(source) in pinned]


def stored_program(store: PartitionStore) -> TeacherProgram:
    """The materialized teacher program."""
    source = store.uri("teacher_program", {})
    return TeacherProgram.from_json(store.read_bytes("teacher_program", {}, PROGRAM), source)
