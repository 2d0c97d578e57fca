"""Reproduction: do the servers of today report the recorded diagnostic on the replayed workspace?"""

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.diagnostics.matching import match
from repair.language_servers import Request, Result, errors
from repair.language_servers.scheduler import VersionedServers
from repair.messages import shown
from repair.schema.guards import rejecting
from repair.schema.outcomes import KEY, REASON, Reject, outcome_batch, subschema
from repair.schema.stages import REPRODUCED_DIAGNOSTICS

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

NOT_REPRODUCED = "not_reproduced"
UNKNOWN_FILE = "unknown_file"

REASONS = {
    NOT_REPRODUCED: "the servers report no such diagnostic on its line; the detail is what they report there",
    **errors.REASONS,
}

READS = (KEY, "path", "files", "recorded")
ADDS = subschema(
    REPRODUCED_DIAGNOSTICS,
    (
        KEY,
        "diagnostic",
        "agreed",
        "before",
        "pyright_version",
        "ruff_version",
        "environment",
        "python_version",
        "ignored_settings",
    ),
)


def reproduce(batches: Iterable[pa.RecordBatch], servers: VersionedServers) -> Iterator[pa.RecordBatch]:
    """Outcomes of `ADDS`, one batch for each batch of `ERROR_STATES`, in order.

    The servers look at what an edit of the row's file may reach, and `before` holds every diagnostic of
    that.
    """
    server_versions = {f"{name}_version": version for name, version in servers.versions.items()}
    server_versions["environment"] = servers.environment
    rows: deque[list[dict[str, Any]]] = deque()  # of the batches whose requests were taken

    def requests() -> Iterator[Request]:
        for batch in batches:
            rows.append(batch.select(READS).to_pylist())
            for row in rows[-1]:
                files = {file["path"]: file["text"] for file in row["files"]}
                yield Request(files, edited=(row["path"],))

    results = servers.check_many(requests())
    # `requests` runs ahead of `results`: a batch of no rows shows only when the next result is asked for
    while True:
        first = next(results, None)
        while rows and not rows[0]:
            rows.popleft()
            yield outcome_batch([], ADDS)
        if first is None:
            return
        checked = rows.popleft()
        answers = itertools.chain([first], itertools.islice(results, len(checked) - 1))
        outcomes = [
            rejecting(partial(_outcome, result=result, server_versions=server_versions), row)
            for row, result in zip(checked, answers, strict=True)
        ]
        yield outcome_batch(outcomes, ADDS)


def count_python_versions(
    outcomes: Iterable[pa.RecordBatch], counts: Counter[str]
) -> Iterator[pa.RecordBatch]:
    """The outcomes as they are; `counts` gets the versions of Python that kept rows were checked for."""
    for outcome in outcomes:
        kept = outcome.filter(pc.is_null(outcome[REASON]))
        counts.update(version or "running" for version in kept["python_version"].to_pylist())
        yield outcome


def _outcome(
    row: dict[str, Any], result: Result, server_versions: Mapping[str, str]
) -> dict[str, Any] | Reject:
    recorded, path = row["recorded"], row["path"]
    if result.error:
        return Reject(row, result.error.reason, str(result.error))
    if all(file["path"] != path for file in row["files"]):
        return Reject(
            row, UNKNOWN_FILE, f"{shown(path)} is not among the {len(row['files'])} files of the workspace"
        )
    in_file = [diagnostic for diagnostic in result.diagnostics if diagnostic.path == path]
    matched = match(recorded, in_file)
    if matched is None:
        line = recorded["start_line"]
        instead = [f"{one.code}: {one.message}" for one in in_file if one.start_line == line]
        return Reject(row, NOT_REPRODUCED, f"line {line} (0-based): " + ("; ".join(instead) or "nothing"))
    diagnostic, agreed = matched
    before = [one.as_row() for one in result.diagnostics]
    return {
        **row,
        **server_versions,
        "diagnostic": diagnostic.as_row(),
        "agreed": agreed,
        "before": before,
        "python_version": result.python,
        "ignored_settings": list(result.ignored),
    }
