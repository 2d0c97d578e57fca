"""Sampling: which of a day's published diagnostics are worth a replay.

Servers republish a diagnostic at each keystroke. Of each episode (`repair.error_states.episodes`) the first
settled publication is taken: the project's last edit before it and the first one after it lie at least
`settle_seconds` apart. Then a seeded hash of the episode's id samples under caps. What could never become a
candidate takes no part in it: it counts under no cap and is neither replayed nor checked.

The unit that is accounted for is one published diagnostic: publications = sampled + rejected rows. A reject
of `same_episode`, or with a project's own reason, stands for many: one line for each project, path and code.

All of it works on columns and is linear (`bench/sampling.py`). Memory holds the chunk at work (`CHUNK_ROWS`
events and diagnostics) and the sample; reject lines, of which caps make one for each episode, are handed on
chunk by chunk.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.diagnostics.style import is_stylistic
from repair.diagnostics.types import partition_of
from repair.error_states.episodes import (
    COLUMNS,
    EPISODES,
    Published,
    Timeline,
    episodes,
    numbers_of,
    to_numpy,
)
from repair.errors import ConfigurationError
from repair.extras import extra
from repair.schema.outcomes import DETAIL, REASON, REJECTS, ROWS
from repair.schema.stages import SAMPLED_EPISODES
from repair.text.stable_hash import rank_column

with extra("pipeline"):
    import numpy as np
    import numpy.typing as npt

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

REASONS = {
    "same_episode": "a further publication of an episode, of which one counts",
    "stylistic": "the episode's code is a matter of style",
    "has_code_action": "the recorded server offered a fix of its own",
    "never_settled": "no publication of the episode has a settled state around it",
    "cap_project": "the project has enough episodes of this type",
    "cap_type": "the type has enough episodes",
}
CHUNK_ROWS = 500_000
_ORDER = ("project_id", "path", "code", REASON, "timestamp", "diagnostic_id")  # of reject lines


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """How much is sampled."""

    seed: int = 17
    settle_seconds: float = 3.0
    """A state is settled if no edit of its project falls into so long a time around it."""
    cap_per_type: int = 2000
    """Episodes that a partition keeps."""
    cap_per_project: int = 50
    """Episodes that a partition keeps of one project."""

    def __post_init__(self) -> None:
        if self.settle_seconds < 0 or self.cap_per_type < 0 or self.cap_per_project < 0:
            raise ConfigurationError(f"{self}: neither a time nor a cap can be negative")


@dataclass(frozen=True, slots=True)
class SamplingCounts:
    """How the diagnostics came down to the sample. Refused projects count as publications only; `settled`
    leaves out what is stylistic or has a CodeAction."""

    publications: int
    episodes: int
    settled: int
    sampled: int


def sample_partition(
    events: Iterable[pa.Table],
    *,
    diagnostic_type: str,
    known_types: AbstractSet[str],
    project_rejects: Mapping[str, str],
    settings: SamplingSettings,
    reject: Callable[[pa.Table], None],
) -> tuple[pa.Table, SamplingCounts]:
    """The sampled episodes of one type (`SAMPLED_EPISODES`) and the counts; `reject` takes `REJECTS`.

    `events` has the `COLUMNS` of whole projects, in any order: all events of a project are in one
    table. A code belongs to a type as `repair.diagnostics.types.partition_of` says.
    `project_rejects` names the projects that may not be used, with the reason.
    The result depends neither on how the projects are spread over tables nor on their order, but for the
    order of the reject lines.
    """

    def wanted(code: str) -> bool:
        return partition_of(code, known_types) == diagnostic_type

    sampled = EPISODES.empty_table()
    publications = found = settled = 0
    for chunk in _chunks(events):
        refused = pc.is_in(chunk["project_id"], pa.array(list(project_rejects), pa.string()))
        lines = _refused(chunk.filter(refused), wanted, project_rejects)
        of_chunk = episodes(
            chunk.filter(pc.invert(refused)), wanted=wanted, settle_seconds=settings.settle_seconds
        )
        publications += _sum(lines[ROWS]) + _sum(of_chunk["publications"])
        found += of_chunk.num_rows
        usable, excluded = _usable(of_chunk)
        candidates = usable.filter(usable["settled"])
        settled += candidates.num_rows
        kept, above = _split_by_project(candidates, settings)
        # What is over the cap now stays over it, whatever comes: the sample never holds much more.
        sampled, over = _lowest(pa.concat_tables([sampled, kept]), settings.cap_per_type, settings.seed)
        rejects = [
            lines,
            _repeats(of_chunk),
            *excluded,
            _lines(usable.filter(pc.invert(usable["settled"])), "never_settled", _unsettled(settings)),
            _lines(above, "cap_project", f"more than {settings.cap_per_project} of one project"),
            _lines(over, "cap_type", f"more than {settings.cap_per_type} of the type"),
        ]
        reject(pa.concat_tables(rejects).sort_by([(name, "ascending") for name in _ORDER]))
    sampled = sampled.sort_by([(name, "ascending") for name in ("project_id", "moment", "diagnostic_id")])
    counts = SamplingCounts(publications, found, settled, sampled.num_rows)
    return sampled.select(SAMPLED_EPISODES.names), counts


def _usable(table: pa.Table) -> tuple[pa.Table, list[pa.Table]]:
    """The episodes that may become candidates, and the reject lines of the others."""
    codes = pc.struct_field(table["recorded"], "code")
    styles = [code for code in pc.unique(codes).to_pylist() if is_stylistic(code)]
    stylistic = pc.is_in(codes, pa.array(styles, pa.string()))
    fixed = pc.fill_null(pc.struct_field(table["recorded"], "code_action"), fill_value=False)
    fixed = pc.and_(fixed, pc.invert(stylistic))
    lines = [
        _lines(table.filter(stylistic), "stylistic", "a matter of style"),
        _lines(table.filter(fixed), "has_code_action", "the recorded server offers a fix of its own"),
    ]
    return table.filter(pc.invert(pc.or_(stylistic, fixed))), lines


def _rank(table: pa.Table, seed: int) -> npt.NDArray[np.uint64]:
    """A seeded rank of each episode's id."""
    return rank_column(seed, to_numpy(table["id_bits"]).astype(np.uint64))


def _lowest(table: pa.Table, count: int, seed: int) -> tuple[pa.Table, pa.Table]:
    """The `count` rows with the lowest hash, and the others."""
    order = pa.array(np.argsort(_rank(table, seed), kind="stable"))
    return table.take(order[:count]), table.take(order[count:])


def _split_by_project(table: pa.Table, settings: SamplingSettings) -> tuple[pa.Table, pa.Table]:
    """The rows with the lowest hash of each project, up to its cap, and the others."""
    project = numbers_of(table["project_id"].combine_chunks())
    order = np.lexsort((_rank(table, settings.seed), project))
    starts = np.searchsorted(project[order], project[order])
    within = np.empty(len(order), bool)
    within[order] = np.arange(len(order)) - starts < settings.cap_per_project
    return table.filter(pa.array(within)), table.filter(pa.array(~within))


def _unsettled(settings: SamplingSettings) -> str:
    return f"an edit within {settings.settle_seconds} s of the other around each publication"


def _lines(table: pa.Table, reason: str, detail: str) -> pa.Table:
    """One reject line for each episode."""
    recorded = table["recorded"]
    return pa.table(
        {
            "diagnostic_id": table["diagnostic_id"],
            "project_id": table["project_id"],
            "path": table["path"],
            "timestamp": table["moment"],
            "code": pc.struct_field(recorded, "code"),
            "message": pc.struct_field(recorded, "message"),
            REASON: pa.repeat(pa.scalar(reason), table.num_rows),
            DETAIL: pa.repeat(pa.scalar(detail), table.num_rows),
            ROWS: pa.repeat(pa.scalar(1, pa.int64()), table.num_rows),
        },
        schema=REJECTS,
    )


def _repeats(table: pa.Table) -> pa.Table:
    """The publications beyond one of each episode, summed by project, path and code."""
    more = table.filter(pc.greater(table["publications"], 1))
    return _summed(
        more["project_id"],
        more["path"],
        pc.struct_field(more["recorded"], "code"),
        pc.subtract(more["publications"], 1),
        lambda projects: pa.repeat(pa.scalar("same_episode"), len(projects)),
    )


def _refused(events: pa.Table, wanted: Callable[[str], bool], project_rejects: Mapping[str, str]) -> pa.Table:
    """The publications of projects that may not be used, summed by project, path and code."""
    line = Timeline(events)
    shown = Published(line, wanted)
    rows = line.events.take(line.row[shown.publication])
    return _summed(
        rows["project_id"],
        rows["path"],
        pc.struct_field(shown.diagnostics, "code"),
        pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows),
        lambda projects: pa.array([project_rejects[name] for name in projects.to_pylist()], pa.string()),
    )


def _summed(
    projects: Any, paths: Any, codes: Any, counts: Any, reasons: Callable[[Any], pa.Array]
) -> pa.Table:
    table = pa.table({"project_id": projects, "path": paths, "code": codes, ROWS: counts})
    summed = table.group_by(["project_id", "path", "code"]).aggregate([(ROWS, "sum")])
    empty = {name: pa.nulls(summed.num_rows, REJECTS.field(name).type) for name in REJECTS.names}
    return pa.table(
        {
            **empty,
            "project_id": summed["project_id"],
            "path": summed["path"],
            "code": summed["code"],
            REASON: reasons(summed["project_id"]),
            ROWS: summed[f"{ROWS}_sum"],
        },
        schema=REJECTS,
    )


def _chunks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The tables gathered into larger ones; raises where a project comes again after its chunk."""
    done: set[str] = set()
    pending: list[pa.Table] = []
    rows = 0

    def gathered() -> pa.Table:
        chunk = pa.concat_tables(pending)
        pending.clear()
        names = set(pc.unique(chunk["project_id"]).to_pylist())
        if again := names & done:
            raise ConfigurationError(
                f"the events of project {min(again)} come in parts; "
                "a table must hold all events of its projects"
            )
        done.update(names)
        return chunk

    for table in tables:
        pending.append(table.select(COLUMNS))
        rows += table.num_rows + (pc.sum(pc.list_value_length(table["diagnostics"])).as_py() or 0)
        if rows >= CHUNK_ROWS:
            yield gathered()
            rows = 0
    if pending:
        yield gathered()


def _sum(column: Any) -> int:
    return pc.sum(column).as_py() or 0
