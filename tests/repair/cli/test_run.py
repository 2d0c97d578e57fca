"""A row out of a store and through a stage by hand gives what the graph has stored."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from partitions.keys import Key
from repair.cli import main
from repair.pipeline import BY_NAME
from tests.code_location.test_graph import shop
from tests.graph import DAY, House, record

NAMES = Key(DAY, "F821")


def repair(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("house"))
    record(house.folder / "recording", [shop()])
    house.events()
    assert house.diagnostics("F821").success
    return house


def exported(house: House, asset: str, folder: Path) -> Path:
    out = folder / f"{asset}.parquet"
    result = repair("export", house.store.base_uri, asset, NAMES.dagster(), "--out", out)
    assert result.exit_code == 0, result.stderr
    assert f"rows of {asset}[{DAY}|F821] in {out}" in result.stderr
    return out


@pytest.mark.parametrize(
    ("stage", "before"),
    [("reproduced_diagnostics", "error_states"), ("verified_diffs", "synthesized_diffs")],
)
def test_an_exported_partition_through_a_stage_gives_the_stored_result(
    house: House, tmp_path: Path, stage: str, before: str
) -> None:
    rows = exported(house, before, tmp_path)
    assert pq.read_schema(rows).equals(BY_NAME[stage].input), "texts are joined"
    result = repair("run", stage, rows, "--out", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.stderr
    manifest = house.manifest(stage, NAMES)
    assert manifest.rows_out
    rejected = sum(manifest.rejects.values())
    assert f"{manifest.rows_in} rows, {manifest.rows_out} kept, {rejected} rejected" in result.stderr
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == house.rows(stage, NAMES)
    assert pq.read_table(tmp_path / "out.rejects.parquet").to_pylist() == house.rows(stage, NAMES, "rejects")
    assert {path.name for path in tmp_path.iterdir()} == {"out.parquet", "out.rejects.parquet", rows.name}


def test_one_row_is_enough_and_a_setting_is_heard(house: House, tmp_path: Path) -> None:
    rows = exported(house, "repair_candidates", tmp_path)
    pq.write_table(pq.read_table(rows).slice(0, 1), rows)
    by_history = repair("run", "synthesized_diffs", rows, "--out", tmp_path / "a.parquet")
    by_rules = repair(
        "run", "synthesized_diffs", rows, "--out", tmp_path / "b.parquet", "--set", "teacher=rules"
    )
    assert (by_history.exit_code, by_rules.exit_code) == (0, 0)
    assert pq.read_table(tmp_path / "a.parquet")["teacher"].to_pylist() == ["history"]
    assert "1 rows, " in by_rules.stderr
    answered = pq.read_table(tmp_path / "b.parquet").num_rows
    assert answered + pq.read_table(tmp_path / "b.rejects.parquet").num_rows == 1


def test_other_writers_types_are_taken_and_other_columns_left_out(house: House, tmp_path: Path) -> None:
    rows = exported(house, "verified_diffs", tmp_path)
    table = pq.read_table(rows)
    large = table.set_column(0, "diagnostic_id", table["diagnostic_id"].cast(pa.large_string()))
    pq.write_table(large.append_column("note", pa.array(["x"] * table.num_rows)), rows)
    result = repair("run", "repair_examples", rows, "--out", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.stderr
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == house.rows("repair_examples", NAMES)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["run", "nothing", "rows.parquet"],
            2,
            "there is no stage 'nothing': expected one of session",
        ),
        (["run", "repair_examples", "absent.parquet"], 1, "absent.parquet can't be read as Parquet"),
        (
            ["run", "repair_examples", "short.parquet"],
            1,
            "short.parquet has no column 'diagnostic_id'",
        ),
        (
            ["run", "repair_examples", "wrong.parquet"],
            1,
            "column 'path' of wrong.parquet is int64; expected string, as in rows that repair_ex",
        ),
        (["run", "repair_examples", "rows.parquet", "--set", "seed=1"], 2, "it has split_seed=14"),
        (
            ["run", "repair_examples", "rows.parquet", "--set", "split_seed=x"],
            2,
            "split_seed is 'x': expected a value of type int",
        ),
        (["run", "verified_diffs", "rows.parquet", "--set", "x=1"], 2, "no setting 'x': it has none"),
        (
            ["run", "synthesized_diffs", "rows.parquet", "--set", "teacher=oracle"],
            2,
            "there is no teacher 'oracle' without a model: history, rules",
        ),
        (["export", "store", "error_states", "2026-01-05|F821"], 1, "it has none of that asset"),
    ],
)
def test_mistakes_are_one_clear_line_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"x": [1]}), "short.parquet")
    schema = BY_NAME["repair_examples"].input
    empty = schema.empty_table()
    pq.write_table(empty, "rows.parquet")
    place = schema.get_field_index("path")
    pq.write_table(empty.set_column(place, "path", pa.array([], pa.int64())), "wrong.parquet")
    before = set(Path.cwd().iterdir())
    result = repair(*arguments, "--out", "out.parquet")
    assert result.exit_code == code
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ") and message in line
    assert set(Path.cwd().iterdir()) == before


def test_export_names_the_partitions_that_are_there(house: House, tmp_path: Path) -> None:
    result = repair(
        "export", house.store.base_uri, "error_states", f"{DAY}|F811", "--out", tmp_path / "x.parquet"
    )
    assert result.exit_code == 1
    assert f"has no partition '{DAY}|F811' of error_states; it has {DAY}|F821" in result.stderr
