"""`repair annotate --summary`: progress, agreement, precision; and what the command refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.evaluation.annotation.decisions import DecisionLog
from repair.evaluation.annotation.samples import audit_sample, benchmark_samples
from tests.annotated import sample_row, write_samples
from tests.repair.evaluation.annotation.test_decisions import decision
from tests.repair.evaluation.annotation.test_samples import verified_file


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["annotate", *arguments])
    return done.exit_code, done.output


def test_the_summary_of_a_benchmark(tmp_path: Path) -> None:
    samples = str(write_samples(tmp_path / "s.jsonl", [sample_row("one"), sample_row("two")]))
    log_path = tmp_path / "log.jsonl"
    with DecisionLog(log_path) as log:
        for sample in benchmark_samples(samples):
            about = {"sample_id": sample.sample_id, "sample_sha256": sample.sha256}
            log.append(decision("accept", "ann", **about))
            log.append(decision("accept" if sample.sample_id == "one" else "reject", "bob", **about))
    code, output = invoke("--samples", samples, "--export", str(log_path), "--summary")
    assert (code, output.splitlines()) == (
        0,
        [
            "ann: 2 of 2 decided (2 accept)",
            "bob: 2 of 2 decided (1 accept, 1 reject)",
            "ann and bob: 1 of 2 (50.0%), Cohen's kappa 0.000",
            "  two: accept, reject",
        ],
    )


def test_the_summary_of_an_audit(tmp_path: Path) -> None:
    rows, log_path = str(verified_file(tmp_path / "rows.parquet", {"F821": 20})), tmp_path / "log.jsonl"
    with DecisionLog(log_path) as log:
        for number, sample in enumerate(audit_sample(rows, 10, 3)):
            about = {"sample_id": sample.sample_id, "sample_sha256": sample.sha256}
            log.append(decision("wrong" if number == 0 else "right", "ann", **about))
    options = ("--samples", rows, "--export", str(log_path), "--audit", "10", "--seed", "3", "--summary")
    code, output = invoke(*options)
    assert code == 0
    last = "precision of all types: 90.0% (9 of 10; 59.6% to 98.2%); 0 unsure, 0 disagreed, 0 open"
    assert output.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--samples", "absent", "--export", "log.jsonl"], "has no sample of workspace_benchmark"),
        (["--samples", "s.jsonl", "--export", "notes.txt"], "notes.txt, line 1"),
        (["--samples", "s.jsonl", "--export", "absent.jsonl", "--summary"], "absent.jsonl: No such file"),
        (["--samples", "s.jsonl", "--export", "absent/log.jsonl"], "absent/log.jsonl: No such file"),
        (["--samples", "s.jsonl", "--export", "log.jsonl", "--annotator", "\x00"], "annotator's name"),
        (["--samples", "s.jsonl", "--export", "log.jsonl", "--audit", "0"], "not in the range"),
    ],
)
def test_what_is_wrong_is_named(
    options: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_samples(tmp_path / "s.jsonl", [sample_row("one")])
    (tmp_path / "notes.txt").write_text("my notes")
    code, output = invoke(*options)
    assert code in (1, 2)
    assert part in output
    assert (tmp_path / "notes.txt").read_text() == "my notes"
