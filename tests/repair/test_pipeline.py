"""Over the table of stages: rows add up, any cut gives the same, schemas hold, each reason is tested."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from partitions.keys import Key
from repair.language_servers import LanguageServers
from repair.pipeline import BY_NAME, OTHER_REASONS, STAGES, StageSpec, reasons_page
from repair.schema.events import EVENTS, EventKind
from repair.schema.outcomes import KEY, REASON, ROWS, outcome_schema, split_outcomes
from repair.schema.stages import REPAIR_EXAMPLES
from tests.code_location.test_graph import shop
from tests.graph import DAY, LANGUAGE_SERVERS, House, record, typing_errors
from tests.repair.feedback.test_acceptance import events, opened
from tests.stored_examples import misspelt_in, projects_of

NAMES = Key(DAY, "F821")
TESTS = Path(__file__).parents[1]
NAMED = {spec.name: spec for spec in STAGES}
ROW_STAGES = [spec.name for spec in STAGES if spec.reads]
OF_NAMES: Mapping[str, Any] = {"diagnostic_type": "F821"}
SETTINGS: Mapping[str, Mapping[str, Any]] = {"error_states": OF_NAMES, "fix_acceptance": OF_NAMES}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A store with all stages of one type, of a day on which everything happens."""
    house = House(tmp_path_factory.mktemp("house"))
    record(house.folder / "recording", [shop(), typing_errors("areas", range(3))])
    house.events()
    assert house.diagnostics("F821").success
    return house


@pytest.fixture(scope="module")
def inputs(house: House) -> Mapping[str, pa.Table]:
    """Rows that each stage reads: what the stage before it has stored, and more where that is too uniform."""
    table = house.store.table
    events = table("session_events", {"date": DAY})
    broken = events.slice(0, 2).set_column(4, EVENTS.field("kind"), pa.array(["dance"] * 2))
    rows = {"session_events": pa.concat_tables([events, broken, events.slice(0, 1)]), "error_states": events}
    before = "error_states"
    for name in ROW_STAGES:
        rows[name] = table(before, NAMES.segments())
        before = name
    examples = _examples()
    return rows | {
        "workspace_benchmark": examples,
        "training_mixture": examples,
        "fix_acceptance": _fix_events(),
        "preference_pairs": _shown_fixes(),
    }


def _fix_events() -> pa.Table:
    editor = opened().shows("a", line_diff="-2 print(numbr)\n+2 pass").decides(EventKind.FIX_REJECTED, "a")
    editor.shows("b", line_diff="-9 x").shows("c").accepts(fix_id="c")
    editor.shows("d", line_diff="-2 print(number)").shows("e", line_diff="-2 print(number)")
    return pa.Table.from_batches([events(editor)])


def _shown_fixes() -> pa.Table:
    spec = BY_NAME["fix_acceptance"]
    outcomes = spec.run(_fix_events().to_batches(), **OF_NAMES)
    return pa.Table.from_batches([split_outcomes(outcome)[0] for outcome in outcomes], spec.output)


def _examples() -> pa.Table:
    projects = [*projects_of("train", 2), *projects_of("test", 2), *projects_of("train", 2)]
    verified = [misspelt_in(project, number % 4) for number, project in enumerate(projects)]
    batch = pa.RecordBatch.from_pylist(verified, schema=BY_NAME["repair_examples"].input)
    outcomes = BY_NAME["repair_examples"].run([batch], split_seed=17)
    return pa.Table.from_batches([split_outcomes(outcome)[0] for outcome in outcomes], REPAIR_EXAMPLES)


@pytest.fixture(scope="module")
def servers() -> LanguageServers:
    return LANGUAGE_SERVERS.servers()  # pyright: ignore[reportReturnType]


def run(
    spec: StageSpec, rows: pa.Table, servers: LanguageServers, cuts: list[int], **settings: Any
) -> pa.Table:
    """All outcomes of `rows`, given in batches that begin at `cuts`."""
    edges = [0, *cuts, rows.num_rows]
    pieces = [rows.slice(start, stop - start) for start, stop in pairwise(edges)]
    given: Iterator[pa.RecordBatch] = (
        batch for piece in pieces for batch in piece.combine_chunks().to_batches()
    )
    outcomes = list(spec.run(given, servers, **{**SETTINGS.get(spec.name, {}), **settings}))
    assert all(outcome.schema.equals(outcome_schema(spec.output)) for outcome in outcomes)
    return pa.Table.from_batches(outcomes, outcome_schema(spec.output))


@pytest.mark.parametrize("name", NAMED)
def test_a_stage_accounts_for_its_rows_wherever_they_are_cut(
    name: str, inputs: Mapping[str, pa.Table], servers: LanguageServers
) -> None:
    spec, rows = NAMED[name], inputs[name]
    whole = run(spec, rows, servers, [])
    count = rows.num_rows
    assert count >= 4
    for cuts in ([1], [count // 2], [1, 2, count - 1], list(range(1, count)) if count < 30 else [7, 8, 20]):
        assert run(spec, rows, servers, cuts).to_pylist() == whole.to_pylist(), cuts
    reasons = {reason for reason in whole[REASON].to_pylist() if reason}
    assert reasons <= set(spec.reasons), "a reason that the table does not have"
    accounted = sum(whole[ROWS].to_pylist())
    if name == "error_states":  # its unit is the published diagnostic
        count = sum(len(published or ()) for published in rows["diagnostics"].to_pylist())
    if name == "fix_acceptance":  # its unit is the shown fix
        count = rows["kind"].to_pylist().count(EventKind.FIX_SHOWN)
    assert accounted == count


@pytest.mark.parametrize("name", ROW_STAGES)
def test_a_row_stage_by_itself_gives_what_the_graph_has_stored(
    name: str, house: House, inputs: Mapping[str, pa.Table], servers: LanguageServers
) -> None:
    outcomes = run(NAMED[name], inputs[name], servers, [1])
    kept, rejects = split_outcomes(outcomes.combine_chunks().to_batches()[0])
    assert kept.to_pylist() == house.rows(name, NAMES)
    assert rejects.to_pylist() == house.rows(name, NAMES, "rejects")


@pytest.mark.parametrize("name", ROW_STAGES)
def test_a_function_sees_what_it_reads_and_returns_what_it_adds(
    name: str, inputs: Mapping[str, pa.Table], servers: LanguageServers
) -> None:
    spec, rows = NAMED[name], inputs[name]
    assert KEY in spec.reads and set(spec.reads) <= set(spec.input.names)
    assert spec.adds is not None
    assert spec.adds.names[0] == KEY and set(spec.adds.names) <= set(spec.output.names)
    assert set(spec.output.names) <= {*spec.input.names, *spec.adds.names}
    seen = rows.select(spec.reads).combine_chunks().to_batches()
    given = (servers,) if spec.needs_servers else ()
    assert all(batch.schema.equals(outcome_schema(spec.adds)) for batch in spec.function(seen, *given))


def test_rows_may_be_spread_over_calls_where_no_row_depends_on_another(
    inputs: Mapping[str, pa.Table], servers: LanguageServers
) -> None:
    for spec in STAGES:
        if spec.reads and not spec.sees_whole_partition:
            rows = inputs[spec.name]
            parts = [run(spec, rows.slice(row, 1), servers, []) for row in range(rows.num_rows)]
            whole = run(spec, rows, servers, [])
            assert pa.concat_tables(parts).to_pylist() == whole.to_pylist(), spec.name


def test_each_stage_reads_what_an_earlier_one_writes() -> None:
    written = {id(EVENTS): EVENTS}
    for spec in STAGES:
        assert any(spec.input.equals(schema) for schema in written.values()), spec.name
        written[id(spec.output)] = spec.output
    assert len(NAMED) == len(STAGES)


def test_every_documented_reason_is_tested() -> None:
    sources = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    literals = set(re.findall(r"[\"']([a-z_0-9]+)[\"']", sources))
    documented = {**{spec.name: spec.reasons for spec in STAGES}, **OTHER_REASONS}
    missing = [
        (name, reason) for name, reasons in documented.items() for reason in reasons if reason not in literals
    ]
    assert missing == []


def test_the_page_of_reasons_is_what_the_table_says() -> None:
    page = TESTS.parent / "docs/rejects.md"
    assert page.read_text() == reasons_page(), "repair reasons > docs/rejects.md"
