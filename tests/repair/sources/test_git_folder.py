"""What a stranger writes into the folder of a repository: it leads to no other one and changes no event."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from repair.cli import main
from repair.errors import ConfigurationError, RepairError
from repair.recording.reader import Recording
from repair.sources import git, git_process, git_repository, spool
from repair.sources.git import projects_and_events
from repair.sources.git_process import GitError
from tests.repair.sources.git_repositories import Repo, history_with_merges


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "project")
    history_with_merges(made)
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "victim")
    made.write("secret.py", "KEY = 'of the victim'\n")
    made.commit()
    return made


def read(*folders: Path, **options: object) -> list[object]:
    return [
        (project, [str(event) for event in events])
        for project, events in projects_and_events(folders, **options)
    ]


# Settings of a repository that change what git's porcelain says, in values that are far from the default.
SETTINGS = [
    "core.quotePath=true",
    "core.precomposeUnicode=true",
    "core.ignoreCase=true",
    "core.abbrev=4",
    "core.bare=true",
    "core.logAllRefUpdates=always",
    "core.attributesFile=.git/evil",
    "core.commitGraph=true",
    "core.bigFileThreshold=1",
    "core.worktree=/nowhere",
    "core.sparseCheckout=true",
    "core.notesRef=refs/heads/main",
    "core.autocrlf=true",
    "core.eol=crlf",
    "core.warnAmbiguousRefs=false",
    "core.compression=0",
    "core.useReplaceRefs=true",
    "core.symlinks=false",
    "core.fileMode=false",
    "core.repositoryFormatVersion=1",
    "extensions.worktreeConfig=true",
    "log.diffMerges=off",
    "log.date=relative",
    "log.decorate=full",
    "log.follow=true",
    "log.mailmap=true",
    "log.showRoot=false",
    "log.showSignature=true",
    "log.abbrevCommit=true",
    "log.excludeDecoration=*",
    "log.initialDecorationSet=all",
    "i18n.logOutputEncoding=UTF-16",
    "i18n.commitEncoding=UTF-16",
    "diff.renames=false",
    "diff.renameLimit=1",
    "diff.noprefix=true",
    "diff.relative=true",
    "diff.orderFile=.git/order",
    "diff.ignoreSubmodules=all",
    "diff.submodule=log",
    "diff.algorithm=patience",
    "diff.mnemonicPrefix=true",
    "diff.external=false",
    "diff.interHunkContext=3",
    "diff.colorMoved=zebra",
    "diff.wsErrorHighlight=all",
    "diff.suppressBlankEmpty=true",
    "diff.autoRefreshIndex=false",
    "diff.statGraphWidth=1",
    "diff.evil.binary=true",
    "diff.evil.xfuncname=x",
    "diff.trustExitCode=true",
    "diff.noIndex=true",
    "diff.context=0",
    "diff.dirstat=lines",
    "format.pretty=oneline",
    "format.notes=true",
    "color.ui=always",
    "color.diff=always",
    "column.ui=always",
    "grep.lineNumber=true",
    "pager.log=false",
    "rev.maxCount=1",
    "mailmap.file=.git/mailmap",
    "mailmap.blob=HEAD:a.py",
    "notes.displayRef=refs/*",
    "submodule.recurse=true",
    "pack.packSizeLimit=1",
    "fetch.fsckObjects=true",
    "gc.auto=1",
    "feature.manyFiles=true",
    "include.path=/dev/zero",
    "includeIf.gitdir:/.path=/dev/zero",
    "remote.origin.url=ext::false",
    "attr.tree=HEAD",
    "uploadpack.allowFilter=true",
    "blame.showEmail=true",
    "tag.sort=x",
    "versionsort.suffix=a",
    "branch.main.merge=refs/x",
    "alias.log=!false",
    "alias.rev-list=!false",
    "trace2.eventTarget=/tmp/evil",
    "transfer.hideRefs=refs/heads",
]


def test_no_setting_of_a_repository_changes_an_event(repo: Repo) -> None:
    repo.write("moved/top.py", "y = 1\n" * 30)
    repo.commit()
    repo.run("mv", "moved/top.py", "moved/other.py")
    repo.write("moved/other.py", "y = 1\n" * 29 + "z = 2\n")
    repo.commit(GIT_AUTHOR_EMAIL="ä@example.com")
    wanted = read(repo.folder)
    (repo.folder / ".git" / "order").write_text("z*\n")
    (repo.folder / ".git" / "mailmap").write_text("B <b@example.org> <a@example.com>\n")
    for name in (".git/evil", ".git/info/attributes", ".gitattributes"):
        (repo.folder / name).write_text("*.py diff=evil -text -diff working-tree-encoding=UTF-16\n")
    config = repo.folder / ".git" / "config"
    for number, setting in enumerate(SETTINGS):
        name, _, value = setting.partition("=")
        section, _, key = name.rpartition(".")
        section, _, sub = section.partition(".")
        with config.open("a") as file:
            file.write(f'[{section} "{sub}"]\n' if sub else f"[{section}]\n")
            file.write(f"\t{key} = {value}\n")
        if number % 8 == 0 or setting == SETTINGS[-1]:
            assert read(repo.folder) == wanted, setting  # with those before it


def test_grafts_and_replaced_objects_are_not_seen(repo: Repo) -> None:
    wanted = read(repo.folder)
    head, first = repo.run("rev-list", "HEAD").split()[:: len(repo.run("rev-list", "HEAD").split()) - 1]
    (repo.folder / ".git" / "info" / "grafts").write_text(f"{head}\n")
    repo.run("replace", head, first)
    assert read(repo.folder) == wanted


def test_a_forged_index_of_commits_is_not_believed(repo: Repo) -> None:
    repo.run("commit-graph", "write", "--reachable")
    wanted = read(repo.folder)
    graph = repo.folder / ".git" / "objects" / "info" / "commit-graph"
    graph.chmod(0o644)
    graph.write_bytes(graph.read_bytes()[:200] + b"\xff" * 100)
    assert read(repo.folder) == wanted


def gitfile(folder: Path, victim: Path) -> None:
    (folder / ".git").write_text(f"gitdir: {victim}/.git\n")


def linked_folder(folder: Path, victim: Path) -> None:
    (folder / ".git").symlink_to(victim / ".git")


def common(folder: Path, victim: Path) -> None:
    own = folder / ".git"
    own.mkdir()
    shutil.copy(victim / ".git" / "HEAD", own)
    (own / "commondir").write_text(f"{victim}/.git\n")


def worktree_of_his_own(folder: Path, victim: Path) -> None:
    own = folder / "x" / "worktrees" / "w"
    own.mkdir(parents=True)
    shutil.copy(victim / ".git" / "HEAD", own)
    (own / "commondir").write_text(f"{victim}/.git\n")
    (own / "gitdir").write_text(f"{folder}/.git\n")  # points back, and proves nothing
    (folder / ".git").write_text(f"gitdir: {own}\n")


def worktree_of_the_victim(folder: Path, victim: Path) -> None:
    linked = victim.parent / "linked"
    subprocess.run(["git", "-C", victim, "worktree", "add", "-q", linked], check=True)
    (folder / ".git").write_text((linked / ".git").read_text())


def alternates(folder: Path, victim: Path) -> None:
    copied(folder, victim, "HEAD", "refs", "config")
    info = folder / ".git" / "objects" / "info"
    info.mkdir(parents=True)
    (info / "alternates").write_text(f"{victim}/.git/objects\n")


def http_alternates(folder: Path, victim: Path) -> None:
    copied(folder, victim, "HEAD", "refs", "config", "objects")
    (folder / ".git" / "objects" / "info" / "http-alternates").write_text(f"{victim}/.git/objects\n")


def copied(folder: Path, victim: Path, *names: str) -> None:
    (folder / ".git").mkdir(exist_ok=True)
    for name in names:
        part = victim / ".git" / name
        copy = shutil.copytree if part.is_dir() else shutil.copy
        copy(part, folder / ".git" / name)


def with_link(name: str) -> Callable[[Path, Path], None]:
    def make(folder: Path, victim: Path) -> None:
        copied(folder, victim, "HEAD", "refs", "config", "objects")
        link = folder / ".git" / name
        target = victim / ".git" / name
        if link.is_dir():
            shutil.rmtree(link)
        else:
            link.unlink(missing_ok=True)
        link.symlink_to(target)

    return make


def loose_folder(folder: Path, victim: Path) -> None:
    copied(folder, victim, "HEAD", "refs", "config", "objects")
    [part, *_] = [path for path in (folder / ".git" / "objects").iterdir() if len(path.name) == 2]
    shutil.rmtree(part)
    part.symlink_to(victim / ".git" / "objects" / part.name)


def pipe(folder: Path, victim: Path) -> None:
    copied(folder, victim, "HEAD", "refs", "objects")
    os.mkfifo(folder / ".git" / "config")


def ref_above(folder: Path, victim: Path) -> None:
    copied(folder, victim, "refs", "objects")
    (folder / ".git" / "HEAD").write_text("ref: refs/../../../victim/.git/refs/heads/main\n")


def bare_with_links(folder: Path, victim: Path) -> None:
    shutil.copytree(victim / ".git", folder, dirs_exist_ok=True)
    shutil.rmtree(folder / "objects")
    (folder / "objects").symlink_to(victim / ".git" / "objects")


ELSEWHERE = [
    gitfile,
    linked_folder,
    common,
    worktree_of_his_own,
    worktree_of_the_victim,
    alternates,
    http_alternates,
    loose_folder,
    pipe,
    ref_above,
    bare_with_links,
]
LINKS = ["HEAD", "config", "packed-refs", "objects", "refs", "info", "refs/heads", "refs/heads/main"]


@pytest.mark.parametrize(
    "make",
    [*ELSEWHERE, *map(with_link, [*LINKS, "objects/pack", "objects/info"])],
    ids=[*(make.__name__ for make in ELSEWHERE), *LINKS, "objects/pack", "objects/info"],
)
def test_another_repository_is_refused(
    tmp_path: Path, victim: Repo, make: Callable[[Path, Path], None]
) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    make(folder, victim.folder)
    with pytest.raises((ConfigurationError, GitError)) as caught:
        read(folder)
    assert str(folder) in str(caught.value)
    assert "of the victim" not in str(caught.value)


def test_a_work_tree_that_git_linked_is_read(repo: Repo, tmp_path: Path) -> None:
    repo.run("worktree", "add", "-q", str(tmp_path / "linked"), "side")
    [(project, events)] = read(tmp_path / "linked")
    assert "linked" in str(project)
    assert len(events) == 4  # two files of the first commit, then c.py twice


def test_a_submodule_is_read_where_its_repository_points_back(repo: Repo, victim: Repo) -> None:
    repo.run("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(victim.folder), "module")
    [(_, events)] = read(repo.folder / "module")
    assert len(events) == 1
    shutil.move(repo.folder / "module", repo.folder / "elsewhere")
    with pytest.raises(ConfigurationError, match="does not name this folder"):
        read(repo.folder / "elsewhere")


def test_a_repository_of_sha256_and_packed_branches_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "project", "--object-format=sha256")
    history_with_merges(repo)
    wanted = read(repo.folder)
    repo.run("gc", "-q")
    repo.run("pack-refs", "--all")
    assert not (repo.folder / ".git" / "refs" / "heads" / "main").exists()
    assert read(repo.folder) == wanted != []


def partial(repo: Repo, folder: Path) -> None:
    repo.run("config", "uploadpack.allowFilter", "true")
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--filter=blob:none", f"file://{repo.folder}", folder], check=True
    )


def test_a_partial_clone_is_refused_and_costs_the_others_nothing(
    repo: Repo, victim: Repo, tmp_path: Path
) -> None:
    partial(repo, tmp_path / "part")
    with pytest.raises(ConfigurationError, match="without --filter"):
        read(tmp_path / "part")
    (tmp_path / "part" / "config").write_text("")  # its packs tell it too
    folders = [str(repo.folder), str(tmp_path / "part"), str(victim.folder)]
    done = CliRunner().invoke(main, ["import", "git", *folders, "--out", str(tmp_path / "rec")])
    assert done.exit_code == 0, done.output
    assert f"{tmp_path}/part is refused" in done.output and "without --filter" in done.output
    assert "refused" in done.output
    names = Recording(tmp_path / "rec").projects()["project_id"].to_pylist()
    assert names == ["project", "victim"]
    checked = CliRunner().invoke(main, ["import", "git", *folders, "--check"])
    assert checked.exit_code == 1  # something is wrong


def test_if_all_are_refused_nothing_is_written(repo: Repo, tmp_path: Path) -> None:
    partial(repo, tmp_path / "part")
    for names in (["part"], ["part", "absent"]):
        folders = [str(tmp_path / name) for name in names]
        done = CliRunner().invoke(main, ["import", "git", *folders, "--out", str(tmp_path / "rec")])
        assert done.exit_code == 2
        assert not (tmp_path / "rec").exists()


def lose_first_blob(repo: Repo) -> None:
    blob = repo.run("rev-parse", "HEAD:pyproject.toml").strip()
    (repo.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


def corrupt_blob(repo: Repo) -> None:
    blob = repo.run("rev-parse", "HEAD:pyproject.toml").strip()
    file = repo.folder / ".git" / "objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"\x00" + file.read_bytes()[1:])


def corrupt_tree(repo: Repo) -> None:
    tree = repo.run("rev-parse", "HEAD~1^{tree}").strip()
    (repo.folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()


def head_of_nothing(repo: Repo) -> None:
    (repo.folder / ".git" / "HEAD").write_text("0" * 39 + "1\n")


def head_in_a_circle(repo: Repo) -> None:
    (repo.folder / ".git" / "HEAD").write_text("ref: refs/heads/a\n")
    (repo.folder / ".git" / "refs" / "heads" / "a").write_text("ref: refs/heads/a\n")


def head_of_no_branch(repo: Repo) -> None:
    (repo.folder / ".git" / "HEAD").write_text("ref: refs/heads/absent\n")


def odd_head(repo: Repo) -> None:
    (repo.folder / ".git" / "HEAD").write_bytes(b"\xff\x00")


def huge_config(repo: Repo) -> None:
    with (repo.folder / ".git" / "config").open("ab") as file:
        file.truncate(100 << 20)


@pytest.mark.parametrize(
    "damage",
    [
        lose_first_blob,
        corrupt_blob,
        corrupt_tree,
        head_of_nothing,
        head_in_a_circle,
        head_of_no_branch,
        odd_head,
        huge_config,
    ],
)
def test_a_repository_that_fails_in_the_middle_leaves_nothing(
    repo: Repo, victim: Repo, damage: Callable[[Repo], None]
) -> None:
    damage(repo)
    refused: list[tuple[Path, Exception]] = []
    ignored: Counter[str] = Counter()
    found = read(repo.folder, victim.folder, unreadable=lambda *both: refused.append(both), ignored=ignored)
    assert len(found) == 1 and "victim" in str(found[0])
    [(folder, error)] = refused
    assert folder == repo.folder and isinstance(error, RepairError)
    assert str(error).isprintable()
    assert not ignored


def objects_of(repo: Repo, *entries: tuple[str, str, str, str]) -> str:
    lines = "".join(f"{mode} {kind} {name}\t{path}\0" for mode, kind, name, path in entries)
    done = subprocess.run(
        ["git", "-C", repo.folder, "mktree", "-z"], input=lines.encode(), capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit_of(repo: Repo, tree: str) -> None:
    now = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    repo.run("update-ref", "refs/heads/main", repo.run("commit-tree", "-m", "m", tree, **now).strip())


def test_trees_in_trees_are_refused_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "bomb")
    repo.write("a.py", "x = 1\n")
    blob = repo.run("hash-object", "-w", "a.py").strip()
    tree = objects_of(repo, *(("100644", "blob", blob, f"a{number}.txt") for number in range(100)))
    for _ in range(5):
        tree = objects_of(repo, *(("040000", "tree", tree, f"d{number}") for number in range(50)))
    commit_of(repo, tree)
    monkeypatch.setattr(git_repository, "MOST_FILES", 10_000)
    for licence in (None, "MIT"):
        with pytest.raises(GitError, match="over 10,000 files"):
            read(repo.folder, licence=licence)


def test_a_huge_file_is_counted_and_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "large")
    monkeypatch.setattr(git, "LARGEST_CONTENT", 1000)
    monkeypatch.setattr(git, "LARGEST_LICENCE", 500)
    asked: list[str] = []
    blob = git_repository.GitRepository.blob
    monkeypatch.setattr(
        git_repository.GitRepository, "blob", lambda self, name: asked.append(name) or blob(self, name)
    )
    repo.write("LICENSE", "MIT License\n" * 100)
    for text in ("x = 1\n", "x = 1\n" * 1000, "x = 2\n"):
        repo.write("a.py", text)
        repo.commit()
    ignored: Counter[str] = Counter()
    [(project, events)] = read(repo.folder, ignored=ignored)
    assert [event.split("operation='")[1].split("'")[0] for event in events] == ["create", "remove", "create"]
    assert ignored == {"too_large": 1}
    assert len(asked) == 2
    assert "licence=None" in str(project)


def test_limits_of_one_repository_are_refusals(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value, words in [
        (git_repository, "MOST_COMMITS", 2, "over 2 commits"),
        (git_repository, "MOST_FILES", 2, "over 2 files"),
        (git_repository, "MOST_CHANGES", 1, "over 1 changes"),
        (git_process, "LARGEST_FIELD", -1, "in one piece"),
        (spool, "MOST_BYTES", 100, "over 100 bytes"),
    ]:
        with monkeypatch.context() as patch, pytest.raises(RepairError, match=words):
            patch.setattr(module, name, value)
            read(repo.folder)


def test_a_git_that_says_nothing_is_ended(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(git_process, "STALL_SECONDS", 0.2)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    with pytest.raises(GitError, match="git config"):
        read(repo.folder)
    (repo.folder / ".git" / "config").unlink()
    with pytest.raises(GitError, match="took too long"):
        read(repo.folder)


# Clocks of the commits -> seconds of the first event. The present is 1.7e9.
CLOCKS = [
    ((4_000_000_000, 1_600_000_000), 1_600_000_000),
    ((0, 1_600_000_000), 1_600_000_000),
    ((86_400, 4_000_000_000, 1_600_000_000), 1_600_000_000),
    ((4_000_000_000,), 0.001),  # no commit has a time
    ((1_600_000_000, 4_000_000_000), 1_600_000_000),
]


@pytest.mark.parametrize(("clocks", "first"), CLOCKS)
def test_a_first_commit_without_a_time_has_that_of_the_next(
    tmp_path: Path, clocks: tuple[int, ...], first: float
) -> None:
    repo = Repo(tmp_path / "clocks")
    for number, clock in enumerate(clocks):
        repo.write("a.py", f"x = {number}\n")
        repo.commit(f"@{clock} +0000", f"@{clock} +0000")
    now = datetime.fromtimestamp(1_700_000_000, UTC)
    [(_, events)] = [
        (project, list(events)) for project, events in projects_and_events([repo.folder], now=now)
    ]
    steps = [event.timestamp.timestamp() - first for event in events]
    assert steps == pytest.approx([number / 1000 for number in range(len(clocks))], abs=1e-6)


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_a_name_that_looks_like_another_is_counted(tmp_path: Path, mark: str) -> None:
    repo = Repo(tmp_path / "bidi")
    repo.write(f"a{mark}yp.exe.py", "x = 1\n")
    repo.write("family_👨‍👩‍👧.py", "x = 1\n")  # joined by a character that is no such mark
    repo.commit()
    ignored: Counter[str] = Counter()
    [(_, events)] = read(repo.folder, ignored=ignored)
    assert len(events) == 1
    assert ignored == {"unsafe_path": 1}


def test_a_commit_in_another_encoding_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "encoded")
    for number, encoding in enumerate(("UTF-16", "latin-1", "no such one", "UTF-7")):
        repo.write("a.py", f"x = {number}\n")
        repo.run("config", "i18n.commitEncoding", encoding)
        repo.commit(GIT_AUTHOR_EMAIL="\udcff\udcfe@x")
    [(_, events)] = read(repo.folder)
    assert len(events) == 4
