"""Tokenised data set: label mask, samples that are too long, and validation of a mixture."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.dataset.mixture import MIXTURE
from repair.models.tokenizer import BEGIN, END, encode_prompts, train_tokenizer
from repair.prompt.sentinels import Example, render_prompt
from repair.schema.stages import FILES
from repair.store.reader import PartitionStore
from repair.training.dataset import IGNORED, MixtureError, Record, read_mixture, tokenise

Write = Callable[[list[dict[str, str]]], str]

ROWS = [
    {
        "example_id": f"{number}",
        "prompt": f"<code>\n#main.py\n1 x = {number}\n</code>\n<diff>\n",
        "response": f"-1 x = {number}\n+1 y = {number}\n</diff>",
        "split": "validation" if number == 3 else "train",
    }
    for number in range(5)
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer([row["prompt"] + row["response"] for row in ROWS], 400, context=64)


def test_only_the_response_and_its_end_are_learned(tokenizer: Any) -> None:
    record = Record("a", ROWS[0]["prompt"], ROWS[0]["response"])
    [sample], too_long = tokenise(tokenizer, [record], 1000)
    assert too_long == []
    learned = [token for token in sample.labels if token != IGNORED]
    assert tokenizer.decode(learned) == record.response + END
    assert len(sample.labels) == len(sample.tokens)
    assert sample.tokens[0] == tokenizer.bos_token_id
    assert tokenizer.decode(sample.tokens) == BEGIN + record.prompt + record.response + END
    assert sample.tokens[: sample.prompt_length] == tuple(encode_prompts(tokenizer, [record.prompt])[0])


def test_a_sample_longer_than_a_row_is_left_out_by_name_and_one_that_fills_it_is_not(tokenizer: Any) -> None:
    records = [Record(str(n), "1 x\n" * (n + 1), "+1 y\n</diff>") for n in range(6)]
    samples, _ = tokenise(tokenizer, records, 1000)
    limit = len(samples[3].tokens)
    kept, too_long = tokenise(tokenizer, records, limit)
    assert [len(sample.tokens) for sample in kept] == [len(sample.tokens) for sample in samples[:4]]
    assert too_long == ["4", "5"]


def test_a_mixture_is_read_in_the_order_of_its_ids_however_it_is_cut_into_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two" / "nested"
    one.mkdir()
    two.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), one / "data-1.parquet")
    pq.write_table(pa.Table.from_pylist([{"reason": "x"}]), one / "rejects-1.parquet")  # not of the mixture
    pq.write_table(pa.Table.from_pylist(ROWS[3:]), two / "a.parquet")
    pq.write_table(pa.Table.from_pylist(ROWS[:3][::-1]), two / "b.parquet")
    first, second = read_mixture(str(one)), read_mixture(str(tmp_path / "two"))
    assert first == second
    assert [record.example_id for record in first.train] == ["0", "1", "2", "4"]
    assert [record.example_id for record in first.validation] == ["3"]
    assert read_mixture(str(one / "data-1.parquet")) == first


def test_a_mixture_is_read_from_any_store() -> None:
    store = fsspec.filesystem("memory")
    with store.open("/mixture/data.parquet", "wb") as file:
        pq.write_table(pa.Table.from_pylist(ROWS), file)
    assert len(read_mixture("memory://mixture").train) == 4


def test_the_fingerprint_is_of_the_content(write_mixture: Write) -> None:
    before = read_mixture(write_mixture(ROWS)).fingerprint
    assert read_mixture(write_mixture(ROWS[::-1])).fingerprint == before
    changed = [{**ROWS[0], "response": "+1 z\n</diff>"}, *ROWS[1:]]
    assert read_mixture(write_mixture(changed)).fingerprint != before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"example_id": "a", "prompt": "p", "response": "r"}], "no column split"),
        ([{**ROWS[0], "split": "test"}], "split is 'test'"),  # test rows are never trained on
        ([{**ROWS[0], "response": ""}], "example '0': expected text"),  # nothing to learn
        ([{**ROWS[0], "prompt": None}], "example '0': expected text"),
        ([ROWS[0], ROWS[0]], "occurs twice"),
        ([ROWS[3]], "no row of the split 'train'"),  # validation alone
    ],
)
def test_a_mixture_that_can_not_be_trained_on_is_refused(
    write_mixture: Write, rows: list[dict[str, str]], message: str
) -> None:
    with pytest.raises(MixtureError, match=message) as caught:
        read_mixture(write_mixture(rows))
    assert caught.value.reason == "bad_mixture"


def test_an_absent_mixture_is_named(tmp_path: Path) -> None:
    with pytest.raises(MixtureError, match="no Parquet file"):
        read_mixture(str(tmp_path / "nowhere"))


def test_a_stored_mixture_is_rendered_from_the_texts_of_its_dates(
    tmp_path: Path, write_mixture: Write
) -> None:
    """As if its prompts had been stored: the fingerprint, and so the training, is the same."""
    store = PartitionStore(str(tmp_path / "store"))
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(ROWS):
        text, date = f"x = {number}\ny\n", f"2026-01-0{number % 2 + 5}"
        rows.append(
            {
                **{name: row[name] for name in ("example_id", "response", "split")},
                "path": "main.py",
                "message": f"message {number}",
                "error_line": 1,
                "date": date,
                "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
            }
        )
        with store.writer("error_states", {"date": date, "diagnostic_type": f"type{number}"}) as writer:
            files = [{"files": [{"path": "main.py", "text": text}]}]
            writer.write("data", pa.RecordBatch.from_pylist(files, pa.schema([("files", FILES)])))
            writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=1)
    partition = {"date": "2026-01-06"}
    with store.writer("training_mixture", partition) as writer:
        writer.write("data", pa.RecordBatch.from_pylist(rows, MIXTURE))
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=len(rows))
    by_hand = [
        {
            **row,
            "prompt": render_prompt(Example("main.py", f"x = {number}\ny\n", f"message {number}", 1)),
        }
        for number, row in enumerate(ROWS)
    ]
    stored = read_mixture(store.uri("training_mixture", partition))
    assert stored == read_mixture(write_mixture(by_hand))
    assert stored.train[1].prompt.startswith(
        "<code>\n#main.py\n1 x = 1\n2 y\n3\n</code>\n<lsp_error>\nmessage 1\n"
    )


def test_a_stored_mixture_without_rows_is_refused(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    with store.writer("training_mixture", {"date": "2026-01-06"}) as writer:
        writer.declare(MIXTURE)
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=0)
    with pytest.raises(MixtureError, match="no row of the split 'train' among 0 rows"):
        read_mixture(store.uri("training_mixture", {"date": "2026-01-06"}))
