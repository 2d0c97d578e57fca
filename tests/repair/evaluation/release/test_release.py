"""A released benchmark: what is in the folder, what is left out, and what a loader refuses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import huggingface_hub
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from partitions.keys import Key
from repair.cli import main
from repair.errors import InputError
from repair.evaluation.release.loader import load_release
from repair.evaluation.release.manifest import MANIFEST, SAMPLES
from repair.evaluation.release.selection import RELEASE_SAMPLES, released
from repair.evaluation.release.writer import write_release
from repair.schema.outcomes import Reject
from repair.store.reader import PartitionStore
from tests.graph import DAY, LANGUAGE_SERVERS, House
from tests.released import Row, freeze, misspelt_samples, release_of, rewrite, sign, workspace_rows
from tests.repair.synthesis.support import VERSIONS, FunctionServers, found, marked
from tests.stored_examples import misspelt_in, projects_of, store_examples

LICENCES = ("ISC", "MIT", "GPL-3.0-only", None)
FILES = ("README.md", MANIFEST, SAMPLES)


@pytest.fixture(scope="module")
def samples() -> list[Row]:
    return misspelt_samples(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, samples: list[Row]) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    release_of(folder, samples)
    return folder / "release"


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """The release, to be spoilt."""
    target = tmp_path / "release"
    target.mkdir()
    for name in FILES:
        (target / name).write_bytes((folder / name).read_bytes())
    return target


def test_the_folder_holds_the_samples_with_their_proof(folder: Path, samples: list[Row]) -> None:
    assert {path.name for path in folder.iterdir()} == set(FILES)
    release = load_release(folder)
    assert [row["sample_id"] for row in release.samples] == sorted(row["sample_id"] for row in samples)
    versions = LANGUAGE_SERVERS.servers().versions
    frozen = {row["sample_id"]: row for row in samples}
    for row in release.samples:
        proof = {name: row.pop(name) for name in ("pyright_version", "ruff_version", "reference_outcome")}
        assert proof == {
            "pyright_version": versions["pyright"],
            "ruff_version": versions["ruff"],
            "reference_outcome": "repaired",
        }
        assert row["licence"] == "MIT"
        assert {**row, "target_files": None} == {**frozen[row["sample_id"]], "target_files": None}
    assert release.manifest.licences == {"MIT": 3}
    assert release.manifest.left_out == {}
    assert re.fullmatch("[0-9a-f]{12}", release.manifest.version)


def test_the_parquet_is_read_by_other_engines(folder: Path) -> None:
    rows = duckdb.sql(
        f"select sample_id, licence, files[1].text from '{folder / SAMPLES}' order by 1"
    ).fetchall()
    assert [row[0] for row in rows] == [row["sample_id"] for row in load_release(folder).samples]
    assert all("widht" in text for _, _, text in rows)


def test_the_card_is_read_by_hugging_face(folder: Path) -> None:
    card = huggingface_hub.DatasetCard((folder / "README.md").read_text())
    header = card.data.to_dict()
    assert header["license"] == ["mit"]
    assert header["size_categories"] == ["n<1K"] or header["size_categories"] == "n<1K"
    assert header["configs"][0]["data_files"] == [{"split": "test", "path": SAMPLES}]
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for told in (
        manifest["version"],
        "3 samples",
        *manifest["servers"].values(),
        "repair evaluate",
        "Limits",
    ):
        assert told in card.text
    assert "{" not in card.text.replace('{"sample_id": "...", "answer": "..."}', "")


def test_the_card_counts_the_references_that_people_stand_for(samples: list[Row], tmp_path: Path) -> None:
    release_of(tmp_path, [samples[0] | {"verified_by": 2}, *samples[1:]])
    assert "People stand for 1 of the references" in (tmp_path / "release" / "README.md").read_text()


def test_equal_stores_give_equal_bytes(folder: Path, samples: list[Row], tmp_path: Path) -> None:
    release_of(tmp_path, samples[::-1])
    for name in FILES:
        assert (tmp_path / "release" / name).read_bytes() == (folder / name).read_bytes()


def test_other_samples_are_another_version(folder: Path, samples: list[Row], tmp_path: Path) -> None:
    assert release_of(tmp_path, samples[1:]).version != load_release(folder).manifest.version


def reject_of(row: Row, check: Callable[..., Any] = marked) -> tuple[str, str]:
    (outcome,) = released([row], FunctionServers(check))
    assert isinstance(outcome, Reject)
    return outcome.reason, outcome.detail


def marked_sample(**columns: Any) -> Row:
    """A sample of fake servers, that repair takes `error:name` away."""
    text, target = "a = 1\nb = error:name\n", "a = 1\nb = name\n"
    diagnostic = found("main.py", 1, "found name", code="marker[name]").as_row()
    known = dict.fromkeys(RELEASE_SAMPLES.names) | {
        **{"sample_id": "s", "benchmark": "workspace", "code": "marker[name]", "path": "main.py"},
        **{"files": [{"path": "main.py", "text": text}], "diagnostic": diagnostic, "before": [diagnostic]},
        **{"reference": "-2 b = error:name\n+2 b = name\n</diff>", "target": target, "licence": "MIT"},
    }
    return known | columns


def test_a_sample_of_the_fake_servers_is_released() -> None:
    (row,) = released([marked_sample()], FunctionServers(marked))
    assert not isinstance(row, Reject)
    assert (row["reference_outcome"], row["pyright_version"]) == ("repaired", VERSIONS["pyright"])


NEW_ERROR = marked_sample(
    reference="-2 b = error:name\n+2 b = error:other\n</diff>", target="a = 1\nb = error:other\n"
)
REJECTED = [
    (marked_sample(licence=None), "unknown_licence"),
    (marked_sample(licence=""), "unknown_licence"),
    (marked_sample(licence="GPL-3.0-only"), "licence_not_permitted"),
    (marked_sample(licence="LicenseRef-own"), "licence_not_permitted"),
    (marked_sample(licence="MIT AND GPL-3.0-only"), "licence_not_permitted"),
    (marked_sample(licence="NONE"), "licence_not_permitted"),
    (marked_sample(reference="-2 b = error:name\n+2 b =  error:name\n</diff>"), "not_confirmed"),
    (marked_sample(reference="-9 b\n</diff>"), "not_confirmed"),
    (marked_sample(reference="</diff>"), "not_confirmed"),
    (marked_sample(files=[{"path": "main.py", "text": "a = 1\nb = error:nam\n"}]), "not_confirmed"),
    (NEW_ERROR, "reference_rejected"),
    (marked_sample(target="a = 1\nb = names\n"), "other_target"),
    (marked_sample(target_files=[{"path": "x.py", "text": ""}]), "other_target"),
]


@pytest.mark.parametrize(("row", "reason"), REJECTED)
def test_what_is_not_released(row: Row, reason: str) -> None:
    assert reject_of(row)[0] == reason


def test_what_tests_say_is_right_may_bring_an_error_to_light() -> None:
    (row,) = released([NEW_ERROR | {"tests": "pass"}], FunctionServers(marked))
    assert not isinstance(row, Reject)
    assert row["reference_outcome"] == "new_error"


def test_a_licence_is_written_in_its_usual_spelling() -> None:
    (row,) = released([marked_sample(licence="mit or GPL-3.0-only")], FunctionServers(marked))
    assert not isinstance(row, Reject)
    assert row["licence"] == "MIT OR GPL-3.0-only"


def test_the_command_accounts_for_every_sample(samples: list[Row], tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path / "store"))
    freeze(store, [*samples, {**samples[0], "sample_id": "x", "licence": "GPL-2.0-only"}])
    freeze(store, [samples[0]], "other")
    arguments = ["release", store.base_uri, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr.endswith(
        "5 samples, 3 released, 2 left out (licence_not_permitted 1, repeated_sample 1)\n"
    )
    manifest = load_release(tmp_path / "out").manifest
    assert manifest.left_out == {"licence_not_permitted": 1, "repeated_sample": 1}
    assert "licence_not_permitted 1, repeated_sample 1" in (tmp_path / "out" / "README.md").read_text()
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_of_the_leetcode_benchmarks_one_is_released(samples: list[Row], tmp_path: Path) -> None:
    names = ("leetcode", "leetcode_injected", "leetcode_injected_choose")
    store = PartitionStore(str(tmp_path / "store"))
    rows = [row | {"benchmark": name} for row, name in zip(samples, names, strict=True)]
    freeze(store, rows, benchmark="leetcode")
    for row, name in zip(rows, names, strict=True):
        manifest = write_release(store, name, tmp_path / name, LANGUAGE_SERVERS.servers())
        assert (manifest.benchmark, manifest.samples, manifest.left_out) == (name, 1, {})
        assert [sample["sample_id"] for sample in load_release(tmp_path / name).samples] == [row["sample_id"]]
        card = (tmp_path / name / "README.md").read_text()
        assert ("is no result" in card) is (name == "leetcode_injected_choose")


@pytest.mark.parametrize("licence", ["GPL-3.0-only", None])
def test_nothing_to_release_leaves_no_folder(samples: list[Row], tmp_path: Path, licence: str | None) -> None:
    store = PartitionStore(str(tmp_path / "store"))
    servers = LANGUAGE_SERVERS.servers()
    with pytest.raises(
        InputError, match=r"no sample of workspace in workspace_benchmark to release: none is"
    ):
        write_release(store, "workspace", tmp_path / "out", servers)
    freeze(store, [samples[0] | {"licence": licence}])
    with pytest.raises(InputError, match=r"licence_not_permitted 1|unknown_licence 1"):
        write_release(store, "workspace", tmp_path / "out", servers)
    assert {path.name for path in tmp_path.iterdir()} == {"store"}


def test_the_licence_of_a_project_goes_with_its_samples() -> None:
    (held_out,) = projects_of("test", 1)
    row = misspelt_in(held_out, 7) | {"licence": "ISC"}
    assert [sample["licence"] for sample in workspace_rows([row])] == ["ISC"]


def test_a_sample_that_was_frozen_without_its_licence_has_that_of_its_example(tmp_path: Path) -> None:
    (held_out,) = projects_of("test", 1)
    verified = [
        misspelt_in(held_out, number) | {"licence": licence} for number, licence in enumerate(LICENCES)
    ]
    house = House(tmp_path)
    store_examples(house, Key(DAY, "F821"), verified)
    older = [row | {"licence": None} for row in workspace_rows(verified)]
    freeze(house.store, [*older, older[0] | {"sample_id": "of no example"}])
    manifest = write_release(house.store, "workspace", tmp_path / "out", LANGUAGE_SERVERS.servers())
    assert manifest.licences == {"ISC": 1, "MIT": 1}
    assert manifest.left_out == {"licence_not_permitted": 1, "unknown_licence": 2}


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def linked(path: Path) -> None:
    other = path.parent.parent / "elsewhere"
    other.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(other)


SPOILT: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: damaged(folder / SAMPLES), "samples.parquet is not the file that was released"),
    (lambda folder: damaged(folder / "README.md"), "README.md is not the file that was released"),
    (lambda folder: (folder / SAMPLES).unlink(), "samples.parquet is not there"),
    (lambda folder: (folder / MANIFEST).unlink(), "manifest.json is not there"),
    (lambda folder: linked(folder / SAMPLES), "samples.parquet leads out of"),
    (lambda folder: linked(folder / MANIFEST), "manifest.json leads out of"),
    (lambda folder: (folder / MANIFEST).write_text("{"), "is no manifest of a released benchmark"),
    (lambda folder: (folder / MANIFEST).write_text("[]"), "is no manifest of a released benchmark"),
    (lambda folder: (folder / MANIFEST).write_text("[" * 100_000), "is no manifest"),
    (lambda folder: (folder / MANIFEST).write_bytes(b"\xff"), "is no manifest"),
    (lambda folder: sign(folder, format=2), "is of the format 2, and this program reads 1"),
    (lambda folder: sign(folder, samples="3"), "is no manifest"),
    (lambda folder: sign(folder, files={}), "has no SHA-256 of samples.parquet"),
    (lambda folder: sign(folder, samples=2), "has 3 rows, and the manifest says 2"),
    (lambda folder: sign(folder, benchmark="leetcode"), "row 0 of .* it is of the benchmark 'workspace'"),
    (lambda folder: outside(folder, "../elsewhere"), "names the file '../elsewhere'"),
    (lambda folder: outside(folder, "/etc/passwd"), "names the file '/etc/passwd'"),
    (lambda folder: (folder / SAMPLES).write_bytes(b"PAR1") and sign(folder), "can't be read as Parquet"),
    (lambda folder: truncated(folder), "can't be read as Parquet"),  # noqa: PLW0108 - it is defined below
]


def outside(folder: Path, name: str) -> None:
    row = json.loads((folder / MANIFEST).read_bytes())
    row["files"][name] = row["files"][SAMPLES]
    (folder / MANIFEST).write_text(json.dumps(row))


def truncated(folder: Path) -> None:
    data = (folder / SAMPLES).read_bytes()
    (folder / SAMPLES).write_bytes(data[:100] + bytes(200) + data[300:])
    sign(folder)


@pytest.mark.parametrize(("spoil", "message"), SPOILT)
def test_a_folder_that_is_no_release(copied: Path, spoil: Callable[[Path], Any], message: str) -> None:
    spoil(copied)
    with pytest.raises(InputError, match=message):
        load_release(copied)


def test_no_folder_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder: expected a release"):
        load_release(tmp_path / "absent")


TESTS = '{"class_name": "Solution", "method": "add", "kinds": ["value"], "cases": %s}'
CHANGED: list[tuple[Callable[[Row], Any], str]] = [
    (lambda row: row["files"].append({"path": "../up.py", "text": ""}), r"files has the path '../up.py'"),
    (lambda row: row["files"].append({"path": "/etc/x.py", "text": ""}), r"files has the path '/etc/x.py'"),
    (lambda row: row["target_files"].append({"path": "a/../b", "text": ""}), r"target_files has the path"),
    (lambda row: row["files"].append(row["files"][0]), r"files has the path 'main.py' twice"),
    (lambda row: row["files"].append({"path": "x.py", "text": None}), r"files has a null"),
    (lambda row: row.update(path="other.py"), r"the path 'other.py' is none of its files"),
    (lambda row: row["diagnostic"].update(path="other.py"), r"the diagnostic is in 'other.py'"),
    (lambda row: row["diagnostic"].update(code=None), r"a diagnostic has a null"),
    (lambda row: row.update(target=None), r"target is null"),
    (lambda row: row.update(sample_id=None), r"sample_id is null"),
    (lambda row: row.update(licence=None), r"licence is null"),
    (lambda row: row.update(tests="{"), r"in tests, the tests of a problem can't be read: Expecting"),
    (lambda row: row.update(tests="[]"), r"in tests, .* tests is \[\], expected an object"),
    (lambda row: row.update(tests="[" * 100_000), r"in tests, .* recursion"),
    (lambda row: row.update(tests=TESTS % "[]"), r"tests has no case: any answer would pass"),
    (lambda row: row.update(tests=TESTS % '[{"inputs": 3}]'), r"in tests, .* tests\.cases\[0\]\.inputs is 3"),
]


@pytest.mark.parametrize(("change", "message"), CHANGED)
def test_a_signed_row_that_is_no_sample(copied: Path, change: Callable[[Row], Any], message: str) -> None:
    rows = pq.read_table(copied / SAMPLES).to_pylist()
    change(rows[1])
    rewrite(copied, rows, RELEASE_SAMPLES)
    with pytest.raises(InputError, match=rf"row 1 of .*samples\.parquet: {message}"):
        load_release(copied)


def test_a_repeated_row_and_other_columns(copied: Path) -> None:
    rows = pq.read_table(copied / SAMPLES).to_pylist()
    rewrite(copied, [*rows, rows[0]], RELEASE_SAMPLES)
    with pytest.raises(InputError, match=r"row 3 of .* is that of an earlier row"):
        load_release(copied)
    rewrite(copied, rows, RELEASE_SAMPLES.remove(0))
    with pytest.raises(InputError, match="has other columns than a release"):
        load_release(copied)
