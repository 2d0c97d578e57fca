"""The command that scores everything: what it asks for, which models answer, what it prints."""

import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from code_location.benchmarks import latest_checkpoint, models_of, print_scores
from code_location.summary import SUMMARY_COLUMNS
from partitions.keys import Key
from repair.models.made_by import MADE_BY
from repair.store.reader import PartitionStore
from resources.benchmark_data import HINT
from tests.scored_store import DATE, LEAKED, made

ROOT = Path(__file__).parents[2]


def train(store: PartitionStore, date: str, kind: str, folder: Path) -> None:
    (folder / MADE_BY).write_text(json.dumps({"recipe": {"base": {"kind": kind}}}))
    with store.writer("checkpoint", {"date": date}) as writer:
        writer.write_tree(folder, "checkpoint")
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=0)


def test_the_latest_checkpoint_is_scored_and_its_base_if_it_has_one(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path / "store"))
    with pytest.raises(SystemExit, match="has no checkpoint to score: `make demo` trains one"):
        latest_checkpoint(store)
    weights = tmp_path / "weights"
    weights.mkdir()
    train(store, "2026-01-06", "Pretrained", weights)
    train(store, "2026-01-05", "FromScratch", weights)
    assert latest_checkpoint(store) == Key("2026-01-06")
    assert models_of(store, Key("2026-01-06")) == ["model", "base", "history", "empty", "rules"]
    assert models_of(store, Key("2026-01-05")) == ["model", "history", "empty", "rules"]


def test_the_table_has_every_metric_and_counts_what_changes_nothing_apart(tmp_path: Path) -> None:
    store = made(tmp_path)
    printed = io.StringIO()
    print_scores(Console(file=printed, width=SUMMARY_COLUMNS), store, Key(DATE["date"]))
    lines = printed.getvalue().splitlines()
    [heads, *_] = [line for line in lines if "benchmark" in line]
    assert heads.split() == [
        *("benchmark", "system", "n", "functional", "strict", "AST", "AST", "or", "string", "repaired"),
        *("no", "change", "abstained"),
    ]
    rows = [(line.split(), below.split()) for line, below in itertools.pairwise(lines)]
    found = {tuple(cells[:3]): (cells[3:], below) for cells, below in rows if cells[1:2] == ["model"]}
    # of the six outcomes in turn the first is `repaired`, the second `no_change`
    shares, intervals = found["workspace", "model", "24"]
    assert shares == ["-", "-", "16.7", "16.7", "16.7", "16.7", "0.0"]
    assert intervals[-2:] == ["6.7-35.9", "0.0-13.8"]
    assert found["leetcode", "model", "12"][0] == ["16.7", "-", "16.7", "16.7", "16.7", "16.7", "0.0"]
    assert ("workspace", "model", str(24 - LEAKED)) in found  # the second table
    assert f"{LEAKED} of 36 samples are in the training mixture" in printed.getvalue()


def run(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("REPAIR_")}
    places = {"REPAIR_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "code_location.benchmarks"],
        env={**known, **places, **settings},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )


def test_without_benchmark_data_it_says_what_to_set(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"there is no benchmark data: {HINT}")
