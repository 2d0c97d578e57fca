"""Comparison of teachers on the same diagnostics, and its HTML page."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from partitions.dates import DATES
from partitions.keys import DATE_AND_TYPE, Key
from partitions.mappings import ALL_TYPES_OF_THE_DATE
from repair.evaluation.reports.teachers import render
from repair.evaluation.teachers import (
    TEACHER_RESULTS,
    ComparedTeacher,
    CountedServers,
    Judge,
    compare,
    draw,
    judgements,
)
from repair.prompt.answer_formats import NAMES
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.outcomes import outcome_batch
from repair.schema.stages import REPAIR_CANDIDATES
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.synthesis.history import HistoryTeacher
from repair.synthesis.lm.judge import LmJudge
from repair.synthesis.lm.teacher import LmTeacher
from repair.synthesis.rules import RULES, RulesTeacher
from repair_assets.repair_candidates import repair_candidates
from repair_assets.teacher_program import stored_program, teacher_program
from resources.checks import check_specs
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_MODEL
from resources.reporting import page
from resources.stages import Input, Stage, stored_inputs
from resources.store import StoreResource

PAGE = "teachers.html"


class Comparing(dg.Config):
    """The sample of diagnostics for the comparison."""

    at_most: int = 200
    """Diagnostics of a type."""
    seed: int = 17
    judge: bool = False
    """Ask the language model whether each verified diff is a repair."""


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[repair_candidates, teacher_program],
    check_specs=check_specs("teacher_results", DATE_AND_TYPE),
    group_name="teacher",
    kinds={"parquet", "dspy"},
    pool=LANGUAGE_MODEL,
)
def teacher_results(
    context: dg.AssetExecutionContext,
    config: Comparing,
    store: StoreResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dg.MaterializeResult:
    """Every teacher's verified diffs for the same diagnostics: one row for each diagnostic and system.

    `history` and `rules` always; the language model, where one is configured and `teacher_program` is
    materialized, once in each answer format.
    """
    opened = store.store()
    candidates = Input("repair_candidates", Key.of(context))
    by_model = bool(language_model.model) and opened.manifest("teacher_program", {}) is not None
    versions = {"prompt": PROMPT_VERSION, **language_servers.versions()}
    if by_model or config.judge:
        versions["model"] = language_model.fingerprint_settings()
    stage = Stage(
        context=context,
        store=opened,
        inputs=[candidates, Input("teacher_program", Key())] if by_model else [candidates],
        schema=TEACHER_RESULTS,
        configuration=config.model_dump(),
        versions=versions,
        runs=[*([LmTeacher] if by_model else []), *([LmJudge] if config.judge else [])],
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        checks: dict[str, int] = {}
        teachers = _teachers(opened, language_servers, language_model if by_model else None)
        with _judge(language_model if config.judge else None) as judge:
            for compared, found in compare(_drawn(stage, config), teachers, judge):
                writer.write("data", found)
                checks[compared.name] = compared.servers.checks
        return {"checks": checks}

    systems = 2 + by_model * len(NAMES)  # every system answers every row
    return stage.materialize(work, rows_in=systems * min(config.at_most, stage.count(candidates.asset)))


def _drawn(stage: Stage, config: Comparing) -> pa.RecordBatch:
    rows = draw(stage.records("repair_candidates"), at_most=config.at_most, seed=config.seed)
    return outcome_batch(rows, REPAIR_CANDIDATES).select(REPAIR_CANDIDATES.names)


@contextmanager
def _judge(model: LanguageModelResource | None) -> Generator[Judge | None]:
    if model is None:
        yield None
    else:
        with model.judge() as judge:
            yield partial(judgements, judge)


def _teachers(
    store: PartitionStore, language_servers: LanguageServersResource, model: LanguageModelResource | None
) -> Iterator[AbstractContextManager[ComparedTeacher]]:
    @contextmanager
    def opened(name: str, make: Any) -> Generator[ComparedTeacher]:
        servers = CountedServers(language_servers.servers())
        with ExitStack() as stack:
            yield ComparedTeacher(name=name, teacher=make(servers, stack), servers=servers)

    yield opened("history", lambda servers, _: HistoryTeacher(servers))
    yield opened(RULES, lambda servers, _: RulesTeacher(servers))
    if model is None:
        return
    program = stored_program(store)
    for name in NAMES:
        yield opened(
            f"{model.model} {name}",
            lambda _, stack, name=name: stack.enter_context(
                model.teacher(replace(program, answer_format=name, instructions=""))
            ),
        )


@dg.asset(
    partitions_def=DATES,
    deps=[dg.AssetDep(teacher_results, partition_mapping=ALL_TYPES_OF_THE_DATE)],
    check_specs=check_specs("teacher_page", DATES),
    group_name="teacher",
    kinds={"html"},
)
def teacher_page(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    """A self-contained HTML page: each teacher's yield, cost and diversity on the same diagnostics."""
    opened = store.store()
    date = Key.of(context).date or ""
    stored = stored_inputs(
        opened,
        "teacher_results",
        lambda key: key.date == date,
        missing=f"there are no teacher_results of {date}; materialize some types of them first",
    )
    stage = Stage(context=context, store=opened, inputs=stored, schema=TEACHER_RESULTS)
    manifests = stage.manifests()

    def work(writer: PartitionWriter) -> None:
        by_type: dict[str, Any] = {}
        for source in stored:
            table = opened.table(source.asset, source.key.segments(), manifest=manifests[str(source)])
            writer.write("data", table)
            checks = manifests[str(source)].extra["checks"]
            by_type[source.key.diagnostic_type or ""] = (table.to_pylist(), checks)
        writer.write_bytes(PAGE, render(date, by_type).encode())

    return stage.materialize(
        work, metadata=lambda _: {"page": page(opened.file_uri("teacher_page", stage.key.segments(), PAGE))}
    )
