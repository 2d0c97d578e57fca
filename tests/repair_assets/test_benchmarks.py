"""A benchmark is frozen: days that follow do not change it, a new release does."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from partitions.keys import Key
from repair.evaluation.annotation.decisions import Decision, DecisionLog, sample_sha256
from repair.evaluation.annotation.samples import benchmark_samples
from repair.text.files import files_of
from repair_assets.benchmarks import workspace_benchmark
from resources.benchmark_data import BenchmarkDataResource
from tests.graph import DAY, House, failure, reused
from tests.stored_examples import misspelt_in, projects_of, store_examples

NEXT_DAY = "2026-01-06"
NAMES = Key(None, "F821")
(LEARNED,) = projects_of("train", 1)
FIRST, SECOND = projects_of("test", 2)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    rows = [misspelt_in(LEARNED, 1), misspelt_in(FIRST, 2), misspelt_in(FIRST, 3), misspelt_in(SECOND, 3)]
    store_examples(house, Key(DAY, "F821"), rows)
    house.run([workspace_benchmark], NAMES)
    return house


def test_a_benchmark_holds_projects_for_tests_without_repeats(house: House):
    manifest = house.manifest("workspace_benchmark", NAMES)
    assert (manifest.rows_in, manifest.rows_out) == (4, 2)
    assert manifest.rejects == {"not_held_out": 1, "near_duplicate": 1}
    for sample in house.rows("workspace_benchmark", NAMES):
        assert sample["benchmark"] == "workspace"
        assert sample["project_id"] in (FIRST, SECOND)
        assert sample["reference"].splitlines()[-1] == "</diff>"
        assert sample["tests"] is None
        assert sample["before"]


def test_days_that_follow_do_not_change_it_and_a_release_does(house: House):
    frozen = house.manifest("workspace_benchmark", NAMES)
    store_examples(house, Key(NEXT_DAY, "F821"), [misspelt_in(SECOND, 5), misspelt_in(LEARNED, 6)])
    assert reused(house.run([workspace_benchmark], NAMES)) == {"workspace_benchmark": True}
    assert house.manifest("workspace_benchmark", NAMES) == frozen

    release = {"workspace_benchmark": {"release": 2}}
    assert reused(house.run([workspace_benchmark], NAMES, config=release)) == {"workspace_benchmark": False}
    second = house.manifest("workspace_benchmark", NAMES)
    assert (second.rows_in, second.rows_out) == (6, 3)
    assert second.data_version != frozen.data_version
    assert second.extra["release"] == 2


def test_no_more_samples_than_asked_for(house: House):
    house.run([workspace_benchmark], NAMES, config={"workspace_benchmark": {"at_most": 1}})
    manifest = house.manifest("workspace_benchmark", NAMES)
    assert manifest.rows_out == 1
    assert manifest.rejects == {"not_held_out": 1, "benchmark_full": 2}


def test_nothing_is_not_frozen(house: House):
    result = house.run([workspace_benchmark], Key(None, "E722"), raise_on_error=False)
    assert "no repair_examples of E722 to freeze" in failure(result, "workspace_benchmark")
    assert house.store.partitions("workspace_benchmark") == [NAMES.segments()]


def decided(house: House, path: Path, *rows: tuple[Mapping[str, Any], str, str, str, str]) -> str:
    """A file of decisions: (sample, annotator, decision, diff, reason) each."""
    with DecisionLog(path) as log:
        for sample, annotator, choice, line_diff, reason in rows:
            log.append(
                Decision(
                    sample_id=sample["sample_id"],
                    sample_sha256=sample_sha256(files_of(sample), sample["diagnostic"]),
                    annotator=annotator,
                    decision=choice,  # pyright: ignore[reportArgumentType]
                    reason=reason,
                    line_diff=line_diff,
                    timestamp=datetime.now(UTC),
                )
            )
    house.resources["benchmark_data"] = BenchmarkDataResource(decisions=str(path))
    return str(path)


def diff_of(sample: Mapping[str, Any]) -> str:
    return sample["reference"].removesuffix("\n</diff>")


def test_people_stand_for_samples_or_take_them_out(house: House, tmp_path: Path):
    first, second = house.rows("workspace_benchmark", NAMES)
    assert (first["verified_by"], second["verified_by"]) == (None, None)
    log = tmp_path / "decisions.jsonl"
    decided(
        house,
        log,
        (first, "ann", "accept", diff_of(first), ""),
        (first, "bob", "accept", diff_of(first), ""),
        (second, "ann", "reject", diff_of(second), "no mistake"),
    )
    frozen = house.manifest("workspace_benchmark", NAMES)
    assert reused(house.run([workspace_benchmark], NAMES)) == {"workspace_benchmark": False}
    [kept] = house.rows("workspace_benchmark", NAMES)
    assert kept == {**first, "verified_by": 2}
    [reject] = [row for row in house.rows("workspace_benchmark", NAMES, "rejects") if "ann" in row["detail"]]
    assert (reject["reason"], reject["detail"]) == ("rejected_by_person", "ann: no mistake")
    manifest = house.manifest("workspace_benchmark", NAMES)
    assert manifest.fingerprint != frozen.fingerprint
    assert manifest.configuration["decisions"] == hashlib.sha256(log.read_bytes()).hexdigest()

    # the same decisions change nothing, whatever days follow; another one does
    store_examples(house, Key(NEXT_DAY, "F821"), [misspelt_in(SECOND, 5)])
    assert reused(house.run([workspace_benchmark], NAMES)) == {"workspace_benchmark": True}
    decided(house, log, (first, "bob", "reject", diff_of(first), "hm"))
    assert reused(house.run([workspace_benchmark], NAMES)) == {"workspace_benchmark": False}
    assert house.manifest("workspace_benchmark", NAMES).rejects["annotators_disagree"] == 1
    decided(house, log, (first, "adjudicator", "accept", diff_of(first), ""))
    house.run([workspace_benchmark], NAMES)
    by_id = {row["sample_id"]: row for row in house.rows("workspace_benchmark", NAMES)}
    assert by_id[first["sample_id"]]["verified_by"] == 2

    # without decisions it is the release again
    house.resources["benchmark_data"] = BenchmarkDataResource()
    house.run([workspace_benchmark], NAMES)
    assert house.manifest("workspace_benchmark", NAMES).fingerprint == frozen.fingerprint


def test_a_correction_becomes_the_reference_if_it_verifies(house: House, tmp_path: Path):
    first, second = house.rows("workspace_benchmark", NAMES)
    line = first["files"][0]["text"].split("\n")[1]
    width, height = (f"{name}_{line.rpartition('_')[2]}" for name in ("width", "height"))
    corrected = f"-2 {line}\n+2     return {height} * {width}"
    silenced = second["files"][0]["text"].split("\n")[1]
    log = tmp_path / "decisions.jsonl"
    cheat = f"-2 {silenced}\n+2 {silenced}  # type: ignore  # noqa"
    decided(house, log, (first, "ann", "correct", corrected, ""), (second, "ann", "correct", cheat, ""))
    house.run([workspace_benchmark], NAMES)
    [sample] = house.rows("workspace_benchmark", NAMES)
    assert sample["reference"] == f"{corrected}\n</diff>"
    assert f"return {height} * {width}" in sample["target"]
    assert (sample["target_files"], sample["verified_by"]) == ([], 1)
    rejects = house.rows("workspace_benchmark", NAMES, "rejects")
    [reject] = [row for row in rejects if row["reason"] == "correction_not_verified"]
    assert reject["detail"].startswith("cheat: ")

    # people go on with the corrected benchmark: what they decide is about the same sample
    [shown] = benchmark_samples(house.store.uri("workspace_benchmark", NAMES.segments()))
    assert (shown.line_diff, shown.sample_id) == (corrected, first["sample_id"])
    decided(house, log, (sample, "bob", "accept", shown.line_diff, ""))
    house.run([workspace_benchmark], NAMES)
    [again] = house.rows("workspace_benchmark", NAMES)
    assert again == {**sample, "verified_by": 2}


def test_decisions_about_another_text_are_not_about_the_sample(house: House, tmp_path: Path):
    first, second = house.rows("workspace_benchmark", NAMES)
    other = {**first, "files": [{"path": "main.py", "text": first["files"][0]["text"] + "\n"}]}
    decided(
        house,
        tmp_path / "decisions.jsonl",
        (other, "ann", "reject", diff_of(first), "no"),
        (first, "bob", "wrong", diff_of(first), "an audit decides about labels"),
        (second, "ann", "skip", diff_of(second), ""),
    )
    house.run([workspace_benchmark], NAMES)
    assert house.rows("workspace_benchmark", NAMES) == [first, second]


def test_a_sample_that_is_taken_out_leaves_its_place_empty(house: House, tmp_path: Path):
    first, _ = house.rows("workspace_benchmark", NAMES)
    decided(house, tmp_path / "decisions.jsonl", (first, "ann", "reject", diff_of(first), "no"))
    house.run([workspace_benchmark], NAMES, config={"workspace_benchmark": {"at_most": 1}})
    manifest = house.manifest("workspace_benchmark", NAMES)
    assert (manifest.rows_out, manifest.rejects["rejected_by_person"]) == (0, 1)


def test_decisions_that_cannot_be_read_are_named(house: House, tmp_path: Path):
    house.resources["benchmark_data"] = BenchmarkDataResource(decisions=str(tmp_path / "absent.jsonl"))
    result = house.run([workspace_benchmark], NAMES, raise_on_error=False)
    assert "absent.jsonl" in failure(result, "workspace_benchmark")
    (tmp_path / "torn.jsonl").write_text('{"sample_id": ')
    house.resources["benchmark_data"] = BenchmarkDataResource(decisions=str(tmp_path / "torn.jsonl"))
    result = house.run([workspace_benchmark], NAMES, raise_on_error=False)
    assert "torn.jsonl, line 1 is not JSON" in failure(result, "workspace_benchmark")
    assert house.manifest("workspace_benchmark", NAMES).rows_out == 2


def test_whatever_people_write_is_stored(house: House, tmp_path: Path):
    first, second = house.rows("workspace_benchmark", NAMES)
    broken = "-1 \ud800\n+1 \x00\ud800"
    decided(
        house,
        tmp_path / "decisions.jsonl",
        (first, "ann", "reject", diff_of(first), "\ud800 \x1b[2J \u202e"),
        (second, "ann", "correct", broken, ""),
    )
    house.run([workspace_benchmark], NAMES)
    details = {row["reason"]: row["detail"] for row in house.rows("workspace_benchmark", NAMES, "rejects")}
    assert details["rejected_by_person"] == "ann: \\ud800 \\x1b[2J \\u202e"
    assert details["correction_not_verified"].startswith("content_mismatch: ")
    for diff in ("", "nonsense", "+1 \ud800", "#other.py\n+1 x"):
        decided(house, tmp_path / "decisions.jsonl", (second, "ann", "correct", diff, ""))
        house.run([workspace_benchmark], NAMES)
        assert house.manifest("workspace_benchmark", NAMES).rejects["correction_not_verified"] == 1
