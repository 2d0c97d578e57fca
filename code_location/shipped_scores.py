"""Scores of the model that ships on a few samples of the demo's benchmark, beside the other systems.

Tested by `tests/code_location/test_shipped_scores.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from code_location.summary import score_table
from partitions.keys import Key
from repair.errors import ConfigurationError
from repair.evaluation.predictions import predict
from repair.evaluation.scoring import scores
from repair.evaluation.summary import system_scores
from repair.fixing.chosen_model import SEARCHED
from repair.language_servers.scheduler import Servers
from repair.models.checkpoint import BASE_INSTRUCTIONS, CheckpointModel, base_of
from repair.models.made_by import read_made_by
from repair.models.model import Model
from repair.models.shipped import NAME, is_shipped, shipped_folder
from repair.store.reader import PartitionStore
from repair.text.stable_hash import rank

SAMPLES, SEED = 30, 17
BESIDE = {"model": "this checkpoint", "rules": "rules"}
"""Systems of the stored predictions -> their names in the table."""


def chosen_samples(store: PartitionStore) -> list[dict[str, Any]]:
    """A seeded selection of the samples of `workspace_benchmark`."""
    rows = [
        row
        for partition in store.partitions("workspace_benchmark")
        for row in store.table("workspace_benchmark", partition).to_pylist()
    ]
    return sorted(rows, key=lambda row: rank(SEED, row["sample_id"]))[:SAMPLES]


def shipped_models() -> list[Callable[[], Model]]:
    """The model that ships and its base, each loaded when it is called."""
    folder, sampling = str(shipped_folder()), SEARCHED
    base, _ = base_of(read_made_by(shipped_folder()), NAME)

    def plain() -> Model:
        loaded = CheckpointModel.load(base, name=f"base of {NAME}", sampling=sampling)
        return replace(loaded, instructions=BASE_INSTRUCTIONS)

    return [lambda: CheckpointModel.load(folder, name=NAME, sampling=sampling), plain]


def score_rows(
    store: PartitionStore, key: Key, models: Sequence[Callable[[], Model]], servers: Servers
) -> list[Mapping[str, Any]]:
    """Rows of `SCORES` for the chosen samples: of `models`, and of the date's stored answers."""
    samples = chosen_samples(store)
    wanted = {row["sample_id"] for row in samples}
    answers = [
        row for open_model in models for batch in predict(samples, open_model()) for row in batch.to_pylist()
    ]
    for batch in store.read("predictions", key.segments()):
        answers += [
            {**row, "system": BESIDE[row["system"]]}
            for row in batch.to_pylist()
            if row["system"] in BESIDE and row["sample_id"] in wanted and not row["answer_index"]
        ]
    return [row for batch in scores(samples, answers, servers) for row in batch.to_pylist()]


def print_shipped_scores(console: Console, store: PartitionStore, key: Key, servers: Servers) -> None:
    """Print the table; or what is missing, where there is no such model or no base."""
    if not is_shipped(shipped_folder()):
        console.print(f"No model is shipped in {shipped_folder()}: `make model` trains one.", soft_wrap=True)
        return
    try:
        rows = score_rows(store, key, shipped_models(), servers)
    except ConfigurationError as error:
        console.print(f"{NAME} is not scored: {error}", soft_wrap=True, markup=False)
        return
    console.print(score_table(system_scores(rows), f"{min(SAMPLES, len(chosen_samples(store)))} samples"))
