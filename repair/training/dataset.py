"""Tokenised data set: reads a training mixture, and masks the labels of the prompts.

A mixture is a stored partition of `training_mixture`, whose rows name texts and whose prompts are rendered
here; or a folder of Parquet files (or one file) with the columns `example_id`, `prompt`, `response` and
`split` (`train` or `validation`), and perhaps `code`, the diagnostic's. The prompt ends with the line that
opens the diff, the response is the diff and the line that closes it. Only the response's tokens, and the
end-of-text token after them, are learned.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

import pyarrow as pa

from repair.diagnostics.codes import type_of_code
from repair.errors import InputError
from repair.messages import shown
from repair.models.tokenizer import encode_prompts, encode_responses
from repair.prompt.sentinels import Example, render_prompt
from repair.store.reader import PartitionStore, stored_partition
from repair.store.text_table import TextTable

COLUMNS = ("example_id", "prompt", "response", "split")
CODE = "code"
TRAIN, VALIDATION = "train", "validation"
UNKNOWN = "unknown"
IGNORED = -100  # the label of a token that is not learned
_OF_PROMPTS = ("date", "text_sha256", "path", "message", "error_line")
"""Columns of a stored mixture that prompts are rendered from."""
_AT_A_TIME = 1024


class MixtureError(InputError):
    """A mixture is absent, empty or has rows that can't be used for training."""

    reason: ClassVar[str] = "bad_mixture"


@dataclass(frozen=True, slots=True)
class Record:
    """One training sample as text."""

    example_id: str
    prompt: str
    response: str
    diagnostic_type: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Mixture:
    """The records of both splits, and a SHA-256 of their content."""

    train: list[Record]
    validation: list[Record]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample as tokens; the first `prompt_length` of them are not learned."""

    tokens: tuple[int, ...]
    prompt_length: int
    diagnostic_type: str = UNKNOWN

    @property
    def labels(self) -> list[int]:
        """One label per token: the token itself where it is learned, `IGNORED` where it is not."""
        return [IGNORED] * self.prompt_length + list(self.tokens[self.prompt_length :])


def read_mixture(uri: str) -> Mixture:
    """Read the mixture at `uri`: a partition of a store, a folder of Parquet files or one file.

    Files whose names begin with `rejects`, `_` or `.` are skipped. The records are in the order of their
    ids, so that neither the number of files nor their names change the training. Raises MixtureError,
    which names the file or the row.
    """
    rows: list[dict[str, Any]] = []
    for path, table in _tables(uri):
        absent = [column for column in COLUMNS if column not in table.column_names]
        if absent:
            raise MixtureError(f"{path} has no column {', '.join(absent)}; expected {', '.join(COLUMNS)}")
        rows += table.select([*COLUMNS, *({CODE} & set(table.column_names))]).to_pylist()
    rows.sort(key=lambda row: str(row["example_id"]))
    digest = hashlib.sha256()
    splits: dict[str, list[Record]] = {TRAIN: [], VALIDATION: []}
    previous = None
    for row in rows:
        name = row["example_id"]
        if any(not isinstance(row[column], str) or not row[column] for column in COLUMNS):
            raise MixtureError(f"{uri}, example {shown(name)}: expected text in {', '.join(COLUMNS)}")
        if row["split"] not in splits:
            raise MixtureError(
                f"{uri}, example {shown(name)}: split is {row['split']!r}; expected {list(splits)}"
            )
        if name == previous:
            raise MixtureError(f"{uri}, example {shown(name)} occurs twice: make the mixture again")
        previous = name
        for column in COLUMNS:
            value = row[column].encode("utf-8", "surrogatepass")
            digest.update(len(value).to_bytes(8, "big") + value)
        kind = type_of_code(row[CODE]) if row.get(CODE) else UNKNOWN
        splits[row["split"]].append(Record(name, row["prompt"], row["response"], kind))
    if not splits[TRAIN]:
        raise MixtureError(f"{uri} has no row of the split {TRAIN!r} among {len(rows)} rows")
    return Mixture(splits[TRAIN], splits[VALIDATION], digest.hexdigest())


def _tables(uri: str) -> list[tuple[str, Any]]:
    import fsspec
    import pyarrow.parquet as pq

    if (stored := stored_partition(uri)) is not None:
        store, manifest = stored
        return [(uri, rendered(store, manifest.asset, manifest.partition))]
    fs, root = fsspec.url_to_fs(uri)
    if fs.isfile(root):
        paths: list[str] = [root]
    else:
        names = [str(path) for path in fs.find(root)] if fs.exists(root) else []
        paths = sorted(
            path
            for path in names
            if path.endswith(".parquet") and not PurePosixPath(path).name.startswith(("rejects", "_", "."))
        )
    if not paths:
        raise MixtureError(f"no Parquet file of a training mixture at {uri}: make the mixture first")
    tables: list[tuple[str, Any]] = []
    for path in paths:
        with fs.open(path, "rb") as file:
            tables.append((path, pq.read_table(file)))
    return tables


def rendered(
    store: PartitionStore,
    asset: str,
    partition: Mapping[str, str],
    render: Callable[[Example], str] = render_prompt,
) -> pa.Table:
    """`COLUMNS` of a stored `training_mixture`, prompts rendered from the texts that its rows name."""
    columns: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, CODE)}
    tables: dict[str, TextTable] = {}
    stored = [*_OF_PROMPTS, *(name for name in columns if name != "prompt")]
    for batch in store.read(asset, partition, columns=stored, batch_rows=_AT_A_TIME):
        rows = batch.to_pylist()
        texts: dict[str, str] = {}
        for date in {row["date"] for row in rows}:
            hashes = sorted({row["text_sha256"] for row in rows if row["date"] == date})
            table = tables.setdefault(date, store.texts({"date": date}))
            texts.update(zip(hashes, table.get(pa.array(hashes, pa.string())).to_pylist(), strict=True))
        for row in rows:
            example = Example(row["path"], texts[row["text_sha256"]], row["message"], row["error_line"])
            for name, values in columns.items():
                values.append(render(example) if name == "prompt" else row[name])
    return pa.table(columns)


def tokenise(tokenizer: Any, records: Sequence[Record], max_seq_len: int) -> tuple[list[Sample], list[str]]:
    """Tokenise `records`; also returns the ids of those that are longer than `max_seq_len` tokens.

    Those are left out: a truncated sample would teach an answer without an end.
    """
    samples: list[Sample] = []
    too_long: list[str] = []
    for start in range(0, len(records), _AT_A_TIME):
        chunk = records[start : start + _AT_A_TIME]
        prompts = encode_prompts(tokenizer, [record.prompt for record in chunk])
        responses = encode_responses(tokenizer, [record.response for record in chunk])
        for record, prompt, response in zip(chunk, prompts, responses, strict=True):
            if len(prompt) + len(response) > max_seq_len:
                too_long.append(record.example_id)
            else:
                samples.append(Sample((*prompt, *response), len(prompt), record.diagnostic_type))
    return samples, too_long
