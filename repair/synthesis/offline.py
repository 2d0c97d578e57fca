"""Offline teachers: the synthesis stage with `history` or `rules`, which need no language model.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from repair.errors import ConfigurationError
from repair.language_servers.scheduler import Servers
from repair.synthesis.history import HistoryTeacher
from repair.synthesis.rules import RulesTeacher
from repair.synthesis.teacher import synthesize

TEACHERS = {"history": HistoryTeacher, "rules": RulesTeacher}


def synthesize_offline(
    batches: Iterable[pa.RecordBatch], servers: Servers, *, teacher: str = "history"
) -> Iterator[pa.RecordBatch]:
    """`synthesize` with a teacher that needs nothing but the language servers."""
    if teacher not in TEACHERS:
        raise ConfigurationError(f"there is no teacher {teacher!r} without a model: {', '.join(TEACHERS)}")
    yield from synthesize(batches, TEACHERS[teacher](servers))
