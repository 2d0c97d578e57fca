"""Sample browser: single samples as JSON for the page, bounded in size, safe inside a script element."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.evaluation.groups import category
from repair.evaluation.outcomes import kind_of
from repair.evaluation.scored import SampleKey, Scored, key_of
from repair.evaluation.summary import METRICS, Row, answer_index
from repair.text.files import text_of
from repair.text.lines import lines_of
from repair.text.stable_hash import rank

AT_MOST = 400
"""Samples on the page."""
BYTES_AT_MOST = 6 << 20
"""Of their JSON; one that reaches beyond it is left out, and the others after it."""
AROUND = 12
"""Lines of code shown on each side of the diagnostic."""
LINE_CHARACTERS = 240
ANSWER_CHARACTERS = 2000
SEED = 17


@dataclass(frozen=True, slots=True)
class EmbeddedSamples:
    """What the page holds of the samples, of how many."""

    json: str
    """For the inside of a script element of the type `application/json`."""
    samples: int
    of: int


def embed(scored: Scored, *, at_most: int = AT_MOST, bytes_at_most: int = BYTES_AT_MOST) -> EmbeddedSamples:
    """The samples as JSON, by benchmark, type and id; where there are too many, a seeded draw of them."""
    answers: dict[SampleKey, list[Row]] = {}
    for row in scored.rows:
        answers.setdefault(key_of(row), []).append(row)
    kinds: dict[SampleKey, list[str]] = {}
    for leak in scored.leaks:
        kinds.setdefault(key_of(leak), []).append(leak["kind"])
    chosen: list[tuple[tuple[str, ...], str]] = []
    size = 0
    for key in sorted(answers, key=lambda key: rank(SEED, *key))[:at_most]:
        entry = _sample(scored.samples.get(key), answers[key], kinds.get(key, []))
        text = safe_json(entry)
        if size + len(text) > bytes_at_most:
            break
        size += len(text)
        chosen.append(((entry["benchmark"], entry["type"], entry["id"]), text))
    joined = ",\n".join(text for _, text in sorted(chosen))
    return EmbeddedSamples(f"[{joined}]", len(chosen), len(answers))


def safe_json(value: Any) -> str:
    """JSON in ASCII that can't end a script element, or open a comment in it, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _sample(sample: Row | None, answers: Sequence[Row], kinds: Sequence[str]) -> dict[str, Any]:
    first = answers[0]
    return {
        "id": first["sample_id"],
        "benchmark": first["benchmark"],
        "type": first["diagnostic_type"],
        "category": category(first["code"]),
        "code": first["code"],
        "path": first["path"],
        "leaks": list(kinds),
        **(_shown(sample) if sample else {"message": "", "line": 0, "lines": [], "target": None}),
        "answers": [_answer(row) for row in answers],
    }


def _shown(sample: Mapping[str, Any]) -> dict[str, Any]:
    diagnostic = sample["diagnostic"]
    lines, line = lines_of(text_of(sample)), diagnostic["start_line"]
    start = max(0, line - AROUND)
    return {
        "message": diagnostic["message"],
        "line": line + 1,
        "first": start + 1,
        "of": len(lines),
        "lines": [_cut(text, LINE_CHARACTERS) for text in lines[start : line + AROUND + 1]],
        "target": _cut(sample["reference"], ANSWER_CHARACTERS),
    }


def _answer(row: Row) -> dict[str, Any]:
    return {
        "system": row["system"],
        "index": answer_index(row),
        "kind": kind_of(row),
        "outcome": row["outcome"],
        "answer": _cut(row["answer"] or "", ANSWER_CHARACTERS),
        "metrics": {name: row.get(name) for name in METRICS},
        "tokens": row.get("output_tokens"),
        "seconds": row.get("seconds"),
    }


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]} … ({len(text)} characters)"
