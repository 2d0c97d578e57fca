"""Last exception handler of a row: an error that no step foresaw rejects the row, and the others go on."""

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from repair.schema.outcomes import Reject
from repair.unexpected import UNEXPECTED, detail_of, is_of_the_run

Row = TypeVar("Row", bound=Mapping[str, Any])
T = TypeVar("T")
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


def rejecting(step: Callable[[Row], T], row: Row) -> T | Reject:
    """`step(row)`, or the reject of the row. An error of the run is raised."""
    try:
        return step(row)
    except Exception as error:
        if is_of_the_run(error):
            raise
        return Reject(row, UNEXPECTED, detail_of(error))


def guarded(
    coroutine: Generator[Asked, Answered, T], otherwise: Callable[[str], T]
) -> Generator[Asked, Answered, T]:
    """The coroutine; where it raises, its value is `otherwise` of what went wrong."""
    try:
        return (yield from coroutine)
    except Exception as error:
        if is_of_the_run(error):
            raise
        return otherwise(detail_of(error))
