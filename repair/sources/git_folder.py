"""Confinement of a git repository to its own folder: where its objects and its newest commit are.

A stranger can write what he likes into his folder, but nothing outside of it. So nothing is followed that
could lead to another repository: no symbolic link, no alternate objects, no `commondir`, and a `.git`
file only where what it names points back, as `git worktree` and `git submodule` write it.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repair.errors import ConfigurationError
from repair.sources.git_process import GitError, configuration_of
from repair.text.paths import safe_path

_OBJECT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_FOLDERS = ("objects", "refs", "info")
_FILES = ("HEAD", "config", "packed-refs", "shallow")
_ALTERNATES = ("alternates", "http-alternates")
_LARGEST_SETTING = 1 << 20
_MOST_SYMBOLIC = 5
"""As many symbolic references as git follows."""


@dataclass(frozen=True, slots=True)
class GitFolder:
    """The two parts of a repository: they differ for a linked worktree only."""

    own: Path
    """Holds HEAD."""
    common: Path
    """Holds objects and references."""

    @property
    def objects(self) -> Path:
        """The folder of the objects."""
        return self.common / "objects"

    def newest_commit(self) -> str | None:
        """The object that HEAD names; None for a repository without any commit.

        Raises GitError if HEAD names a branch that is not there, or leads nowhere.
        """
        text = _content(self.own / "HEAD")
        for _ in range(_MOST_SYMBOLIC):
            if _OBJECT.fullmatch(text):
                return text
            name = text.removeprefix("ref:").strip()
            if not text.startswith("ref:") or not name.startswith("refs/") or not safe_path(name):
                raise GitError(f"{self.own} has a HEAD that names no branch and no commit: {text[:80]!r}")
            found = self._reference(name)
            if found is None:
                if any(True for _ in self._references()):
                    raise GitError(
                        f"{self.own} has no commit on the branch {name} that HEAD names: point HEAD at "
                        "one that exists, with `git symbolic-ref HEAD refs/heads/BRANCH`"
                    )
                return None
            text = found
        raise GitError(f"{self.own} has a HEAD that leads in a circle")

    def _reference(self, name: str) -> str | None:
        for root in (self.own, self.common):
            file = root / name
            if file.resolve() != file:
                raise ConfigurationError(_link(file))
            if file.is_file():
                return _content(file)
        for line in self._packed():
            found, _, other = line.partition(" ")
            if other == name:
                return found
        return None

    def _references(self) -> Iterator[str]:
        yield from self._packed()
        for _, _, files in os.walk(self.common / "refs"):
            yield from files

    def _packed(self) -> Iterator[str]:
        packed = self.common / "packed-refs"
        if packed.is_file():
            with packed.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                while line := lines.readline(_LARGEST_SETTING):
                    if line[0] not in "#^":
                        yield line.rstrip("\n")


def git_folder(folder: Path) -> GitFolder:
    """The parts of the repository in `folder`, which is resolved.

    Raises ConfigurationError if there is none, or if it is not complete in itself.
    """
    entry = folder / ".git"
    if entry.is_symlink():
        raise ConfigurationError(_link(entry))
    if entry.is_file():
        found = _behind_file(entry)
    else:
        own = entry if entry.is_dir() else folder
        if (own / "commondir").exists():
            raise ConfigurationError(
                f"{own} shares the objects of another repository (commondir): give the folder of that one"
            )
        found = GitFolder(own, own)
    _check(found)
    return found


def _behind_file(entry: Path) -> GitFolder:
    """What a `.git` file leads to, if that leads back: what the stranger wrote himself proves nothing."""
    name = _content(entry)
    own = (entry.parent / name.removeprefix("gitdir:").strip()).resolve()
    elsewhere = ConfigurationError(
        f"{entry} leads to {own}, which does not name this folder as its own: give the repository itself"
    )
    if not name.startswith("gitdir:") or not own.is_dir():
        raise elsewhere
    if (own / "commondir").exists():
        common = own.parent.parent
        if own.parent.name != "worktrees" or (own / _content(own / "commondir")).resolve() != common:
            raise elsewhere
        back = own / _content(own / "gitdir")
        if back.parent.resolve() != entry.parent or back.name != entry.name:
            raise elsewhere
        return GitFolder(own, common)
    tree = _settings(own / "config").get("core.worktree")
    if tree is None or (own / tree).resolve() != entry.parent:
        raise elsewhere
    return GitFolder(own, own)


def _check(found: GitFolder) -> None:
    where = found.common
    needed = (found.own / "HEAD", where / "objects", where / "refs")
    if not all(map(os.path.lexists, needed)):
        raise ConfigurationError(f"{found.own} is not a git repository: it lacks HEAD, objects or refs")
    files = {root / name for name in _FILES for root in (found.own, where)}
    for path in (*sorted(files), *(where / name for name in _FOLDERS)):
        fits = path.is_file() if path in files else path.is_dir()
        if os.path.lexists(path) and (path.is_symlink() or not fits):
            raise ConfigurationError(_link(path))
    if (where / "reftable").exists():
        raise ConfigurationError(
            f"{where} keeps its branches as a reftable, which is not read: "
            "run `git refs migrate --ref-format=files` in it"
        )
    if (where / "shallow").exists() and (where / "shallow").stat().st_size:
        raise ConfigurationError(
            f"{where} is a shallow clone: its first commit would look as if it wrote every file. "
            f"Complete it first: git -C {where} fetch --unshallow"
        )
    if _is_partial(_settings(where / "config")) or _check_objects(where / "objects"):
        raise ConfigurationError(
            f"{where} is a partial clone, which lacks files of its history: clone it again without --filter"
        )


def _check_objects(folder: Path) -> bool:
    """Whether a pack was made by a partial clone. Raises ConfigurationError for what leads elsewhere."""
    partial = False
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    raise ConfigurationError(_link(Path(entry.path)))
                partial = partial or entry.name.endswith(".promisor")
    for name in _ALTERNATES:
        file = folder / "info" / name
        if file.exists() and file.stat().st_size:
            raise ConfigurationError(
                f"{file} takes objects from other repositories: make a clone of its own, with `git clone "
                "--dissociate` or, in place, `git repack -a -d` and the file removed"
            )
    return partial


def _is_partial(settings: dict[str, str]) -> bool:
    return "extensions.partialclone" in settings or any(
        name.startswith("remote.")
        and name.endswith(".promisor")
        and value.lower() not in ("false", "no", "0")
        for name, value in settings.items()
    )


def _settings(file: Path) -> dict[str, str]:
    """What a configuration says, without the files that it includes."""
    if not file.exists():
        return {}
    _content(file)
    return configuration_of(file)


def _content(file: Path) -> str:
    """The text of a small regular file."""
    if not os.path.lexists(file):
        raise ConfigurationError(f"{file} is missing")
    if not stat.S_ISREG(os.lstat(file).st_mode):
        raise ConfigurationError(_link(file))
    with file.open("rb") as opened:
        content = opened.read(_LARGEST_SETTING + 1)
    if len(content) > _LARGEST_SETTING:
        raise ConfigurationError(f"{file} has more than {_LARGEST_SETTING:,} bytes")
    return content.decode(errors="surrogateescape").strip()


def _link(path: Path) -> str:
    return (
        f"{path} is no plain file or folder: a repository with links could be another one; "
        "give the repository itself, or a clone of it"
    )
