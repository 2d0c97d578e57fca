"""Sampling against a plain oracle that walks the timeline event by event."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.diagnostics.codes import type_of_code
from repair.error_states import sampling
from repair.error_states.episodes import COLUMNS, EPISODES
from repair.error_states.sampling import SamplingCounts, SamplingSettings, sample_partition
from repair.errors import ConfigurationError
from repair.schema.events import EVENTS
from repair.schema.outcomes import REJECTS
from repair.schema.stages import SAMPLED_EPISODES
from tests.cpu_time import cpu_bound

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
SCHEMA = pa.schema([EVENTS.field(name) for name in COLUMNS])
KNOWN = frozenset({"F821", "syntax"})


def at(seconds: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=seconds)


def diagnostic(
    code: str = "ruff[F821]", message: str = "Undefined name `x`", line: int = 0, action: bool | None = None
) -> dict[str, Any]:
    place = {"start_line": line, "start_character": 0, "end_line": line, "end_character": 1}
    return {"code": code, "message": message, "severity": "error", "code_action": action, **place}


class Session:
    """Events of one project, one behind the other."""

    def __init__(self, project_id: str = "p") -> None:
        self.project_id = project_id
        self.rows: list[dict[str, Any]] = []

    def add(self, seconds: float, kind: str, path: str | None, diagnostics: Any = None) -> "Session":
        row = {"project_id": self.project_id, "session_id": "s", "timestamp": at(seconds), "kind": kind}
        self.rows.append(row | {"sequence": len(self.rows), "path": path, "diagnostics": diagnostics})
        return self

    def edit(self, seconds: float, kind: str = "ot", path: str = "main.py") -> "Session":
        return self.add(seconds, kind, path)

    def publish(self, seconds: float, *diagnostics: dict[str, Any], path: str = "main.py") -> "Session":
        return self.add(seconds, "diagnostics", path, list(diagnostics))

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self.rows, schema=SCHEMA)


def sample(
    *tables: pa.Table, of: str = "F821", refused: dict[str, str] | None = None, **chosen: Any
) -> tuple[pa.Table, pa.Table, SamplingCounts]:
    """The sample, the reject lines in an order of their own, and the counts."""
    rejects = [REJECTS.empty_table()]
    sampled, counts = sample_partition(
        tables,
        diagnostic_type=of,
        known_types=KNOWN,
        project_rejects=refused or {},
        settings=SamplingSettings(**chosen),
        reject=rejects.append,
    )
    return sampled, pa.concat_tables(rejects).sort_by([(name, "ascending") for name in REJECTS.names]), counts


def reasons(rejects: pa.Table) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in rejects.to_pylist():
        counted[row["reason"]] += row["rows"]
    return dict(counted)


# --- episodes --------------------------------------------------------------------------------------


def test_an_episode_runs_from_first_seen_to_gone() -> None:
    d = diagnostic()
    session = Session().edit(0).publish(1, d).edit(2).publish(3, d).edit(10).publish(11)
    sampled, rejects, counts = sample(session.table())
    (row,) = sampled.to_pylist()
    assert sampled.schema == SAMPLED_EPISODES
    assert (row["first_seen"], row["moment"], row["gone"]) == (at(1), at(3), at(11))
    assert (row["publications"], row["sequence"], row["recorded"]) == (2, 3, d)
    assert rejects.schema == REJECTS
    assert reasons(rejects) == {"same_episode": 1}
    assert (counts.publications, counts.episodes, counts.settled, counts.sampled) == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("session", "moment"),
    [
        # nothing follows: nobody disturbs the state any more
        (Session().edit(0).publish(1, diagnostic()), 1),
        # no edit before it: the text is the day's first
        (Session().publish(1, diagnostic()).edit(1.5), 1),
        # exactly the time that is asked for is enough
        (Session().edit(0).publish(1, diagnostic()).edit(3), 1),
        # a microsecond less is not
        (Session().edit(0).publish(1, diagnostic()).edit(2.999999), None),
        # the time counts from edit to edit, not from the publication
        (Session().edit(0).publish(2.9, diagnostic()).edit(3.1), 2.9),
        # an edit of another file disturbs as well: the servers read the whole workspace
        (Session().edit(0).publish(1, diagnostic()).edit(2, path="b.py"), None),
        # so does a file event
        (Session().edit(0).publish(1, diagnostic()).edit(2, kind="file"), None),
        # other events do not
        (Session().edit(0).publish(1, diagnostic()).add(2, "execution", None), 1),
        # the first settled one is taken, not the last
        (Session().edit(0).publish(1, diagnostic()).publish(2, diagnostic()), 1),
        # of two in the same microsecond the sequence says which came first
        (Session().edit(0).publish(5, diagnostic()).edit(5).edit(6), 5),
    ],
)
def test_the_settled_publication(session: Session, moment: float | None) -> None:
    sampled, rejects, _ = sample(session.table())
    assert sampled["moment"].to_pylist() == ([] if moment is None else [at(moment)])
    assert reasons(rejects).get("never_settled", 0) == (1 if moment is None else 0)


def test_a_diagnostic_that_comes_back_is_another_episode() -> None:
    session = Session().publish(1, diagnostic()).publish(2).publish(3, diagnostic())
    sampled, _, counts = sample(session.table())
    assert counts.episodes == 2
    assert sampled["gone"].to_pylist() == [at(2), None]
    assert len(set(sampled["diagnostic_id"].to_pylist())) == 2


def test_equal_diagnostics_are_told_apart_by_their_order_not_their_lines() -> None:
    # Two equal messages move down by a line: they are the same two. Then the upper one is gone.
    session = Session().publish(1, diagnostic(line=7), diagnostic(line=3))
    session.publish(2, diagnostic(line=4), diagnostic(line=8)).publish(3, diagnostic(line=8))
    sampled, _, counts = sample(session.table())
    assert counts.episodes == 2
    found = sampled.sort_by("publications")
    assert found["publications"].to_pylist() == [2, 3]
    assert [row["start_line"] for row in found["recorded"].to_pylist()] == [7, 3]


def test_paths_and_projects_are_apart() -> None:
    one = Session("a").publish(1, diagnostic()).publish(2, diagnostic(), path="b.py").table()
    other = Session("b").publish(1, diagnostic()).table()
    _, rejects, counts = sample(pa.concat_tables([one, other]))
    assert counts.episodes == 3
    assert rejects.num_rows == 0


def test_the_id_is_the_documented_hash() -> None:
    sampled, _, _ = sample(Session().publish(1, diagnostic()).table())
    since = int(at(1).timestamp()) * 1_000_000
    text = json.dumps(["p", "main.py", "ruff[F821]", "Undefined name `x`", since, 0])
    assert sampled["diagnostic_id"].to_pylist() == [hashlib.sha256(text.encode()).hexdigest()[:32]]


def test_episodes_that_begin_in_the_same_microsecond_are_one() -> None:
    session = Session().publish(1, diagnostic()).publish(1).publish(1, diagnostic())
    sampled, rejects, counts = sample(session.table())
    assert counts.episodes == 1
    assert sampled["publications"].to_pylist() == [2]
    assert reasons(rejects) == {"same_episode": 1}


# --- one partition's type --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "partition"),
    [
        ("ruff[F821]", "F821"),
        ("pyright", "syntax"),  # a diagnostic without a rule
        ("ruff[B006]", "other"),  # the tail
        ("pyright[reportCallIssue]", "other"),
    ],
)
def test_a_code_is_in_the_partition_of_its_type_only(code: str, partition: str) -> None:
    table = Session().publish(1, diagnostic(code)).table()
    found = {name: sample(table, of=name)[2].publications for name in ("F821", "syntax", "other")}
    assert found == {**dict.fromkeys(found, 0), partition: 1}


# --- rejects: one test for each reason -------------------------------------------------------------


def test_same_episode_is_one_line_for_each_path_and_code() -> None:
    session = Session()
    for second in range(5):
        session.publish(second, diagnostic(), diagnostic(message="Undefined name `y`"))
    _, rejects, _ = sample(session.table())
    (line,) = rejects.to_pylist()
    assert (line["reason"], line["rows"], line["path"], line["code"]) == (
        "same_episode",
        8,
        "main.py",
        "ruff[F821]",
    )


def test_stylistic_takes_no_place_under_a_cap() -> None:
    table = Session().publish(1, diagnostic("ruff[E501]"), diagnostic("ruff[B006]")).publish(2).table()
    sampled, rejects, counts = sample(table, of="other", cap_per_project=1)
    assert [row["code"] for row in sampled["recorded"].to_pylist()] == ["ruff[B006]"]
    assert reasons(rejects) == {"stylistic": 1}
    assert (counts.publications, counts.episodes, counts.settled) == (2, 2, 1)


@pytest.mark.parametrize(("action", "kept"), [(True, 0), (False, 1), (None, 1)])
def test_has_code_action_is_what_the_recording_says(action: bool | None, kept: int) -> None:
    session = Session().edit(0).publish(1, diagnostic(action=action)).publish(9, diagnostic(action=action))
    sampled, rejects, _ = sample(session.table(), cap_per_project=1)
    assert sampled.num_rows == kept
    assert reasons(rejects) == {"same_episode": 1} | ({} if kept else {"has_code_action": 1})


def test_never_settled_shows_the_first_publication() -> None:
    session = Session().edit(0).publish(1, diagnostic()).edit(2).publish(2.5, diagnostic()).edit(4)
    sampled, rejects, _ = sample(session.table())
    (line,) = (row for row in rejects.to_pylist() if row["reason"] == "never_settled")
    assert sampled.num_rows == 0
    assert (line["timestamp"], line["code"], line["rows"]) == (at(1), "ruff[F821]", 1)
    assert len(line["diagnostic_id"]) == 32


def test_cap_project_leaves_room_for_other_projects() -> None:
    tables = [
        Session(name).publish(1, *(diagnostic(message=f"{n}") for n in range(5))).table()
        for name in ("a", "b")
    ]
    sampled, rejects, _ = sample(*tables, cap_per_project=2)
    assert Counter(sampled["project_id"].to_pylist()) == {"a": 2, "b": 2}
    assert reasons(rejects) == {"cap_project": 6}


def test_cap_type_is_for_the_whole_partition() -> None:
    tables = [Session(f"p{n}").publish(1, diagnostic()).table() for n in range(9)]
    sampled, rejects, _ = sample(*tables, cap_per_type=4)
    assert sampled.num_rows == 4
    assert reasons(rejects) == {"cap_type": 5}


def test_the_projects_own_reason_counts_every_publication() -> None:
    mine = Session("mine").publish(1, diagnostic()).publish(2, diagnostic(), diagnostic("ruff[B006]")).table()
    sampled, rejects, counts = sample(mine, refused={"mine": "private"})
    assert sampled.num_rows == 0
    assert reasons(rejects) == {"private": 2}
    assert (counts.publications, counts.episodes) == (2, 0)


# --- the sample ------------------------------------------------------------------------------------


def many(projects: int = 40) -> list[pa.Table]:
    return [
        Session(f"p{n:02}").publish(1, *(diagnostic(message=f"{m}") for m in range(n % 5 + 1))).table()
        for n in range(projects)
    ]


def test_the_sample_does_not_depend_on_how_projects_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = many()
    whole = sample(pa.concat_tables(tables), cap_per_type=20, cap_per_project=3)
    shuffled = sample(*reversed(tables), cap_per_type=20, cap_per_project=3)
    monkeypatch.setattr(sampling, "CHUNK_ROWS", 1)
    apart = sample(*tables, cap_per_type=20, cap_per_project=3)
    for other in (shuffled, apart):
        assert other[0].equals(whole[0])
        assert other[1].equals(whole[1])
        assert other[2] == whole[2]


def test_another_seed_is_another_sample_and_a_larger_one_holds_the_smaller() -> None:
    def ids(**chosen: int) -> set[str]:
        return set(sample(*many(), cap_per_project=9, **chosen)[0]["diagnostic_id"].to_pylist())

    assert ids(seed=1, cap_per_type=20) != ids(seed=2, cap_per_type=20)
    assert ids(seed=1, cap_per_type=20) < ids(seed=1, cap_per_type=40)


def test_the_hash_is_fair() -> None:
    taken: Counter[int] = Counter()
    table = Session().publish(1, *(diagnostic(message=f"{m}", line=m) for m in range(1000))).table()
    for seed in range(20):
        rows = sample(table, seed=seed, cap_per_project=500)[0]["recorded"].to_pylist()
        taken.update(row["start_line"] * 4 // 1000 for row in rows)
    assert sum(taken.values()) == 20 * 500
    # Each quarter gets 2,500 of 10,000; six standard deviations are about 210.
    assert all(2290 < taken[quarter] < 2710 for quarter in range(4))


def test_a_project_in_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "CHUNK_ROWS", 1)
    with pytest.raises(ConfigurationError, match="project p come in parts"):
        sample(Session().publish(1, diagnostic()).table(), Session().publish(2, diagnostic()).table())


def test_nothing_in_is_nothing_out() -> None:
    for tables in ([], [SCHEMA.empty_table()], [Session().edit(1).table()], [Session().publish(1).table()]):
        sampled, rejects, counts = sample(*tables)
        assert (sampled.schema, rejects.schema) == (SAMPLED_EPISODES, REJECTS)
        assert (sampled.num_rows, rejects.num_rows, counts.publications) == (0, 0, 0)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="negative"):
        SamplingSettings(cap_per_type=-1)


# --- against the oracle ----------------------------------------------------------------------------

shown = st.builds(
    diagnostic,
    code=st.sampled_from(["ruff[F821]", "pyright", "ruff[B006]", "ruff[E501]"]),
    message=st.sampled_from(["a", "b"]),
    line=st.integers(0, 3),
    action=st.sampled_from([None, False, True]),
)
event = st.tuples(
    st.integers(0, 6),  # seconds since the event before
    st.one_of(
        st.tuples(st.sampled_from(["ot", "file", "execution", "snapshot"]), st.just("a.py"), st.none()),
        st.tuples(st.just("diagnostics"), st.sampled_from(["a.py", "b.py"]), st.lists(shown, max_size=3)),
    ),
)
projects = st.lists(st.lists(event, max_size=12), min_size=1, max_size=4)


def oracle(sessions: Iterable[Session], of: str, settle: float) -> list[dict[str, Any]]:
    """The episodes, walking each project's events once for each publication."""
    found: list[dict[str, Any]] = []
    for session in sessions:
        running: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
        for index, row in enumerate(session.rows):
            if row["kind"] != "diagnostics":
                continue
            edits = [(n, r["timestamp"]) for n, r in enumerate(session.rows) if r["kind"] in ("ot", "file")]
            before = [when for n, when in edits if n < index]
            after = [when for n, when in edits if n > index]
            settled = not before or not after or after[0] - before[-1] >= timedelta(seconds=settle)
            ordinals: Counter[Any] = Counter()
            now: dict[Any, dict[str, Any]] = {}
            keys = ("start_line", "start_character", "end_line", "end_character")
            for diagnostic in sorted(row["diagnostics"], key=lambda d: tuple(d[k] for k in keys)):
                name = type_of_code(diagnostic["code"])
                if (name if name in KNOWN else "other") != of:
                    continue
                key = (
                    diagnostic["code"],
                    diagnostic["message"],
                    ordinals[diagnostic["code"], diagnostic["message"]],
                )
                ordinals[diagnostic["code"], diagnostic["message"]] += 1
                episode = running[row["path"]].get(key)
                if episode is None:
                    episode = {
                        "project_id": session.project_id,
                        "path": row["path"],
                        "first_seen": row["timestamp"],
                    }
                    episode |= {"gone": None, "publications": 0, "moment": None, "key": key}
                    episode["action"] = diagnostic["code_action"]
                    found.append(episode)
                episode["publications"] += 1
                if settled and episode["moment"] is None:
                    episode |= {
                        "moment": row["timestamp"],
                        "sequence": row["sequence"],
                        "recorded": diagnostic,
                    }
                    episode["action"] = diagnostic["code_action"]
                now[key] = episode
            for key, episode in running[row["path"]].items():
                if key not in now:
                    episode["gone"] = row["timestamp"]
            running[row["path"]] = now
    # Episodes of one diagnostic that begin in the same microsecond share their id.
    unique: dict[Any, dict[str, Any]] = {}
    for episode in found:
        key = (episode["project_id"], episode["path"], episode["key"], episode["first_seen"])
        if key in unique:
            unique[key]["publications"] += episode["publications"]
        else:
            unique[key] = episode
    return list(unique.values())


def ruled_out(episode: dict[str, Any]) -> str | None:
    """Why an episode takes no part in the sampling."""
    if episode["key"][0] == "ruff[E501]":
        return "stylistic"
    return "has_code_action" if episode["action"] else None


@settings(max_examples=100)
@given(
    projects, st.sampled_from(["F821", "syntax", "other"]), st.integers(0, 3), st.integers(0, 4), st.randoms()
)
def test_every_publication_is_accounted_for_as_the_oracle_says(
    recorded: list, of: str, cap_project: int, cap_type: int, random: Any
) -> None:
    sessions = []
    for number, events in enumerate(recorded):
        session, clock = Session(f"p{number}"), 0
        for pause, (kind, path, diagnostics) in events:
            clock += pause
            session.add(clock, kind, path, diagnostics)
        sessions.append(session)
    rows = [row for session in sessions for row in session.rows]
    random.shuffle(rows)  # the order of the rows says nothing
    table = pa.Table.from_pylist(rows, schema=SCHEMA)

    found = oracle(sessions, of, settle=3.0)
    expected = [episode for episode in found if not ruled_out(episode)]
    every, _, counts = sample(table, of=of)
    got = [
        tuple(
            row[name]
            for name in ("project_id", "path", "first_seen", "gone", "publications", "moment", "sequence")
        )
        for row in every.to_pylist()
    ]
    assert sorted(got, key=str) == sorted(
        (
            tuple(
                episode[n]
                for n in ("project_id", "path", "first_seen", "gone", "publications", "moment", "sequence")
            )
            for episode in expected
            if episode["moment"] is not None
        ),
        key=str,
    )
    by_place = {
        (r["project_id"], r["sequence"], json.dumps(r["recorded"], sort_keys=True)) for r in every.to_pylist()
    }
    assert by_place == {
        (episode["project_id"], episode["sequence"], json.dumps(episode["recorded"], sort_keys=True))
        for episode in expected
        if episode["moment"]
    }

    refused = {"p0": "private"}
    sampled, rejects, counts = sample(
        table, of=of, refused=refused, cap_per_project=cap_project, cap_per_type=cap_type
    )
    by_reason = reasons(rejects)
    others = [episode for episode in expected if episode["project_id"] != "p0"]
    settled = Counter(episode["project_id"] for episode in others if episode["moment"] is not None)
    over = sum(max(0, count - cap_project) for count in settled.values())
    assert counts.publications == sum(episode["publications"] for episode in found)
    assert counts.publications == sampled.num_rows + sum(by_reason.values())
    ours = [episode for episode in found if episode["project_id"] != "p0"]
    assert by_reason.get("same_episode", 0) == sum(episode["publications"] - 1 for episode in ours)
    for reason in ("stylistic", "has_code_action"):
        assert by_reason.get(reason, 0) == sum(ruled_out(episode) == reason for episode in ours)
    assert by_reason.get("never_settled", 0) == sum(episode["moment"] is None for episode in others)
    assert by_reason.get("private", 0) == sum(e["publications"] for e in found if e["project_id"] == "p0")
    assert by_reason.get("cap_project", 0) == over
    assert by_reason.get("cap_type", 0) == max(0, settled.total() - over - cap_type)


@settings(max_examples=25)
@given(projects, st.integers(0, 3), st.integers(1, 9), st.integers(1, 40), st.randoms())
def test_the_sample_is_the_same_whatever_the_partitioning_of_the_input(
    recorded: list, cap: int, tables: int, chunk_rows: int, random: Any
) -> None:
    """Projects spread at random over tables, tables in any order, chunks of any size."""
    sessions = [Session(f"p{number}") for number in range(3 * len(recorded))]
    for number, session in enumerate(sessions):
        for clock, (_, (kind, path, diagnostics)) in enumerate(recorded[number % len(recorded)]):
            session.add(clock + number, kind, path, diagnostics)
    chosen: dict[str, Any] = {"refused": {"p1": "private"}, "cap_per_project": cap, "cap_per_type": 2 * cap}
    whole = sample(pa.concat_tables([session.table() for session in sessions]), **chosen)
    spread: list[list[pa.Table]] = [[SCHEMA.empty_table()] for _ in range(tables)]
    for session in random.sample(sessions, len(sessions)):
        random.choice(spread).append(session.table())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "CHUNK_ROWS", chunk_rows)
        other = sample(*map(pa.concat_tables, spread), **chosen)
    assert other[0].equals(whole[0])
    assert other[2] == whole[2]
    assert other[1].equals(whole[1])  # each line is of one project, so chunks do not matter


# --- scale -----------------------------------------------------------------------------------------


def busy(project_id: str, publications: int, at_once: int) -> pa.Table:
    """A project that republishes `at_once` diagnostics after every edit."""
    n = publications // at_once
    moments = np.arange(2 * n, dtype=np.int64) * 1_000_000
    ot = np.arange(2 * n) % 2 == 0
    flat = n * at_once
    item = SCHEMA.field("diagnostics").type.value_type
    # A message stays for ten publications.
    names = np.char.add(
        "Undefined name `x",
        (np.arange(flat) // (10 * at_once) * at_once + np.arange(flat) % at_once).astype(str),
    )
    fields = {
        "code": pa.array(["ruff[F821]"] * flat),
        "message": pa.array(names),
        "severity": pa.nulls(flat, pa.string()),
    }
    fields |= {name: pa.array(np.arange(flat, dtype=np.int32) % at_once) for name in item.names[3:7]}
    fields["code_action"] = pa.nulls(flat, pa.bool_())
    structs = pa.StructArray.from_arrays(list(fields.values()), fields=list(item))
    offsets = np.concatenate([[0], np.cumsum(np.where(ot, 0, at_once))]).astype(np.int32)
    columns = {
        "project_id": pa.array([project_id] * (2 * n)),
        "session_id": pa.nulls(2 * n, pa.string()),
        "timestamp": pa.array(moments).cast(SCHEMA.field("timestamp").type),
        "sequence": pa.array(np.arange(2 * n)),
        "kind": pa.array(np.where(ot, "ot", "diagnostics")),
        "path": pa.array(["main.py"] * (2 * n)),
        "diagnostics": pa.ListArray.from_arrays(pa.array(offsets), structs),
    }
    return pa.table(columns, schema=SCHEMA)


def test_a_million_publications_take_seconds() -> None:
    tables = [busy(f"p{n}", 50_000, 5) for n in range(20)]
    # Ten millions are to take less than two minutes.
    with cpu_bound(30):
        sampled, rejects, counts = sample(*tables, settle_seconds=1.0, cap_per_type=500)
    assert counts.publications == 1_000_000
    assert counts.publications == sampled.num_rows + sum(rejects["rows"].to_pylist())
    assert counts.episodes == 100_000


def test_the_schema_of_episodes_holds_the_sample() -> None:
    assert EPISODES.names[: len(SAMPLED_EPISODES)] == SAMPLED_EPISODES.names
