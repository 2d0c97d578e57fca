"""A model's answers to samples, in a file that a killed run resumes: one greedy, then the sampled ones.

`bench/precision.py` decodes by it, as `repair fix -k 8` does; it is no program of its own.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from repair.evaluation.verified_answers import Row, parts, read_lines
from repair.fixing.chosen_model import GREEDY, MOST_DECODED, SAMPLED
from repair.models.checkpoint import CheckpointModel
from repair.models.decoding import Decoder
from repair.models.model import Completion, Sampling

K = 8
AT_ONCE = 16


class Answers:
    """Answers of a model to samples, decoded and appended to a file, so that a run can be resumed."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._folder, self._file = folder, file
        self._decoder: Decoder | None = None

    def read(self) -> dict[str, Row]:
        """The most answers to each sample so far."""
        return {row["sample_id"]: row for row in read_lines(self._file)}

    def greedy(self, samples: Sequence[Row]) -> None:
        """Decode the first answers that are missing."""
        known = self.read()
        for part in parts([row for row in samples if row["sample_id"] not in known], AT_ONCE):
            answers = self._model(GREEDY).answer(part)
            self._append([self._row(sample, [answer.text]) for sample, [answer] in _pairs(part, answers)])

    def sampled(self, samples: Sequence[Row]) -> None:
        """Decode the other answers that are missing."""
        known = self.read()
        missing = [row for row in samples if len(known[row["sample_id"]]["answers"]) < K]
        for part in parts(missing, AT_ONCE):
            model = self._model(SAMPLED)
            rows: list[Row] = []
            for sample, answers in _pairs(part, model.answer(part, k=K - 1)):
                texts = [*known[sample["sample_id"]]["answers"], *(answer.text for answer in answers)]
                distinct = list(dict.fromkeys(texts))
                scores = log_probabilities(self._loaded(), model.prompt(sample), distinct)
                rows.append({**self._row(sample, texts), "log_probabilities": scores})
            self._append(rows)

    def _loaded(self) -> Decoder:
        self._decoder = self._decoder or Decoder(str(self._folder))
        return self._decoder

    def _model(self, sampling: Sampling) -> CheckpointModel:
        return CheckpointModel.of(
            self._loaded(), name=self._folder.name, sampling=sampling, batch_size=MOST_DECODED, lookup=True
        )

    @staticmethod
    def _row(sample: Row, texts: list[str]) -> Row:
        return {"sample_id": sample["sample_id"], "answers": texts}

    def _append(self, rows: Sequence[Row]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def log_probabilities(decoder: Decoder, prompt: str, answers: Sequence[str]) -> dict[str, float]:
    """Of each answer the sum over its tokens (teacher forcing)."""
    import torch

    from repair.models.tokenizer import encode_prompts, encode_responses

    [before] = encode_prompts(decoder.tokenizer, [prompt])
    found: dict[str, float] = {}
    for answer, encoded in zip(answers, encode_responses(decoder.tokenizer, answers), strict=True):
        after = encoded[:-1]  # an answer ends at its closing line
        tokens: Any = torch.tensor([before + after], device=decoder.model.device)
        with torch.inference_mode():
            logits = decoder.model(tokens, logits_to_keep=len(after) + 1).logits[0, :-1].float()
        chosen = logits.log_softmax(-1).gather(1, tokens[0, len(before) :, None])
        found[answer] = round(float(chosen.sum()), 4)
    return found


def _pairs(
    samples: Sequence[Row], answers: Iterable[list[Completion]]
) -> Iterator[tuple[Row, list[Completion]]]:
    return zip(samples, answers, strict=True)
