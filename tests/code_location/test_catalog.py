"""What the UI shows of an asset: its owner, its place in the order of the data, its described columns."""

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from code_location.catalog import GROUPS, SCHEMAS, TABLES, columns_page
from code_location.definitions import ASSETS_OF_JOBS, defs
from repair.schema.descriptions import COLUMNS, ELSEWHERE, INHERITS, described, fields

ASSETS = {asset.key.path[-1]: asset for assets in ASSETS_OF_JOBS.values() for asset in assets}
PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


@pytest.mark.parametrize("table", SCHEMAS | TABLES)
def test_no_column_lacks_a_description(table: str) -> None:
    schema = (SCHEMAS | TABLES)[table]
    lacking = [column for column, _ in fields(schema) if not described(table, column)]
    assert not lacking, f"describe them in repair/schema/descriptions.py: {lacking}"


def test_every_description_is_that_of_a_column() -> None:
    tables = (SCHEMAS | TABLES).items()
    columns = {f"{table}.{column}" for table, schema in tables for column, _ in fields(schema)}
    assert set(COLUMNS) <= {column.rpartition(".")[2] for column in columns}
    assert set(ELSEWHERE) <= columns
    assert {*INHERITS, *INHERITS.values()} <= set(SCHEMAS)


def test_the_page_of_the_columns_is_what_its_command_prints() -> None:
    assert PAGE.read_text() == columns_page(), "run python -m code_location.catalog > docs/columns.md"


@pytest.mark.parametrize("name", ASSETS)
def test_the_catalog_has_the_schema_of_what_the_asset_writes(name: str) -> None:
    """Each `schema=` of the asset's function, evaluated where the function is."""
    compute: Any = ASSETS[name].op.compute_fn
    function = compute.decorated_fn
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    written = [
        eval(ast.unparse(keyword.value), function.__globals__)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Stage"
        for keyword in call.keywords
        if keyword.arg == "schema"
    ]
    assert written, f"{name} makes no Stage: say here how its schema is known"
    assert name in SCHEMAS, "add the schema of its rows to SCHEMAS in code_location/catalog.py"
    assert all(schema == SCHEMAS[name] for schema in written)


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_is_shown_with_owner_group_and_columns(name: str) -> None:
    spec = defs.resolve_asset_graph().get(dg.AssetKey(name)).to_asset_spec()
    assert spec.owners and spec.kinds and spec.description
    assert (spec.group_name or "").partition("_")[2] in GROUPS, (
        "add its group to GROUPS in code_location/catalog.py"
    )
    columns = spec.metadata["dagster/column_schema"].columns
    assert columns and all(column.description for column in columns)


def test_the_groups_stand_in_the_order_of_the_data() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert (graph.get(parent).group_name or "") <= (graph.get(key).group_name or ""), (parent, key)


def test_the_tags_name_what_a_materialization_uses_up() -> None:
    def tagged(tag: str) -> set[str]:
        graph = defs.resolve_asset_graph()
        return {key.path[-1] for key in graph.get_all_asset_keys() if tag in graph.get(key).tags}

    decoding = {"predictions", "synthesized_diffs", "model_calibration"}
    assert tagged("gpu") == {"checkpoint", "released_model", "scaling_results", *decoding}
    assert {"synthesized_diffs", "injected_bugs"} <= tagged("language-model")
    assert "session_events" not in tagged("language-servers")


def test_a_description_says_why_rows_are_rejected() -> None:
    described_as = defs.resolve_asset_graph().get(dg.AssetKey("verified_diffs")).description or ""
    assert "| `content_mismatch` |" in described_as
