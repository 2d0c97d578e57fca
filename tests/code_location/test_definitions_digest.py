"""The digest of every asset's code: what decides its rows is in it, and what does not is not."""

from functools import cache
from typing import Any

import pytest

from repair.execution.definitions import Definitions, definitions_of
from repair.language_servers import LanguageServers
from repair.pipeline import STAGES
from resources.trainer import DECODING
from tests.code_location.test_definitions import ASSETS


@cache
def assets() -> dict[str, Any]:
    """Name -> the asset's own function, of those that a run makes."""
    from code_location.definitions import defs

    found: dict[str, Any] = {}
    for definition in defs.get_repository_def().assets_defs_by_key.values():
        if not definition.is_executable:
            continue
        compute: Any = definition.op.compute_fn
        found[definition.key.path[-1]] = compute.decorated_fn
    return found


@cache
def digest(name: str) -> Definitions:
    return definitions_of(assets()[name])


MADE = sorted(set(ASSETS) - {"recorded_days"})
"""Recorded days are reported, and no run makes them."""


@pytest.mark.parametrize("name", MADE)
def test_an_asset_is_made_by_its_own_code_and_not_by_where_it_runs(name: str):
    parts = digest(name).parts
    module = assets()[name].__module__
    assert f"{module}:{name}" in parts
    foreign = ("resources", "partitions", "dagster", "repair.store", "repair.execution", "repair.pipeline")
    assert not [part for part in parts if part.startswith(foreign)]
    assert "not installed" not in parts.values(), parts
    others = {f"{assets()[other].__module__}:{other}" for other in MADE} - {f"{module}:{name}"}
    assert not others & set(parts), "what is upstream counts by its data"
    assert len(parts) < 1200, "a third of what there is, at most"


def test_every_stage_of_the_table_has_a_source():
    for spec in STAGES:
        name = f"{spec.function.__module__}:{spec.function.__qualname__}"
        assert name in definitions_of(spec.function).parts


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("session_events", "repair.recording.session_events:session_events"),
        ("session_events", "repair.ot.packets:decode_packet"),
        ("error_states", "repair.error_states.batches:replay_projects"),
        ("error_states", "repair.error_states.sampling:sample_partition"),
        ("error_states", "numba"),
        ("training_mixture", "rensa"),
        ("checkpoint", "code_location.train_main:main"),
        ("checkpoint", "mosaicml"),
        ("predictions", "repair.evaluation.predictions:predict"),
        ("predictions", "repair.synthesis.lm.model:LmModel"),
        ("predictions", "repair.synthesis.rules.model:RulesModel"),
        ("eval_results", "repair.evaluation.leetcode.functional:judged"),
        ("eval_results", "repair.evaluation.scoring:scores"),
        ("scorecard", "repair.evaluation.reports/templates/scorecard.html"),
        ("scorecard", "repair.evaluation.reports/templates/page.html"),
        ("teacher_page", "repair.evaluation.reports/templates/teachers.html"),
        ("scaling_results", "code_location.train_main:main"),
        ("scaling_results", "repair.training.scaling:nested_subset"),
        ("scaling_results", "repair.evaluation.leetcode.functional:judged"),
        ("scaling_page", "repair.evaluation.reports/templates/scaling.html"),
        ("teacher_program", "repair.synthesis.lm.optimizer:optimize"),
        ("leetcode_benchmark", "repair.evaluation.leetcode.samples:leetcode_samples"),
        ("leetcode_benchmark", "repair.evaluation.leetcode.injection.syntax_bugs:missing_colons"),
    ],
)
def test_what_decides_its_rows_is_reached(name: str, part: str):
    assert part in digest(name).parts


def test_the_decoding_program_is_reached_by_its_name():
    assert "repair.models.decoding:Decoder" in definitions_of(DECODING).parts


def test_scoring_and_answering_are_made_by_code_of_their_own():
    answering, scoring = (digest(name).parts for name in ("predictions", "eval_results"))
    assert not [part for part in answering if part.startswith("repair.evaluation.scoring")]
    assert not [part for part in scoring if part.startswith(("repair.models", "repair.synthesis"))]


def test_the_servers_are_reached_as_a_whole():
    modules = {part.partition(":")[0] for part in definitions_of(LanguageServers).parts}
    assert {"repair.language_servers.pyright_server", "repair.language_servers.ruff"} <= modules
