"""Teacher program: instructions and few-shot examples for a language model, as one JSON file.

Its version is a hash of its content, so that a result can name exactly the program that made it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import pyarrow as pa
from fsspec.core import url_to_fs

from repair.errors import ConfigurationError
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.atomic import write_whole
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES
from repair.text.stable_hash import rank


@dataclass(frozen=True, slots=True)
class FewShotExample:
    """A solved example, rendered by `repair.prompt.sentinels`."""

    example_id: str
    project_id: str
    code: str
    """The diagnostic's, e.g. `ruff[F821]`."""
    prompt: str
    response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherProgram:
    """Instructions, and few-shot examples that are chosen by a question's diagnostic code."""

    answer_format: str = LINE_DIFF
    """A name of `repair.prompt.answer_formats`."""
    instructions: str = ""
    """Empty: those of the format."""
    demos: tuple[FewShotExample, ...] = ()
    """Examples that come first in every question: an optimizer's choice."""
    shots: tuple[FewShotExample, ...] = ()
    """Examples for questions with the same diagnostic code."""
    shots_per_question: int = 3
    """The most of them in one question."""
    seed: int = 0
    """Of the draw among the examples with the question's code."""
    prompt_version: str = PROMPT_VERSION
    score: float | None = None
    """The share of its diffs that the language servers confirmed, if measured."""
    score_before: float | None = None
    """The score of the program from which it was compiled, on the same rows."""

    def __post_init__(self) -> None:
        if not self.instructions:
            object.__setattr__(self, "instructions", answer_format(self.answer_format).instructions)

    @classmethod
    def from_examples(cls, examples: Iterable[pa.RecordBatch], **settings: Any) -> "TeacherProgram":
        """A program with the rows of `FEW_SHOT_EXAMPLES`.

        Raises:
            ConfigurationError: an example was rendered by another version of the prompt.
        """
        names = [field.name for field in fields(FewShotExample)]
        shots: list[FewShotExample] = []
        for batch in examples:
            for row in batch.select(FEW_SHOT_EXAMPLES.names).to_pylist():
                if row["prompt_version"] != PROMPT_VERSION:
                    raise ConfigurationError(
                        f"example {row['example_id']} is written for prompt version {row['prompt_version']},"
                        f" this is {PROMPT_VERSION}: make the few-shot examples again"
                    )
                shots.append(FewShotExample(**{name: row[name] for name in names}))
        return cls(shots=tuple(sorted(shots, key=lambda shot: (shot.code, shot.example_id))), **settings)

    @property
    def version(self) -> str:
        """A hash of all but the scores: 16 hexadecimal digits."""
        content = {name: value for name, value in asdict(self).items() if not name.startswith("score")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def scored(self, score: float, before: float | None = None) -> "TeacherProgram":
        """This program with its measured score, and that of the program from which it was compiled."""
        return replace(self, score=score, score_before=before)

    def shots_for(self, row: Mapping[str, Any]) -> list[FewShotExample]:
        """The examples for a row that has `diagnostic_id`, `project_id` and `diagnostic`.

        First the demos, then those drawn at random by the row's id and the seed; none is of the row's own
        project.
        """
        demos = [shot for shot in self.demos if shot.project_id != row["project_id"]]
        fitting = [
            shot
            for shot in self.shots
            if shot.code == row["diagnostic"]["code"]
            and shot.project_id != row["project_id"]
            and shot not in demos
        ]
        fitting.sort(key=lambda shot: rank(self.seed, row["diagnostic_id"], shot.example_id))
        return demos + fitting[: self.shots_per_question]

    def save(self, uri: str) -> None:
        """Write the program as JSON to a path or an fsspec URI."""
        filesystem, path = url_to_fs(uri)
        write_whole(filesystem, path, self.to_json())

    def to_json(self) -> bytes:
        """The program with its version, as `save` writes it."""
        text = json.dumps({"version": self.version, **asdict(self)}, indent=1, sort_keys=True) + "\n"
        return text.encode()

    @classmethod
    def load(cls, uri: str) -> "TeacherProgram":
        """Read what `save` wrote; raises as `from_json`."""
        filesystem, path = url_to_fs(uri)
        return cls.from_json(filesystem.cat_file(path), uri)

    @classmethod
    def from_json(cls, data: bytes, source: str) -> "TeacherProgram":
        """The inverse of `to_json`; `source` names where it comes from.

        Raises:
            ConfigurationError: it is not a program, was changed by hand, or is for another prompt version.
        """
        try:
            content: dict[str, Any] = json.loads(data)
            version = content.pop("version")
            for name in ("demos", "shots"):
                content[name] = tuple(FewShotExample(**shot) for shot in content[name])
            program = cls(**content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(f"{source} is not a teacher program: {error!r}") from error
        if program.version != version:
            raise ConfigurationError(
                f"{source} says that it is version {version}, but its content is {program.version}: it was"
                " changed after it was saved; make it again"
            )
        if program.prompt_version != PROMPT_VERSION:
            raise ConfigurationError(
                f"{source} is written for prompt version {program.prompt_version}, this is {PROMPT_VERSION}:"
                " make the teacher program again"
            )
        return program
