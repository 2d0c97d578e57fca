"""Validation errors of pydantic as a `ConfigurationError`: which setting, its value, what was expected.

Tested by `tests/repair/training/test_recipe.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from repair.errors import ConfigurationError
from repair.extras import extra

with extra("pipeline"):
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Expected:
    """What a setting may be, in words: `Annotated[int, Field(gt=0), Expected("a number above 0")]`."""

    words: str


def configuration_error(
    error: ValidationError, model: type[BaseModel], *, name: Callable[[str], str] = str, prefix: str = ""
) -> ConfigurationError:
    """The first problem that `error` has with a `model`; `name` makes a setting of a dotted path.

    A validator of a whole model says it all: its message begins with the field's name.
    """
    problem = error.errors(include_url=False)[0]
    path, expected = _described(model, problem["loc"])
    cause = problem.get("ctx", {}).get("error")
    if cause is not None and not expected:
        return ConfigurationError(f"{prefix}{path}{path and '.'}{cause}")
    if problem["type"] == "extra_forbidden":
        return ConfigurationError(f"{prefix}{path}{path and '.'}{problem['loc'][-1]} is no setting")
    expected = expected or problem["msg"].removeprefix("Input should be ")
    return ConfigurationError(f"{prefix}{name(path)} is {problem['input']!r}; expected {expected}")


def _described(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, str]:
    """The dotted path of the field at `location`, without indices and tags of unions; what it expects."""
    names: list[str] = []
    expected = ""
    models = [model]
    for part in location:
        field = next((found.model_fields[part] for found in models if part in found.model_fields), None)
        if field is not None:
            names.append(str(part))
            models = list(_models(field.annotation))
            expected = _words(field)
    return ".".join(names), expected


def _words(field: FieldInfo) -> str:
    return next((note.words for note in field.metadata if isinstance(note, Expected)), "")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
