"""A model's answers to samples, in a file that a killed run resumes: one first, more where they are wanted.

`bench/precision.py` decodes by it, as `repair fix -k 8` does; it is no program of its own.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from repair.evaluation.verified_answers import Row, parts, read_lines
from repair.fixing.chosen_model import MOST_DECODED, SEARCHED
from repair.models.checkpoint import CheckpointModel

AT_ONCE = 16


class Answers:
    """Answers of the model in `folder` to samples, decoded and appended to a file."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._folder, self._file = folder, file
        self._model: CheckpointModel | None = None

    def read(self) -> dict[str, Row]:
        """The most answers to each sample so far."""
        return {row["sample_id"]: row for row in read_lines(self._file)}

    def decode(self, samples: Sequence[Row], k: int) -> None:
        """Decode the `k` likeliest answers to each sample that has fewer."""
        known = {sample: len(row["answers"]) for sample, row in self.read().items()}
        missing = [row for row in samples if known.get(row["sample_id"], 0) < k]
        for part in parts(missing, AT_ONCE):
            rows = list(self._rows(part, k))
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)

    def _rows(self, samples: Sequence[Row], k: int) -> Iterator[Row]:
        if self._model is None:
            from repair.models.decoding import Decoder

            self._model = CheckpointModel.of(
                Decoder(str(self._folder)),
                name=self._folder.name,
                sampling=SEARCHED,
                batch_size=MOST_DECODED,
                lookup=True,
            )
        for sample, answers in zip(samples, self._model.answer(samples, k=k), strict=True):
            yield {
                "sample_id": sample["sample_id"],
                "answers": [answer.text for answer in answers],
                "log_probabilities": {answer.text: answer.log_probability for answer in answers},
            }
