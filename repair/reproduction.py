"""Do the servers of today say the recorded diagnostic on the replayed workspace?"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from repair.diagnostics import Diagnostic, same_family
from repair.language_servers import Request, Result
from repair.outcomes import Reject, outcome_batch
from repair.rounds import VersionedServers
from repair.schemas import REPRODUCED_DIAGNOSTICS

NOT_REPRODUCED = "not_reproduced"
UNKNOWN_FILE = "unknown_file"


def reproduce(batches: Iterable[pa.RecordBatch], servers: VersionedServers) -> Iterator[pa.RecordBatch]:
    """One outcome batch of `REPRODUCED_DIAGNOSTICS` for each batch of `ERROR_STATES`, in order.

    The servers look at what an edit of the row's file may reach, and `before` holds every diagnostic of
    that. A row is rejected as `not_reproduced` (its detail: what is said on that line instead), as
    `unknown_file` where its path is not among its files, or with the reason of the servers' error.
    """
    told_by = {f"{name}_version": version for name, version in servers.versions.items()}
    told_by["environment"] = servers.environment
    rows: deque[list[dict[str, Any]]] = deque()  # of the batches whose requests were taken

    def requests() -> Iterator[Request]:
        for batch in batches:
            rows.append(batch.to_pylist())
            for row in rows[-1]:
                files = {file["path"]: file["text"] for file in row["files"]}
                yield Request(files, edited=(row["path"],))

    results = servers.check_many(requests())
    # `requests` runs ahead of `results`: a batch of no rows shows only when the next result is asked for
    while True:
        first = next(results, None)
        while rows and not rows[0]:
            rows.popleft()
            yield outcome_batch([], REPRODUCED_DIAGNOSTICS)
        if first is None:
            return
        taken = rows.popleft()
        told = itertools.chain([first], itertools.islice(results, len(taken) - 1))
        outcomes = [_outcome(row, result, told_by) for row, result in zip(taken, told, strict=True)]
        yield outcome_batch(outcomes, REPRODUCED_DIAGNOSTICS)


def match(recorded: Mapping[str, Any], found: Sequence[Diagnostic]) -> tuple[Diagnostic, list[str]] | None:
    """The diagnostic among `found` (all of one file) that `recorded` is, and what agreed; or None.

    `recorded` is a `PUBLISHED_DIAGNOSTIC`, its characters in UTF-16 units. A candidate has a code of the
    same family and starts on the same line: the workspace is the recorded one, so the line may not differ,
    while codes and messages change between releases. Of several candidates the one wins that agrees in
    most of `code`, `line`, `range` and `message`, then the one that starts nearest.
    """
    candidates = [
        (candidate, _agreed(recorded, candidate))
        for candidate in found
        if candidate.start_line == recorded["start_line"] and same_family(candidate.code, recorded["code"])
    ]
    if not candidates:
        return None
    place = recorded["start_character"]
    return min(candidates, key=lambda pair: (-len(pair[1]), abs(pair[0].start_character - place)))


def _agreed(recorded: Mapping[str, Any], candidate: Diagnostic) -> list[str]:
    names = ("start_line", "start_character", "end_line", "end_character")
    facts = {
        "code": candidate.code == recorded["code"],
        "line": candidate.start_line == recorded["start_line"],
        "range": all(getattr(candidate, name) == recorded[name] for name in names),
        "message": candidate.message == recorded["message"],
    }
    return [name for name, holds in facts.items() if holds]


def _outcome(row: dict[str, Any], result: Result, told_by: Mapping[str, str]) -> dict[str, Any] | Reject:
    recorded, path = row["recorded"], row["path"]
    if result.error:
        return Reject(row, result.error.reason, str(result.error))
    if all(file["path"] != path for file in row["files"]):
        return Reject(
            row, UNKNOWN_FILE, f"{path!r} is not among the {len(row['files'])} files of the workspace"
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
        **told_by,
        "diagnostic": diagnostic.as_row(),
        "agreed": agreed,
        "before": before,
        "ignored_settings": list(result.ignored),
    }
