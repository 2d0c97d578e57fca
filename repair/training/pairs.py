"""Tokenised preference pairs: two answers to one prompt, side by side.

Read from the partitions of `preference_pairs` in a store, or from a Parquet file with the columns `pair_id`,
`split`, `asked`, `chosen` and `rejected`. Pairs of the split `train` are trained on, those of `validation`
are held out; those of `test` are not used.

Tested by `tests/repair/training/test_preference.py`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from repair.messages import shown
from repair.store.reader import PartitionStore
from repair.training.dataset import TRAIN, VALIDATION, MixtureError, Record, Sample, tokenise

PAIRS = "preference_pairs"
COLUMNS = ("pair_id", "split", "asked", "chosen", "rejected")
_ANSWERS = ("chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to a prompt, as text."""

    pair_id: str
    asked: str
    chosen: str
    rejected: str

    def records(self) -> list[Record]:
        """Both answers, the chosen one first."""
        return [Record(self.pair_id, self.asked, getattr(self, name), name) for name in _ANSWERS]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of both splits in the order of their ids, each once, and a SHA-256 of their content."""

    train: list[Pair]
    held_out: list[Pair]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PairSamples:
    """Pairs as tokens: sample 2 n is the chosen answer of pair n, 2 n + 1 its rejected one."""

    samples: Sequence[Sample]
    train: Sequence[int]
    """Numbers of pairs."""
    held_out: Sequence[int]
    too_long: Sequence[str]
    """Ids of pairs that are left out: one of their answers does not fit a row."""

    @property
    def answers(self) -> Mapping[str, int]:
        """The name of each sample -> its number."""
        return {sample.diagnostic_type: number for number, sample in enumerate(self.samples)}


def read_pairs(uri: str) -> Pairs:
    """Read the pairs of a store, or of a Parquet file. Raises MixtureError."""
    found: dict[str, tuple[str, Pair]] = {}
    for row in _rows(uri):
        if any(not isinstance(row[name], str) or not row[name] for name in COLUMNS):
            raise MixtureError(f"{uri}, pair {shown(row['pair_id'])}: expected text in {', '.join(COLUMNS)}")
        pair = Pair(*(row[name] for name in COLUMNS if name != "split"))
        found[pair.pair_id] = row["split"], pair  # the same pair may come of several showings
    digest = hashlib.sha256()
    splits: dict[str, list[Pair]] = {TRAIN: [], VALIDATION: []}
    for _, (split, pair) in sorted(found.items()):
        if split in splits:
            splits[split].append(pair)
            for value in (split, pair.pair_id, pair.asked, pair.chosen, pair.rejected):
                data = value.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "big") + data)
    if not splits[TRAIN]:
        raise MixtureError(f"{uri} has no pair of the split {TRAIN!r} among {len(found)} pairs")
    return Pairs(splits[TRAIN], splits[VALIDATION], digest.hexdigest())


def _rows(uri: str) -> Iterator[dict[str, Any]]:
    if uri.endswith(".parquet"):
        table = pq.read_table(uri)
        if absent := [name for name in COLUMNS if name not in table.column_names]:
            raise MixtureError(f"{uri} has no column {', '.join(absent)}; expected {', '.join(COLUMNS)}")
        yield from table.select(list(COLUMNS)).to_pylist()
        return
    store = PartitionStore(uri)
    for partition in store.partitions(PAIRS):
        for batch in store.read(PAIRS, partition, columns=list(COLUMNS)):
            yield from batch.to_pylist()


def tokenise_pairs(tokenizer: Any, pairs: Pairs, max_seq_len: int) -> PairSamples:
    """Pairs whose answers both fit a row of `max_seq_len` tokens beside each other."""
    samples: list[Sample] = []
    numbers: dict[str, list[int]] = {TRAIN: [], VALIDATION: []}
    too_long: list[str] = []
    for split, own in ((TRAIN, pairs.train), (VALIDATION, pairs.held_out)):
        records = [record for pair in own for record in pair.records()]
        tokens, _ = tokenise(tokenizer, records, max_seq_len=1 << 62)
        for pair, chosen, rejected in zip(own, tokens[::2], tokens[1::2], strict=True):
            if len(chosen.tokens) + len(rejected.tokens) > max_seq_len:
                too_long.append(pair.pair_id)
                continue
            numbers[split].append(len(samples) // 2)
            for sample, name in zip((chosen, rejected), _ANSWERS, strict=True):
                samples.append(Sample(sample.tokens, sample.prompt_length, f"{pair.pair_id}/{name}"))
    return PairSamples(samples, numbers[TRAIN], numbers[VALIDATION], too_long)
