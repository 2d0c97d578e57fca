"""Scoring of anybody's predictions: what is right, wrong, abstained or missing, and what is none."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from repair.cli import main
from repair.errors import InputError
from repair.evaluation.intervals import wilson
from repair.evaluation.leetcode import BugInstance, PublishedBenchmark, leetcode_samples
from repair.evaluation.release.evaluation import RATES, evaluate
from repair.evaluation.release.loader import Release, load_release
from repair.evaluation.release.manifest import MANIFEST
from repair.evaluation.release.predictions import Prediction, read_predictions
from repair.evaluation.release.results import groups, results_text
from repair.schema.outcomes import split_outcomes
from tests.graph import LANGUAGE_SERVERS
from tests.published_benchmarks import ADD
from tests.released import Row, misspelt_samples, predictions, release_of, sign

COUNT = 6
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    release_of(folder, misspelt_samples(COUNT))
    return folder / "release"


@pytest.fixture(scope="module")
def release(folder: Path) -> Release:
    return load_release(folder)


def by_hand(release: Release, *answers: str | None) -> list[Prediction]:
    """The first samples with these answers."""
    pairs = zip(release.samples, answers, strict=False)
    return [Prediction(sample["sample_id"], 0, answer) for sample, answer in pairs]


def scored(release: Release, given: list[Prediction]) -> list[Row]:
    return list(evaluate(release, given, LANGUAGE_SERVERS.servers()))


def changed(reference: str, **replaced: str) -> str:
    for old, new in replaced.items():
        assert old in reference
        reference = reference.replace(old, new)
    return reference


def test_one_answer_of_each_kind(release: Release) -> None:
    references = [sample["reference"] for sample in release.samples]
    spaced = references[1].replace("+2     return ", "+2     return  ") + "\n"
    other = references[2].replace("+2     return ", "+2     return 0 + ")
    worse = references[3].replace("+2     return ", "+2     return undefined * ")
    assert (spaced, other, worse) != tuple(references[1:4])
    rows = scored(release, by_hand(release, references[0], spaced, other, worse, "I can't.", ""))
    assert [row["outcome"] for row in rows] == [
        *("repaired", "repaired", "repaired", "new_error", "no_diff", "abstained")
    ]
    assert [row["ast_match"] for row in rows] == [True, True, False, False, False, False]
    assert [row["token_match"] for row in rows] == [True, True, False, False, False, False]
    assert [row["ast_or_string_match"] for row in rows] == [True, True, False, False, False, False]
    assert [row["kept_lines"] for row in rows] == [1.0, 0.5, 0.5, 0.5, None, None]
    assert [row["line_ratio"] for row in rows] == [1.0, 1.0, 1.0, 1.0, None, None]
    assert [row["token_ratio"] for row in rows] == [1.0, 1.0, 3.0, 3.0, None, None]
    assert {(row["functional"], row["functional_strict"]) for row in rows} == {(None, None)}
    assert {(row["type"], row["category"], row["reference_lines"], row["file_lines"]) for row in rows} == {
        ("F821", "names", 1, 6)
    }


@pytest.mark.parametrize("answer", [None, "", "  \n", "<diff>\n</diff>", "</diff>"])
def test_an_abstention_asks_nobody(release: Release, answer: str | None) -> None:
    rows = list(evaluate(release, by_hand(release, *[answer] * COUNT), servers=None))  # type: ignore[arg-type]
    assert {row["outcome"] for row in rows} == {"abstained"}
    assert not any(row["repaired"] or row["ast_match"] for row in rows)


def test_what_changes_nothing_is_counted_apart_and_is_no_small_edit(release: Release) -> None:
    line = release.samples[0]["files"][0]["text"].split("\n")[0]
    unchanged = f"<diff>\n-1 {line}\n+1 {line}\n</diff>"
    rows = scored(release, by_hand(release, unchanged, release.samples[1]["reference"], ""))
    assert [row["outcome"] for row in rows[:3]] == ["no_change", "repaired", "abstained"]
    assert not any(rows[0][name] for name in RATES)
    assert rows[0]["line_ratio"] is rows[0]["token_ratio"] is rows[0]["kept_lines"] is None
    text = results_text(rows)
    assert f"2 of {COUNT} samples answered, 1 of them without a change, 1 abstained, 3 missing" in text
    assert text.splitlines()[0].endswith("no change")
    assert "changed lines over the reference's: median 1.00, mean 1.00 of 1 edits" in text


def test_a_missing_sample_is_wrong_and_not_left_out(release: Release) -> None:
    rows = scored(release, by_hand(release, release.samples[0]["reference"]))
    assert [row["outcome"] for row in rows] == ["repaired", *["missing"] * (COUNT - 1)]
    text = results_text(rows)
    low, high = wilson(1, COUNT)
    assert f"{100 / COUNT:.1f} [{100 * low:.1f}, {100 * high:.1f}]" in text
    assert (
        f": 1 of {COUNT} samples answered, 0 of them without a change, 0 abstained, {COUNT - 1} missing"
        in text
    )
    assert "precision, repaired of the answered 100.0 [20.7, 100.0]" in text


def test_hostile_answers_are_wrong_and_end_nothing(release: Release) -> None:
    answers = [
        "\ud800",
        "<diff>\n-2 \ud800\n</diff>",
        "<diff>\n+1 x = '\ud800'\n</diff>",
        "\0",
        "<diff>\n#/etc/x.py\n+1 x",
    ]
    rows = scored(release, by_hand(release, *answers, "<diff>\n#../x.py\n+1 x\n</diff>"))
    assert not any(row["repaired"] for row in rows)
    assert json.loads(json.dumps(rows)) == rows
    assert "unencodable_text" in {row["outcome"] for row in rows}


def test_of_several_answers_the_first_counts_and_all_are_estimated_from(release: Release) -> None:
    given = [
        Prediction(sample["sample_id"], index, sample["reference"] if index == number % 2 else "no")
        for number, sample in enumerate(release.samples)
        for index in (1, 0)
    ]
    rows = scored(release, given)
    assert [row["answer_index"] for row in rows] == [0, 1] * COUNT
    text = results_text(rows)
    (row,) = (line.split() for line in text.splitlines() if line.startswith("all "))
    assert row[:3] == ["all", str(COUNT), "50.0"]
    assert "pass@2, repaired 100.0 [" in text


def test_groups_cover_every_row(release: Release) -> None:
    rows = scored(release, [])
    names = dict(groups(rows))
    assert list(names) == ["type F821", "category names", "edit of 1 lines", "file of 1-20 lines"]
    assert all(len(group) == COUNT for group in names.values())


def repair(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_gives_equal_bytes_for_any_order(folder: Path, release: Release, tmp_path: Path) -> None:
    rows: list[Row] = [
        {"sample_id": sample["sample_id"], "answer": sample["reference"], "model": "mine"}
        for sample in release.samples[:4]
    ]
    rows[1]["answer"] = None
    rows[2] |= {"answer": "wrong", "answer_index": 0}
    rows.append({"sample_id": rows[2]["sample_id"], "answer": rows[2]["sample_id"], "answer_index": 1})
    found = []
    for number in range(2):
        random.Random(number).shuffle(rows)
        file = predictions(tmp_path / f"{number}.jsonl", ["", *rows] if number else rows)
        result = repair("evaluate", folder, file, "--out", tmp_path / f"{number}.scores.jsonl")
        assert result.exit_code == 0, result.stderr
        found.append((result.stdout, (tmp_path / f"{number}.scores.jsonl").read_bytes()))
    assert found[0] == found[1]
    shown, scores = found[0]
    said = ": 3 of 6 samples answered, 0 of them without a change, 1 abstained, 2 missing"
    assert shown.startswith(f"workspace {release.manifest.version}\n")
    assert f"coverage 50.0 [18.8, 81.2]{said}" in shown
    assert "outcomes: missing 2, repaired 2, abstained 1, no_diff 1" in shown
    lines = [json.loads(line) for line in scores.splitlines()]
    assert [(line["sample_id"], line["answer_index"]) for line in lines] == sorted(
        (line["sample_id"], line["answer_index"]) for line in lines
    )
    assert len(lines) == COUNT + 1


def test_other_servers_than_those_of_the_release_are_said(folder: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(folder, older)
    sign(older, servers={**json.loads((older / MANIFEST).read_bytes())["servers"], "ruff": "0.0.1"})
    result = repair("evaluate", older, predictions(tmp_path / "none.jsonl", []))
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert re.fullmatch(r"ruff is [\d.]+ here, and 0\.0\.1 proved the release: scores may differ", line)


KNOWN = {"a", "b"}
GOOD = '{"sample_id": "a", "answer": "x"}'
BAD = [
    ("{", "line 1 of .*: it is no JSON"),
    ("[]", "it is a list; expected"),
    ("null", "it is null; expected"),
    ("3", "it is a number; expected"),
    ('{"answer": "x"}', "it has no sample_id"),
    ('{"sample_id": "a"}', "it has no answer"),
    ('{"sample_id": 3, "answer": "x"}', "sample_id is a number, expected a string"),
    ('{"sample_id": "c", "answer": "x"}', "the release has no sample 'c'"),
    ('{"sample_id": "a", "answer": 3}', "answer is a number, expected a string, or null"),
    ('{"sample_id": "a", "answer": ["x"]}', "answer is a list"),
    ('{"sample_id": "a", "answer": "x", "answer_index": -1}', "answer_index is -1"),
    ('{"sample_id": "a", "answer": "x", "answer_index": true}', "answer_index is True"),
    ('{"sample_id": "a", "answer": "x", "answer_index": 1.0}', r"answer_index is 1\.0"),
    ('{"sample_id": "a", "answer": "x", "answer_index": null}', "answer_index is None"),
    ('{"sample_id": "a", "answer": "x", "answer_index": 99999999999999999999}', "answer_index is 9999"),
    (f"{GOOD}\n{GOOD}", "line 2 of .* answers the sample 'a' with the answer_index 0, as line 1 does"),
    (f'{GOOD}\n\n{GOOD[:-1]}, "answer_index": 0}}', "line 3 of .* as line 1 does"),
    (f"{GOOD} {GOOD}", "it is no JSON"),
    ("[" * 100_000, "it is no JSON"),
    ("1" * 10_000, "it is"),
    (f"{GOOD}\n\udcff".encode("utf-8", "surrogateescape"), "line 2 of .*: it is not UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_what_is_no_prediction(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        read_predictions(path, KNOWN)


@pytest.mark.parametrize(
    "content",
    [GOOD, f"\n{GOOD}\n\n", f"\ufeff{GOOD}\r\n", f'{GOOD[:-1]}, "answer_index": 0, "model": [1]}}'],
)
def test_what_is_a_prediction(tmp_path: Path, content: str) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text(content, newline="")
    assert read_predictions(path, KNOWN) == [Prediction("a", 0, "x")]


def test_mistakes_are_one_clear_line(folder: Path, tmp_path: Path) -> None:
    file = predictions(tmp_path / "bad.jsonl", [{"sample_id": "no", "answer": "x"}])
    good = predictions(tmp_path / "good.jsonl", [])
    out = tmp_path / "scores.jsonl"
    for arguments, message in (
        ((folder, file, "--out", out), f"line 1 of {file}: the release has no sample 'no'"),
        ((tmp_path, file, "--out", out), f"{tmp_path / 'manifest.json'} is not there"),
        ((folder, tmp_path / "absent", "--out", out), "absent: No such file or directory"),
        ((folder, good, "--out", tmp_path / "absent" / "scores.jsonl"), "No such file or directory"),
    ):
        result = repair("evaluate", *arguments)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert message in line
        assert not out.exists()


CORRECT = """\
class Solution:
    def add(self, items: List[int], more: int) -> int:
        total = sum(items)
        return total + more
"""


@pytest.fixture(scope="module")
def leetcode(contained: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    instance = BugInstance(
        "add", "undefined objects", CORRECT, CORRECT.replace("return total", "return totl")
    )
    built = leetcode_samples(PublishedBenchmark((instance,), {"add": ADD}), LANGUAGE_SERVERS.servers())
    folder = tmp_path_factory.mktemp("leetcode")
    release_of(folder, split_outcomes(built)[0].to_pylist(), "leetcode")
    return folder / "release"


def test_tests_run_in_the_sandbox(leetcode: Path, tmp_path: Path) -> None:
    (sample,) = load_release(leetcode).samples
    assert sample["licence"] == "Apache-2.0 AND MIT"
    wrong = sample["reference"].replace("total + more", "total - more")
    assert wrong != sample["reference"]
    rows = [
        {"sample_id": sample["sample_id"], "answer": answer, "answer_index": index}
        for index, answer in enumerate((sample["reference"], wrong, None))
    ]
    out = tmp_path / "scores.jsonl"
    result = repair("evaluate", leetcode, predictions(tmp_path / "p.jsonl", rows), "--out", out)
    assert result.exit_code == 0, result.stderr
    scores = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["repaired"], row["functional"], row["functional_strict"]) for row in scores] == [
        *((True, True, True), (True, False, False), (False, False, False))
    ]


def test_without_a_sandbox_no_test_is_run_and_that_is_said(leetcode: Path, tmp_path: Path) -> None:
    (sample,) = load_release(leetcode).samples
    rows = [{"sample_id": sample["sample_id"], "answer": sample["reference"]}]
    file, out = predictions(tmp_path / "p.jsonl", rows), tmp_path / "scores.jsonl"
    command = [sys.executable, "-c", "import repair.cli; repair.cli.main()", "evaluate", leetcode, file]
    nowhere = {**os.environ, "PATH": str(tmp_path)}
    result = subprocess.run(
        [*command, "--out", out], env=nowhere, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "no test is run, whether the answers work is unknown: bubblewrap is not installed" in result.stderr
    (row,) = map(json.loads, out.read_text().splitlines())
    assert (row["repaired"], row["functional"], row["functional_strict"]) == (True, None, None)
    assert "functional" not in result.stdout
