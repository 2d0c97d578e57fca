"""The decoding process: started by Dagster through Pipes, or by hand.

    python -m code_location.decode_main --checkpoint CHECKPOINT --prompts PROMPTS.parquet --answers LOG.jsonl

Under Pipes it reads the extras `checkpoint`, `prompts`, `answers`, and those of `revision`, `k` (answers to
each prompt), `batch_size` and `sampling` that are there. A prompts file has the column `prompt`. The answers
are appended to a log on this machine (`repair.models.answer_log`); what is in it already is not decoded
again, so that a process that was killed is started again with equal arguments. A process that ends with 0
has logged all of them. Several processes at one log take turns.

Tested by `tests/repair/models/test_decoding.py`.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
from dagster_pipes import PipesEnvVarParamsLoader, open_dagster_pipes

from repair.errors import StoreError
from repair.extras import extra
from repair.models.answer_log import AnswerLog, prompt_sha256
from repair.models.decoding import BATCH, Decoder
from repair.models.model import Sampling

SECONDS_BETWEEN_LOGS = 5.0

Log = Callable[[str], None]


def run(extras: Mapping[str, Any], log: Log) -> None:
    """Decode what the log of answers lacks, and report the progress."""
    prompts = list(dict.fromkeys(_prompts(extras["prompts"])))
    sampling = Sampling(**extras.get("sampling") or {})
    k: int = extras.get("k") or 1
    with AnswerLog(Path(extras["answers"])) as answers:
        keys = {
            (prompt_sha256(prompt), number): (index, number)
            for index, prompt in enumerate(prompts)
            for number in range(k)
        }
        known = {keys[key] for key in answers.answers if key in keys}
        if len(known) < len(keys):
            _decode(extras, prompts, sampling, k, known, answers, log)
        ends = Counter(answers.answers[key].finish_reason.value for key in keys)
    said = ", ".join(f"{count} {reason}" for reason, count in ends.items())
    log(f"{len(keys)} answers to {len(prompts)} prompts, {len(known)} of them from before: {said or 'none'}")


def _decode(
    extras: Mapping[str, Any],
    prompts: Sequence[str],
    sampling: Sampling,
    k: int,
    known: set[tuple[int, int]],
    answers: AnswerLog,
    log: Log,
) -> None:
    with extra("train"):
        from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    decoder = Decoder(extras["checkpoint"], revision=extras.get("revision"))
    batch_size = extras.get("batch_size") or BATCH
    total, done, tokens = len(prompts) * k, len(known), 0
    started = said = time.monotonic()
    batches = decoder.decode(prompts, sampling, k=k, batch_size=batch_size, known=frozenset(known))
    for batch in batches:
        rows = [((prompt_sha256(prompts[index]), number), completion) for index, number, completion in batch]
        answers.append(rows)
        done += len(rows)
        tokens += sum(completion.output_tokens or 0 for _, completion in rows)
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LOGS or done == total:
            said = now
            log(f"{done} of {total} answers decoded, {tokens / max(now - started, 1e-9):.0f} tokens/s")


def _prompts(uri: str) -> list[str]:
    with fsspec.open(uri, "rb") as file:
        parquet = pq.ParquetFile(file)
        if "prompt" not in parquet.schema_arrow.names:
            raise StoreError(f"{uri} has no column prompt: it is no file of prompts")
        return parquet.read(columns=["prompt"])["prompt"].to_pylist()


def main(arguments: Sequence[str] | None = None) -> None:
    """The process's entry: Pipes' extras if Dagster started it, else the command line."""
    if os.environ.get("RANK", "0") != "0":
        return  # a launcher of several processes: one of them decodes, on one GPU
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if PipesEnvVarParamsLoader().is_dagster_pipes_process():
        with open_dagster_pipes() as context:
            run(context.extras, context.log.info)
        return
    parser = argparse.ArgumentParser(prog="decode", description="Answers prompts with a checkpoint.")
    parser.add_argument("--checkpoint", required=True, help="folder or URI of the model, or a published name")
    parser.add_argument("--revision", help="of a published model")
    parser.add_argument("--prompts", required=True, help="Parquet file with the column prompt")
    parser.add_argument("--answers", required=True, help="log that the answers are appended to")
    parser.add_argument("-k", type=int, default=1, help="answers to each prompt")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--sampling", default="{}", type=json.loads, help='JSON: {"temperature": 0}')

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201

    run(vars(parser.parse_args(arguments)), say)


if __name__ == "__main__":
    main()
