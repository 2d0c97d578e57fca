"""The decoding process: started by Dagster through Pipes, or by hand.

    python -m code_location.decode_main --checkpoint CHECKPOINT --pair PROMPTS.parquet PREDICTIONS.parquet

Under Pipes it reads the extras `checkpoint`, `inputs` (a list of [prompts, predictions]) and those of
`max_new_tokens`, `temperature`, `top_p`, `top_k`, `seed` and `batch_size` that are there. The model is
loaded once for all of them. A prompts file has the columns `sample_id` and `prompt`; a predictions file has
`sample_id`, `completion`, `tokens` and `outcome` (`ended`, `closed`, `cut`, `too_long`), one row a prompt
in the same order, and appears whole or not at all. For each a custom message
(`{"kind": "predictions", "path": ..., "samples": ..., OUTCOME: ...}`) is sent.

Tested by `tests/repair/models/test_decoding.py`.
"""

import argparse
import io
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from dagster_pipes import PipesEnvVarParamsLoader, open_dagster_pipes

from repair.errors import StoreError
from repair.extras import extra
from repair.models.decoding import Decoder
from repair.store.atomic import write_whole

SECONDS_BETWEEN_LOGS = 5.0
SETTINGS = ("max_new_tokens", "temperature", "top_p", "top_k", "seed", "batch_size")

PREDICTIONS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("completion", pa.string()),
        ("tokens", pa.int64()),
        ("outcome", pa.string()),
    ]
)

Log = Callable[[str], None]
Message = Callable[[dict[str, Any]], None]


def run(
    checkpoint: str,
    pairs: Sequence[Sequence[str]],
    settings: Mapping[str, Any],
    *,
    log: Log,
    message: Message,
) -> None:
    """Decode the prompts of each pair into its predictions."""
    with extra("train"):
        from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    decoder = Decoder(checkpoint)
    for prompts, predictions in pairs:
        outcomes = decode_file(decoder, prompts, predictions, settings, log)
        message({"kind": "predictions", "path": predictions, "samples": sum(outcomes.values()), **outcomes})


def decode_file(
    decoder: Decoder, prompts: str, predictions: str, settings: Mapping[str, Any], log: Log
) -> dict[str, int]:
    """Write the predictions of one file of prompts; how many ended in which way."""
    with fsspec.open(prompts, "rb") as file:
        table = pq.read_table(file)
    absent = {"sample_id", "prompt"} - set(table.column_names)
    if absent:
        raise StoreError(f"{prompts} has no column {', '.join(sorted(absent))}: it is no file of prompts")
    said = float("-inf")

    def progress(done: int, total: int) -> None:
        nonlocal said
        if done == total or time.monotonic() - said >= SECONDS_BETWEEN_LOGS:
            said = time.monotonic()
            log(f"{predictions}: {done} of {total} prompts answered")

    completions = decoder.decode(table["prompt"].to_pylist(), progress=progress, **settings)
    columns = [
        table["sample_id"].cast(pa.string()),
        [completion.text for completion in completions],
        [completion.tokens for completion in completions],
        [str(completion.finish_reason) for completion in completions],
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=PREDICTIONS), sink)
    filesystem, path = fsspec.url_to_fs(predictions)
    write_whole(filesystem, path, sink.getvalue())
    return dict(Counter(str(completion.finish_reason) for completion in completions))


def main(arguments: Sequence[str] | None = None) -> None:
    """The process's entry: Pipes' extras if Dagster started it, else the command line."""
    if os.environ.get("RANK", "0") != "0":
        return  # a launcher of several processes: one of them decodes, on one GPU
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve a shared machine
    if PipesEnvVarParamsLoader().is_dagster_pipes_process():
        with open_dagster_pipes() as context:
            extras = context.extras
            run(
                extras["checkpoint"],
                extras["inputs"],
                {name: extras[name] for name in SETTINGS if name in extras},
                log=context.log.info,
                message=context.report_custom_message,
            )
        return
    parser = argparse.ArgumentParser(prog="decode", description="Answers prompts with a checkpoint.")
    parser.add_argument("--checkpoint", required=True, help="folder or URI of the model")
    parser.add_argument("--pair", action="append", nargs=2, required=True, metavar=("PROMPTS", "PREDICTIONS"))
    parser.add_argument("--settings", default="{}", type=json.loads, help='JSON: {"max_new_tokens": 128}')
    options = parser.parse_args(arguments)

    def say(what: object) -> None:
        print(what, flush=True)  # noqa: T201

    run(options.checkpoint, options.pair, options.settings, log=say, message=say)


if __name__ == "__main__":
    main()
