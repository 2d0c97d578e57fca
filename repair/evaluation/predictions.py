"""Predictions: every model's answers to the samples of the frozen benchmarks, a row for each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from repair.errors import InputError
from repair.evaluation.benchmark import PREDICTIONS
from repair.models.model import Completion, FinishReason, Model
from repair.prompt.sentinels import PROMPT_VERSION

_ROWS_AT_ONCE = 256


def predict(samples: Sequence[Mapping[str, Any]], model: Model, *, k: int = 1) -> Iterator[pa.RecordBatch]:
    """`k` rows of `PREDICTIONS` for each sample, in their order.

    A sample that can't be written as a prompt has no prompt, and its answers are `unanswered`.
    """
    prompts = [prompt_if_any(model, sample) for sample in samples]
    asked = [sample for sample, prompt in zip(samples, prompts, strict=True) if prompt is not None]
    answered = iter(model.answer(asked, k=k))
    rows: list[dict[str, Any]] = []
    for sample, prompt in zip(samples, prompts, strict=True):
        unanswered = [Completion("", FinishReason.UNANSWERED)] * k
        completions = unanswered if prompt is None else next(answered)
        rows += [
            {
                "sample_id": sample["sample_id"],
                "benchmark": sample["benchmark"],
                "system": model.name,
                "answer_index": index,
                "prompt_version": PROMPT_VERSION,
                "prompt": prompt,
                "answer": completion.text,
                "input_tokens": completion.input_tokens,
                "output_tokens": completion.output_tokens,
                "seconds": completion.seconds,
                "finish_reason": completion.finish_reason.value,
            }
            for index, completion in zip(range(k), completions, strict=True)
        ]
        if len(rows) >= _ROWS_AT_ONCE:
            yield pa.RecordBatch.from_pylist(rows, schema=PREDICTIONS)
            rows = []
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=PREDICTIONS)


def prompt_if_any(model: Model, sample: Mapping[str, Any]) -> str | None:
    """The model's prompt for a sample; None where it can't be written as one."""
    try:
        return model.prompt(sample)
    except InputError:
        return None
