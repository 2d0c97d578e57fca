"""Git histories, on repositories that each test makes in a folder of its own."""

import os
import pickle
import resource
import subprocess
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from repair.curation.consent import LICENCE, Terms, consent_records
from repair.curation.policy import project_reject
from repair.errors import ConfigurationError
from repair.ot import packets as ot
from repair.recording.event import Event, Project
from repair.recording.snapshots import with_snapshots
from repair.schema.events import EventKind, FileOperation, Visibility
from repair.sources import git
from repair.sources.git import projects_and_events
from repair.sources.git_process import MEMORY_BYTES
from repair.sources.git_repository import GitError, GitRepository
from repair.text.paths import is_readable
from tests.licence_texts import MIT
from tests.repair.sources.git_repositories import Repo, history_with_merges

TERMS = Terms(now=datetime(2026, 1, 5, tzinfo=UTC))
BY_LICENCE = consent_records(LICENCE)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "project")


def read(repo: Repo, **options: int) -> list[Event]:
    ((_, events),) = [
        (project, list(events)) for project, events in projects_and_events([repo.folder], **options)
    ]
    return events


def final(events: list[Event]) -> dict[str, bytes]:
    """The files after all events; whatever does not replay fails the test."""

    def broken(project: str, path: str, error: Exception) -> None:
        raise AssertionError(f"{path}: {error}") from error

    stored = list(with_snapshots(events, broken))
    last = stored[-1].timestamp
    return {
        event.path: event.content or b""
        for event in stored
        if event.kind == EventKind.SNAPSHOT and event.timestamp == last and event.path is not None
    }


def checked_out(repo: Repo) -> dict[str, bytes]:
    """What git itself says of the newest commit."""
    names = repo.run("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
    return {name: (repo.folder / name).read_bytes() for name in names if name and is_readable(name)}


def shape(events: list[Event]) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(event.kind, event.operation, event.path, event.destination) for event in events]


def test_a_file_that_comes_changes_moves_and_goes(repo: Repo) -> None:
    repo.write("a.py", "x = 1\ny = 2\nz = 3\n")
    repo.write("README.md", "not read by a server")
    repo.commit()
    repo.write("a.py", "x = 1\ny = 20\nz = 3\n")
    repo.write("README.md", "changed")
    repo.commit()
    repo.run("mv", "a.py", "b.py")
    repo.write("b.py", "x = 1\ny = 20\nz = 30\n")
    repo.commit()
    (repo.folder / "b.py").unlink()
    repo.commit()
    events = read(repo)
    assert shape(events) == [
        (EventKind.FILE, FileOperation.CREATE, "a.py", None),
        (EventKind.OT, None, "a.py", None),
        (EventKind.FILE, FileOperation.MOVE, "a.py", "b.py"),
        (EventKind.OT, None, "b.py", None),
        (EventKind.FILE, FileOperation.REMOVE, "b.py", None),
    ]
    packets = [ot.decode_packet(event.packet) for event in events if event.packet]
    assert [packet.version for packet in packets] == [1, 2]  # goes on under the new name
    assert packets[0].ops == (ot.Skip(11), ot.Insert("0"))
    assert final(events) == {}


# What a file may hold before and after, and how the change is recorded.
CONTENTS = [
    ("crlf", b"a = 1\r\nb = 2\r\n", b"a = 1\r\nb = 3\r\n", EventKind.OT),  # line endings stay
    ("endings", b"a = 1\r\n", b"a = 1\n", EventKind.OT),  # git's conversion must not hide it
    ("emoji", "x = '🐍'\ny = 1\n".encode(), "x = '🐍🐍'\ny = 2\n".encode(), EventKind.OT),  # code points
    ("bom", b"\xef\xbb\xbfx = 1\n", b"x = 1\n", EventKind.OT),  # a mark is a character
    ("to latin-1", b"x = 1\n", b"x = '\xe9'\n", EventKind.FILE),  # not UTF-8: no text to edit
    ("from latin-1", b"x = '\xe9'\n", "x = 'é'\n".encode(), EventKind.FILE),
    ("nul", b"x = 1\n", b"x = '\0'\n", EventKind.OT),  # git calls it binary, it is UTF-8
    ("emptied", b"x = 1\n", b"", EventKind.OT),
    ("filled", b"", b"x = 1\n", EventKind.OT),
    ("form feed", b"a\x0cb\n", b"a\x0cc\n", EventKind.OT),  # str.splitlines would end a line there
]


@pytest.mark.parametrize(
    ("before", "after", "kind"), [row[1:] for row in CONTENTS], ids=[row[0] for row in CONTENTS]
)
def test_every_content_replays(repo: Repo, before: bytes, after: bytes, kind: EventKind) -> None:
    repo.write(".gitattributes", "*.py -text\n")  # else git itself would change line endings on the way in
    repo.write("a.py", before)
    repo.commit()
    repo.write("a.py", after)
    repo.commit()
    events = read(repo)
    assert [event.kind for event in events] == [EventKind.FILE, kind]
    assert final(events) == {"a.py": after}


@pytest.mark.parametrize(
    "name", ["with space.py", "ünï.py", 'quo"te.py', "-dash.py", "a/b c/d.py", "🐍.py", ":x.py"]
)
def test_odd_names_come_through(repo: Repo, name: str) -> None:
    repo.write(name, "x = 1\n")
    repo.commit()
    repo.write(name, "x = 2\n")
    repo.commit()
    assert {event.path for event in read(repo)} == {name}
    assert final(read(repo)) == {name: b"x = 2\n"}


def test_what_can_not_be_recorded_is_counted(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    other.write("x.py", "")
    other.commit()
    repo.write("good.py", "x = 1\n")
    repo.write("new\nline.py", "x = 1\n")  # would be two lines of a prompt
    (repo.folder / "link.py").symlink_to("good.py")
    repo.run("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "sub")
    repo.commit()
    repo.run("config", "core.quotePath", "false")
    raw = os.fsdecode(b"\xff.py")  # no UTF-8 name
    (repo.folder / raw).write_text("x = 1\n")
    repo.commit()
    ignored: Counter[str] = Counter()
    ((_, events),) = projects_and_events([repo.folder], ignored=ignored)
    assert {event.path for event in events} == {"good.py"}
    assert ignored == {"symlink": 1, "submodule": 1, "unsafe_path": 2}


def test_a_file_that_becomes_a_symlink_is_gone_and_comes_back(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    (repo.folder / "a.py").unlink()
    (repo.folder / "a.py").symlink_to("b.txt")
    repo.commit()
    (repo.folder / "a.py").unlink()
    repo.write("a.py", "x = 2\n")
    repo.commit()
    operations = [event.operation for event in read(repo)]
    assert operations == [FileOperation.CREATE, FileOperation.REMOVE, FileOperation.CREATE]


def test_modes_are_no_change(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    (repo.folder / "a.py").chmod(0o755)
    repo.commit()
    assert len(read(repo)) == 1


# Times as git writes them -> the time of the event. The commits follow each other.
TIMES = [
    # zones: one instant, whatever the author's clock shows
    ("1700000000 +0530", "1700000000 -0800", 1_700_000_000.0),
    # rebased: written before the commit that it now follows
    ("1600000000 +0000", "1700000100 +0000", 1_700_000_000.001),
    # written earlier than committed: when it was written counts
    ("1700000050 +0000", "1700000200 +0000", 1_700_000_050.0),
    # the author's clock is ahead: not later than the committer's
    ("1900000000 +0000", "1700000300 +0000", 1_700_000_300.0),
    # both at the same second as the one before
    ("1700000300 +0000", "1700000300 +0000", 1_700_000_300.001),
]


def test_times_are_the_authors_and_rise(repo: Repo) -> None:
    for number, (author, committer, _) in enumerate(TIMES):
        repo.write("a.py", f"x = {number}\n")
        repo.write("b.py", f"x = {number}\n")
        repo.commit(author, committer)
    events = read(repo)
    wanted = [datetime.fromtimestamp(time, UTC) for _, _, time in TIMES for _ in ("a.py", "b.py")]
    assert [event.timestamp for event in events] == wanted
    assert [ot.decode_packet(event.packet).committed for event in events if event.packet] == wanted[2:]


def test_a_session_is_one_author_on_one_day_and_names_nobody(repo: Repo) -> None:
    day = 86_400
    for number, (address, moment) in enumerate(
        [("a@x.org", 0), ("b@x.org", 60), ("a@x.org", 120), ("a@x.org", day), ("a@x.org", day + 1)]
    ):
        repo.write("a.py", f"x = {number}\n")
        time = f"{1_700_000_000 + moment} +0000"
        repo.commit(time, time, GIT_AUTHOR_EMAIL=address)
    sessions = [event.session_id for event in read(repo)]
    assert len(set(sessions)) == 3
    assert sessions[0] == sessions[2] != sessions[3] == sessions[4]
    assert not any("x.org" in (session or "") for session in sessions)


def test_a_merge_is_what_it_brought_to_the_first_parent(repo: Repo) -> None:
    history_with_merges(repo)
    events = read(repo)
    assert [event.path for event in events] == [
        "a.py",
        "sub/b.py",
        "a.py",
        "c.py",
        "sub/b.py",
        "pyproject.toml",
    ]
    assert final(events) == checked_out(repo)


@pytest.mark.parametrize("newest", range(1, 6))
def test_the_newest_commits_begin_with_the_files_before_them(repo: Repo, newest: int) -> None:
    history_with_merges(repo)
    events = read(repo, max_commits=newest)
    assert final(events) == checked_out(repo)
    assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)
    commits = {event.timestamp for event in events}
    assert len(commits) == min(newest, 5) + (newest < 5)


def test_a_bare_repository_gives_the_same(repo: Repo, tmp_path: Path) -> None:
    history_with_merges(repo)
    bare = tmp_path / "project.git"
    subprocess.run(["git", "clone", "-q", "--bare", repo.folder, bare], check=True)
    ((project, events),) = projects_and_events([bare])
    assert project.project_id == "project"
    assert list(events) == read(repo)


def test_nothing_of_the_repository_runs(repo: Repo, tmp_path: Path) -> None:
    """Filters, hooks, pagers, external diffs and signature programs of its configuration stay unused."""
    repo.write(".gitattributes", "*.py diff=evil filter=evil\n")
    repo.write("a.py", "x = 1\n")
    repo.commit()
    repo.write("a.py", "x = 2\n")
    repo.commit()
    evidence = tmp_path / "evidence"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {evidence}\ncat\n")
    trap.chmod(0o755)
    for name in [
        "core.pager",
        "core.fsmonitor",
        "core.sshCommand",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.smudge",
        "filter.evil.clean",
        "gpg.program",
        "pager.log",
        "credential.helper",
    ]:
        repo.run("config", name, str(trap))
    repo.run("config", "log.showSignature", "true")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (repo.folder / ".git" / "hooks" / hook).write_text(trap.read_text())
        (repo.folder / ".git" / "hooks" / hook).chmod(0o755)
    before = sorted(path for path in repo.folder.rglob("*"))
    assert [event.kind for event in read(repo)] == [EventKind.FILE, EventKind.OT]
    assert not evidence.exists()
    assert sorted(path for path in repo.folder.rglob("*")) == before


def test_the_callers_git_variables_do_not_matter(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as inside a hook of another repository
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere")
    assert len(read(repo)) == 1


def test_an_empty_repository_has_no_events(repo: Repo) -> None:
    ((project, events),) = projects_and_events([repo.folder])
    assert (project.project_id, list(events)) == ("project", [])


def test_a_folder_without_a_repository_is_refused(repo: Repo) -> None:
    inside = repo.folder / "src"
    inside.mkdir()
    for folder in (inside, repo.folder.parent, repo.folder / "absent"):  # not even one below a repository
        with pytest.raises(ConfigurationError, match=folder.name):
            list(projects_and_events([folder]))


def test_a_shallow_clone_is_refused_and_told_how_to_be_completed(repo: Repo, tmp_path: Path) -> None:
    history_with_merges(repo)
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "2", f"file://{repo.folder}", shallow], check=True)
    with pytest.raises(ConfigurationError, match="fetch --unshallow"):
        list(projects_and_events([shallow]))


def test_without_git_it_says_so(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="install git"):
        list(projects_and_events([repo.folder]))


def test_a_lost_blob_is_an_error_that_names_it(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    blob = repo.run("rev-parse", "HEAD:a.py").strip()
    (repo.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(GitError, match=blob) as caught:
        read(repo)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert caught.value.reason == "bad_repository"


def test_projects_are_named_after_their_folders(tmp_path: Path) -> None:
    one, other, third = Repo(tmp_path / "a" / "tool"), Repo(tmp_path / "b" / "tool"), Repo(tmp_path / "third")

    def names(*folders: Path) -> list[str]:
        return [project.project_id for project, _ in projects_and_events(list(folders))]

    assert names(one.folder, third.folder) == ["tool", "third"]
    assert names(one.folder / ".git", other.folder, third.folder)[:2] == ["a-tool", "b-tool"]
    with pytest.raises(ConfigurationError, match="rename"):
        names(one.folder, one.folder)


@pytest.mark.parametrize("newest", [0, -1])
def test_an_impossible_number_of_commits_is_refused(repo: Repo, newest: int) -> None:
    with pytest.raises(ConfigurationError, match="max_commits"):
        read(repo, max_commits=newest)


def test_the_project_is_what_its_licence_and_the_caller_say(repo: Repo) -> None:
    def project(**options: str) -> Project:
        ((found, _),) = projects_and_events([repo.folder], **options)
        return found

    assert project() == Project("project", "public", "python", None, None)
    repo.write("LICENSE", MIT)
    repo.commit()
    assert project() == Project("project", "public", "python", "MIT", True, BY_LICENCE)
    assert project(licence="ISC", visibility=Visibility.PRIVATE) == Project(
        "project", "private", "python", "ISC", True, BY_LICENCE
    )


def test_a_licence_file_that_is_not_recognised_vetoes(repo: Repo) -> None:
    repo.write("LICENSE-MIT", MIT)
    repo.write("LICENSE", "Acme Commercial Licence. All rights reserved.")
    repo.commit()
    refused: list[str] = []
    ((found, _),) = projects_and_events([repo.folder], refused=refused)
    assert found == Project("project", "public", "python", None, None)
    assert project_reject(asdict(found), TERMS) == "unknown_consent"
    assert refused == ["project: LICENSE: not the whole text of a known permissive licence"]


def test_a_licence_file_that_is_a_link_vetoes(repo: Repo) -> None:
    repo.write("MIT.txt", MIT)
    repo.write("LICENSE-MIT", MIT)
    (repo.folder / "LICENSE").symlink_to("MIT.txt")
    repo.commit()
    ((found, _),) = projects_and_events([repo.folder])
    assert found == Project("project", "public", "python", None, None)


@pytest.mark.parametrize("licence", ["LicenseRef-Proprietary", "NONE", "GPL-3.0-only", "All rights reserved"])
def test_a_named_licence_that_does_not_permit_is_no_consent(repo: Repo, licence: str) -> None:
    refused: list[str] = []
    ((found, _),) = projects_and_events([repo.folder], licence=licence, refused=refused)
    assert (found.licence, found.consent) == (licence, None)
    assert len(refused) == 1 and licence in refused[0]
    assert project_reject(asdict(found), TERMS) in ("unknown_consent", "licence_no_consent")


def test_copyleft_that_a_caller_names_is_consent_where_the_deployment_says_so(repo: Repo) -> None:
    ((found, _),) = projects_and_events([repo.folder], licence="GPL-3.0-only")
    assert project_reject(asdict(found), TERMS) == "licence_no_consent"
    assert project_reject(asdict(found), replace(TERMS, licences={"GPL-3.0-only"})) is None


def test_git_is_asked_for_all_that_the_servers_read(repo: Repo) -> None:
    names = [
        "a.py",
        "b.pyi",
        "d/pyproject.toml",
        "pyrightconfig.json",
        "ruff.toml",
        ".ruff.toml",
        "x/y/z.py",
        "setup.cfg",
    ]
    for name in [*names, "a.pyc", "tox.ini", "README.md", "my-ruff.toml"]:
        repo.write(name, "x\n")
    repo.commit()
    assert all(is_readable(name) for name in names)
    assert {event.path for event in read(repo)} == set(names)


def test_a_large_file_is_recorded_whole(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("a.py", "x = 1\n" * 1000)
    repo.commit()
    repo.write("a.py", "x = 2\n" * 1000)
    repo.commit()
    monkeypatch.setattr(git, "LARGEST_COMPARED", 1000)
    assert [event.operation for event in read(repo)] == [FileOperation.CREATE, FileOperation.MODIFY]


def test_the_child_process_ends_with_the_repository(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    with GitRepository(repo.folder) as repository:
        head = repository.head()
        assert head is not None
        (entry,) = repository.tree(head)
        assert repository.blob(entry.blob) == b"x = 1\n"
        [(child, _)] = repository._readers.values()
        assert child.poll() is None
        assert resource.prlimit(child.pid, resource.RLIMIT_DATA) == (MEMORY_BYTES, MEMORY_BYTES)
    assert child.poll() is not None
    assert not repository._readers


def test_a_commit_of_an_impossible_time_counts_from_the_one_before(repo: Repo) -> None:
    present = datetime.fromtimestamp(1_700_000_000, UTC)
    for number, clock in enumerate(("1600000000", "4000000000", "1650000000")):
        repo.write("a.py", f"x = {number}\n")
        repo.commit(f"{clock} +0000", f"{clock} +0000")
    ((_, events),) = [
        (project, list(events)) for project, events in projects_and_events([repo.folder], now=present)
    ]
    seconds = [event.timestamp.timestamp() for event in events]
    assert seconds == [1_600_000_000, 1_600_000_000.001, 1_650_000_000]


def test_names_that_differ_in_case_alone_are_two_files(repo: Repo) -> None:
    repo.write("Main.py", "a = 1\n")
    repo.write("main.py", "b = 1\n")
    repo.commit()
    assert final(read(repo)) == checked_out(repo) == {"Main.py": b"a = 1\n", "main.py": b"b = 1\n"}
