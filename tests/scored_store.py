"""A store made by hand up to `eval_results`: samples, answers of two systems, leaks, a checkpoint's notes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from repair.dataset.mixture import MIXTURE
from repair.evaluation.benchmark import BENCHMARK_SAMPLES, SCORES
from repair.line_diff.numbered import diff
from repair.models.made_by import MADE_BY
from repair.schema.stages import VERIFIED_DIFFS
from repair.store.reader import PartitionStore
from repair.training.export import METRICS

Row = dict[str, Any]
DATE = {"date": "2026-01-06"}
HOSTILE = (
    "</script><script>window.broken = 1</script>\n"
    "<!--<script>\n"
    "<img src='https://example.invalid/x.png' onerror='window.broken = 2'>\n"
    "print('\u2028 ]]> &amp; \\u003c')  # \U0001f600\n"
)
TYPES = {"F821": "ruff[F821]", "syntax": "pyright"}
LEAKED = 3
"""Samples of F821 whose files are trained on."""


def program(seed: int) -> str:
    lines = (hashlib.sha256(f"{seed} {line}".encode()).hexdigest() for line in range(30))
    return "".join(f"name_{text[:12]} = call_{text[12:24]}(x_{text[24:36]})\n" for text in lines)


def sample(number: int, kind: str, benchmark: str) -> Row:
    text = HOSTILE + program(number) if number == 0 else program(number)
    target = text.replace("name_", "fixed_", 1)
    diagnostic = {
        **{
            "path": "main.py",
            "code": TYPES[kind],
            "message": f"<b>message</b> {number}",
            "severity": "error",
        },
        **{"start_line": 2, "start_column": 0, "start_character": 0},
        **{"end_line": 2, "end_column": 1, "end_character": 1, "has_code_action": False},
    }
    return {
        **dict.fromkeys(BENCHMARK_SAMPLES.names),
        "sample_id": f"{benchmark}-{kind}-{number}",
        "benchmark": benchmark,
        "project_id": f"{benchmark}-{number}",
        "code": TYPES[kind],
        "path": "main.py",
        "reference": f"{diff(text, target)}\n</diff>",
        "files": [{"path": "main.py", "text": text}],
        "diagnostic": diagnostic,
        "before": [diagnostic],
        "target": target,
        "target_files": [],
        "tests": "assert True" if benchmark == "leetcode" else None,
    }


OUTCOMES: tuple[str, ...] = ("repaired", "no_change", "cheat", "malformed", "new_error", "diagnostic_remains")


def answer(own: Row, system: str, number: int, index: int, numbered: bool, outcomes: tuple[str, ...]) -> Row:
    outcome = outcomes[(number + index) % len(outcomes)] if system == "model" else "repaired"
    right = outcome == "repaired"
    row = {
        **{name: own[name] for name in ("sample_id", "benchmark", "code", "path")},
        "system": system,
        "answer": f"-3 {HOSTILE}</diff>" if number == 0 else f"-3 answer {number}\n</diff>",
        "outcome": outcome,
        **dict.fromkeys(("ast_match", "ast_or_string_match", "repaired"), right),
        "functional": right if own["tests"] else None,
    }
    more = {"answer_index": index, "output_tokens": 20 + number, "seconds": 0.1 * (1 + number)}
    return row | more if numbered else row


def schema(numbered: bool) -> pa.Schema:
    """`SCORES`, with or without several answers."""
    more = {"answer_index": pa.int64(), "output_tokens": pa.int64(), "seconds": pa.float64()}
    if not numbered:
        return pa.schema([field for field in SCORES if field.name not in more])
    return pa.schema([*SCORES, *(pa.field(*one) for one in more.items() if one[0] not in SCORES.names)])


def write(
    store: PartitionStore, asset: str, partition: Row, tables: dict[str, pa.Table], **made_of: Any
) -> None:
    with store.writer(asset, partition) as writer:
        for name, table in tables.items():
            writer.write(name, table)
        known = {"fingerprint": "f", "inputs": {}, "versions": {}, **made_of}
        writer.commit(rows_in=tables["data"].num_rows, **known)


def made(
    folder: Path,
    *,
    answers: int = 3,
    numbered: bool = True,
    date: str = DATE["date"],
    outcomes: tuple[str, ...] = OUTCOMES,
    leaked: int = LEAKED,
) -> PartitionStore:
    """A store with 24 workspace and 12 LeetCode samples of two types, of which some leaked.

    The model's first answer to the samples has these `outcomes` in turn, its second from the second on.
    """
    partition = {"date": date}
    store = PartitionStore(str(folder / "store"))
    trained: list[Row] = []
    for kind in TYPES:
        rows: list[Row] = []
        for benchmark, count in (("workspace", 12), ("leetcode", 6)):
            base = 100 * len(benchmark) + 1000 * len(kind)
            samples = [
                sample(
                    0 if (kind, benchmark, number) == ("F821", "workspace", 0) else base + number,
                    kind,
                    benchmark,
                )
                for number in range(count)
            ]
            table = pa.Table.from_pylist(samples, schema=BENCHMARK_SAMPLES)
            write(store, f"{benchmark}_benchmark", {"diagnostic_type": kind}, {"data": table})
            for number, own in enumerate(samples):
                if kind == "F821" and benchmark == "workspace" and number in range(1, 1 + leaked):
                    trained.append(own)
                for index in range(answers if numbered else 1):
                    rows += [
                        answer(own, system, number, index, numbered, outcomes)
                        for system in ("model", "history")
                    ]
        inputs = {f"{name}_benchmark[{kind}]": "r1" for name in ("workspace", "leetcode")}
        table = pa.Table.from_pylist(rows, schema=schema(numbered))
        write(store, "eval_results", {**partition, "diagnostic_type": kind}, {"data": table}, inputs=inputs)
    mixture = [
        {
            **{name: own[name] for name in ("code", "path")},
            **{
                "example_id": f"e{number}",
                "project_id": "p",
                "split": "train",
                "message": "m",
                "error_line": 1,
            },
            **{"response": "-1 x\n</diff>", "date": date},
            "text_sha256": hashlib.sha256(own["files"][0]["text"].encode()).hexdigest(),
        }
        for number, own in enumerate(trained)
    ]
    # the texts of the date, as an earlier stage stores them
    texts = [dict.fromkeys(VERIFIED_DIFFS.names) | {"files": own["files"]} for own in trained]
    table = pa.Table.from_pylist(texts, schema=VERIFIED_DIFFS)
    write(store, "verified_diffs", {**partition, "diagnostic_type": "F821"}, {"data": table})
    write(
        store,
        "training_mixture",
        partition,
        {"data": pa.Table.from_pylist(mixture, schema=MIXTURE)},
        extra={"dates": [date]},
    )
    notes = {
        "recipe": {"name": "tiny"},
        "prompt_version": "2",
        "result": {"parameters": 1000, "first_loss": 3.5, "last_loss": 1.25},
    }
    tree = folder / "weights"
    tree.mkdir(exist_ok=True)
    (tree / MADE_BY).write_text(json.dumps(notes))
    (tree / METRICS).write_text('{"batch": 1, "loss": 3.5}\n')
    with store.writer("checkpoint", partition) as writer:
        writer.write("data", pa.table({"example_id": ["a"]}))
        writer.write_tree(tree, "checkpoint")
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=1)
    return store
