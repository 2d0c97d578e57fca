"""The table of the model that ships: a seeded selection of samples, beside the stored answers."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from code_location import shipped_scores
from code_location.shipped_scores import chosen_samples, print_shipped_scores, score_rows
from partitions.keys import Key
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.evaluation.predictions import predict
from repair.models.baselines import EMPTY, HISTORY, Baseline
from repair.store.reader import PartitionStore
from tests.graph import DAY, LANGUAGE_SERVERS
from tests.repair.evaluation.test_predictions import sample


def stored(store: PartitionStore, asset: str, key: Key, batches: list[Any]) -> None:
    with store.writer(asset, key.segments()) as writer:
        for batch in batches:
            writer.write("data", batch)
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=sum(map(len, batches)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PartitionStore:
    """Samples of two types, and the answers of a checkpoint and another system to them."""
    store = PartitionStore(str(tmp_path_factory.mktemp("store")))
    rows = [sample(number) for number in range(4)]
    for name, own in (("F821", rows[:3]), ("syntax", rows[3:])):
        table = pa.Table.from_pylist(own, BENCHMARK_SAMPLES)
        stored(store, "workspace_benchmark", Key(None, name), [table])
    systems = [Baseline("model", EMPTY.text), Baseline("empty", EMPTY.text)]
    stored(store, "predictions", Key(DAY), [batch for system in systems for batch in predict(rows, system)])
    return store


def test_the_samples_are_a_seeded_selection(store: PartitionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [row["sample_id"] for row in chosen_samples(store)]
    assert sorted(everything) == ["0", "1", "2", "3"]
    monkeypatch.setattr(shipped_scores, "SAMPLES", 2)
    assert [row["sample_id"] for row in chosen_samples(store)] == everything[:2]


def test_stored_answers_stand_beside_those_of_the_models(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_scores, "SAMPLES", 2)
    rows = score_rows(store, Key(DAY), [lambda: HISTORY], LANGUAGE_SERVERS.servers())
    found = [(row["system"], row["outcome"]) for row in rows]
    assert found == [("history", "repaired")] * 2 + [("this checkpoint", "no_change")] * 2


def test_without_a_model_or_its_base_the_table_says_what_is_missing(
    store: PartitionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(shipped_scores, "shipped_folder", lambda: tmp_path)
    console = Console(file=printed, width=200)
    print_shipped_scores(console, store, Key(DAY), LANGUAGE_SERVERS.servers())
    assert f"No model is shipped in {tmp_path}" in printed.getvalue()
