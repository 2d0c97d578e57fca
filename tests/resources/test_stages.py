"""What every stage shares: reuse, the counts, clear refusals."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from partitions.keys import DATE_AND_TYPE, Key
from repair.cli import main
from repair.errors import StoreError
from repair.pipeline import StageSpec
from repair.schema.events import project_digest
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import FILES, LATER_STATES
from repair.store.audit_log import recorded_reads
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from resources.checks import ROWS_ADD_UP, check_specs, yield_check
from resources.reporting import rejected_rows
from resources.stages import Input, Stage
from resources.store import StoreResource

KEY = Key("2026-01-05", "F821")
SCHEMA = pa.schema([("diagnostic_id", pa.string())])
AFTER = StageSpec(
    name="after",
    function=lambda batches: (outcome_batch(batch.to_pylist(), SCHEMA) for batch in batches),
    input=SCHEMA,
    output=SCHEMA,
    reads=("diagnostic_id",),
    adds=SCHEMA,
    reasons={},
)
IDS = [str(number) for number in range(10)]


class Runs:
    """Counts how often a stage really worked."""

    def __init__(self) -> None:
        self.count = 0


def graph(
    runs: Runs, *, lose: int = 0, keep: int = 6, seed: int = 1, reason: str = "odd"
) -> list[dg.AssetsDefinition]:
    """`numbers` -> `kept`: `kept` keeps some rows, rejects some, and loses `lose` without a word."""
    half = yield_check("verified_share", "go on")

    @dg.asset(partitions_def=DATE_AND_TYPE, check_specs=check_specs("numbers", DATE_AND_TYPE))
    def numbers(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
        stage = Stage(context=context, store=store.store(), inputs=(), schema=SCHEMA)
        rows = [{"diagnostic_id": diagnostic_id} for diagnostic_id in IDS]
        return stage.materialize(
            lambda writer: writer.write_outcomes(outcome_batch(rows, SCHEMA)), rows_in=len(IDS)
        )

    @dg.asset(
        partitions_def=DATE_AND_TYPE,
        deps=[numbers],
        check_specs=check_specs("kept", DATE_AND_TYPE, [half]),
    )
    def kept(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
        stage = Stage(
            context=context,
            store=store.store(),
            inputs=[Input("numbers", Key.of(context))],
            schema=SCHEMA,
            configuration={"seed": seed},
            checks=[half],
        )

        def work(writer: PartitionWriter) -> None:
            runs.count += 1
            for batch in stage.rows("numbers"):
                rows = batch.to_pylist()[lose:]
                rejects = (Reject(row, reason) for row in rows[keep:])
                writer.write_outcomes(outcome_batch([*rows[:keep], *rejects], SCHEMA))

        return stage.materialize(work)

    @dg.asset(
        partitions_def=DATE_AND_TYPE,
        deps=[kept],
        check_specs=check_specs("after", DATE_AND_TYPE),
    )
    def after(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
        inputs = [Input("kept", Key.of(context))]
        stage = Stage(context=context, store=store.store(), inputs=inputs, schema=AFTER.output)
        return stage.map(AFTER, AFTER.function)

    return [numbers, kept, after]


def run(
    assets: list[dg.AssetsDefinition], folder: Path, names: list[str] | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        selection=names,
        partition_key=KEY.dagster(),
        resources={"store": StoreResource(base_uri=str(folder))},
        raise_on_error=False,
    )


def check(result: dg.ExecuteInProcessResult, asset: str, name: str) -> dg.AssetCheckEvaluation:
    (found,) = (
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == name and evaluation.asset_key == dg.AssetKey(asset)
    )
    return found


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    tables = ("preview", "rejected_rows")
    return {name: value if name in tables else value.value for name, value in event.metadata.items()}


def test_rows_and_rejects_are_counted_and_shown(tmp_path: Path):
    result = run(graph(Runs()), tmp_path)
    assert result.success
    seen = metadata(result, "kept")
    assert (seen["rows_in"], seen["dagster/row_count"], seen["rejects"]) == (10, 6, {"odd": 4})
    assert seen["kept_share"] == 0.6
    assert [record.data["reason"] for record in seen["rejected_rows"].records] == ["odd"] * 4
    assert list(seen)[-1] == "preview", "it is long: what is after it is not seen"
    proved = check(result, "kept", ROWS_ADD_UP)
    assert proved.passed
    assert proved.partition == str(KEY)


def test_the_first_rejected_rows_of_each_reason_are_shown(tmp_path: Path):
    store = PartitionStore(str(tmp_path))
    reasons = ["common"] * 1500 + ["rare"] * 4 + ["once"]
    rejects = [Reject({"diagnostic_id": str(number)}, reason) for number, reason in enumerate(reasons)]
    with store.writer("kept", KEY.segments()) as writer:
        writer.declare(SCHEMA)
        writer.write_outcomes(outcome_batch(rejects, SCHEMA))
        manifest = writer.commit(fingerprint="f", rows_in=len(reasons), inputs={}, versions={})
    shown = [record.data for record in rejected_rows(store, manifest).records]
    assert Counter(row["reason"] for row in shown) == {"common": 3, "rare": 3, "once": 1}
    assert min(int(row["diagnostic_id"]) for row in shown if row["reason"] == "rare") == 1500


def test_a_lost_row_fails_the_blocking_check_and_stops_what_follows(tmp_path: Path):
    result = run(graph(Runs(), lose=1), tmp_path)
    assert not result.success
    failed = check(result, "kept", ROWS_ADD_UP)
    assert (failed.passed, failed.blocking) == (False, True)
    assert "10 rows in, 6 out, 3 rejected" in (failed.description or "")
    assert not result.asset_materializations_for_node("after")


def test_a_partition_that_lost_rows_is_refused_in_a_later_run_too(tmp_path: Path):
    assets = graph(Runs(), lose=1)
    run(assets, tmp_path)
    result = run(assets, tmp_path, ["after"])
    assert not result.success
    assert "lost rows" in str(result.failure_data_for_node("after"))


def test_a_missing_input_says_what_to_materialize(tmp_path: Path):
    result = run(graph(Runs()), tmp_path, ["kept"])
    assert not result.success
    assert "numbers[2026-01-05|F821] is not in the store" in str(result.failure_data_for_node("kept"))


def test_a_share_below_the_bar_warns_and_does_not_stop(tmp_path: Path):
    result = run(graph(Runs(), keep=1), tmp_path)
    assert result.success
    warned = check(result, "kept", "verified_share")
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of 10 (10%) go on; at least 50% expected. What to do: look at" in (warned.description or "")
    assert "rejected_rows" in warned.metadata


@pytest.mark.parametrize(("reason", "passed"), [("odd", True), ("unexpected", False)])
def test_an_error_that_no_step_foresaw_warns(tmp_path: Path, reason: str, passed: bool):
    result = run(graph(Runs(), reason=reason), tmp_path)
    assert result.success
    warned = check(result, "kept", "nothing_unexpected")
    assert (warned.passed, warned.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert passed or "4 of 10 rows" in (warned.description or "")


@pytest.mark.parametrize(
    ("second", "works"),
    [
        ({}, 1),  # nothing changed
        ({"seed": 2}, 2),  # the configuration changed
    ],
)
def test_a_result_that_still_holds_is_reused(tmp_path: Path, second: dict[str, Any], works: int):
    runs = Runs()
    first_version = metadata(run(graph(runs), tmp_path), "kept")
    result = run(graph(runs, **second), tmp_path)
    assert runs.count == works
    assert metadata(result, "kept")["reused"] is (works == 1)
    assert metadata(result, "kept")["rejects"] == first_version["rejects"]
    assert check(result, "kept", ROWS_ADD_UP).passed


def test_equal_rows_have_an_equal_data_version(tmp_path: Path):
    versions = []
    for name in ("a", "b"):
        run(graph(Runs()), tmp_path / name)
        manifest = PartitionStore(str(tmp_path / name)).manifest("kept", KEY.segments())
        assert manifest is not None
        versions.append(manifest.data_version)
    assert versions[0] == versions[1]


TEXTS_KEY = Key("2026-01-05", "F811")
BEFORE = pa.schema([("diagnostic_id", pa.string()), ("files", FILES), ("later_states", LATER_STATES)])
REPAIRED = pa.schema([*BEFORE, ("repaired", pa.string())])


def test_a_stage_reads_the_texts_that_it_looks_at_and_stores_those_that_it_returns(tmp_path: Path):
    """Of the other columns no text is there any more, and their hashes go on all the same."""
    store = PartitionStore(str(tmp_path))
    looked_at = [{"path": "a.py", "text": "looked at"}]
    row = {"diagnostic_id": "d", "files": looked_at, "later_states": [{"text": "not looked at"}]}
    with store.writer("before", TEXTS_KEY.segments()) as writer:
        writer.write("data", pa.RecordBatch.from_pylist([row], schema=BEFORE))
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=1)
    table = store.texts(TEXTS_KEY.segments())
    (file,) = table.files()
    texts = pq.read_table(file)
    Path(file).unlink()
    table.write(texts.filter(pc.equal(texts["text"], "looked at")))

    adds = pa.schema([BEFORE.field("diagnostic_id"), REPAIRED.field("repaired")])
    spec = StageSpec(
        name="repairs",
        function=lambda batches: (
            outcome_batch([{**found, "repaired": found["files"][0]["text"] + "!"} for found in rows], adds)
            for rows in (batch.to_pylist() for batch in batches)
        ),
        input=BEFORE,
        output=REPAIRED,
        reads=("diagnostic_id", "files"),
        adds=adds,
        reasons={},
    )
    context: Any = None
    stage = Stage(context=context, store=store, inputs=[Input("before", TEXTS_KEY)], schema=REPAIRED)
    with store.writer("repairs", TEXTS_KEY.segments()) as writer:
        stage.write(writer, spec, stage.on_engine(spec.function, stage.tasks(spec.reads)))
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=1)
    (found,) = store.table("repairs", TEXTS_KEY.segments(), columns=["files", "repaired"]).to_pylist()
    assert found == {"files": looked_at, "repaired": "looked at!"}
    before, after = (
        store.table(name, TEXTS_KEY.segments(), columns=["files", "later_states"], texts=False)
        for name in ("before", "repairs")
    )
    assert before == after


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("kept/**/data-*", flip),
        ("kept/**/rejects-*", flip),
        ("kept/**/data-*", Path.unlink),
        ("kept/**/manifest.json", flip),
        ("kept/**/manifest.json", lambda path: path.write_text("")),
    ],
)
def test_a_damaged_result_is_made_again_and_says_so(
    tmp_path: Path, pattern: str, damage: Callable[[Path], object]
) -> None:
    runs = Runs()
    assert run(graph(runs), tmp_path).success
    store = PartitionStore(str(tmp_path))
    before = store.table("kept", KEY.segments())
    (path,) = tmp_path.glob(pattern)
    damage(path)
    result = run(graph(runs), tmp_path)
    assert result.success
    metadata = {
        event.asset_key.path[-1]: event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert "remade" not in metadata["numbers"]
    assert str(path) in metadata["kept"]["remade"].text
    assert runs.count == 2
    assert store.table("kept", KEY.segments()) == before
    assert run(graph(runs), tmp_path).success
    assert runs.count == 2, "then it is reused"


def test_a_damaged_input_is_named_with_what_to_do(tmp_path: Path) -> None:
    runs = Runs()
    assert run(graph(runs), tmp_path).success
    (path,) = tmp_path.glob("numbers/**/data-*")
    flip(path)
    (own,) = tmp_path.glob("kept/**/manifest.json")
    own.unlink()
    result = run(graph(runs), tmp_path, ["kept"])
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert str(path) in str(failure.event_specific_data)
    assert "materialize it again" in str(failure.event_specific_data)


def test_what_a_stage_reads_is_on_record_by_project_and_purpose(tmp_path: Path) -> None:
    opened = PartitionStore(str(tmp_path))
    rows = pa.table({"project_id": ["turtles", "snakes", "turtles"]})
    with opened.writer("examples", KEY.segments()) as writer:
        writer.write("data", rows)
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=3)

    @dg.asset(
        name="training_mixture",
        partitions_def=DATE_AND_TYPE,
        check_specs=check_specs("training_mixture", DATE_AND_TYPE),
    )
    def mixture(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
        source = Input("examples", Key.of(context))
        stage = Stage(context=context, store=store.store(), inputs=[source], schema=rows.schema)
        return stage.materialize(lambda writer: writer.write("data", rows))

    for _ in range(2):  # the second run reuses the result, and reads no row
        store = StoreResource(base_uri=str(tmp_path))
        done = dg.materialize([mixture], partition_key=KEY.dagster(), resources={"store": store})
        assert done.success
    found = list(recorded_reads(opened))
    told = {(row["project_sha256"], row["rows"], row["purpose"], row["source"]) for row in found}
    source = f"examples[{KEY}]"
    assert told == {
        (project_digest("turtles"), 2, "training", source),
        (project_digest("snakes"), 1, "training", source),
    }
    assert len(found) == 2
    listed = CliRunner().invoke(main, ["audit", str(tmp_path), "turtles"])
    assert f"training_mixture[{KEY}] in run {found[0]['run']}, for training: 2 rows of {source}\n" in (
        listed.stdout
    )
    assert "1 reads" in listed.stderr
    (file,) = (tmp_path / "_audit").rglob("*.parquet")
    file.write_bytes(b"PAR1")
    with pytest.raises(StoreError, match="audit log, is damaged"):
        list(recorded_reads(opened))
