"""Git repositories that tests make with git itself."""

import os
import subprocess
from pathlib import Path


class Repo:
    """A repository with a work tree, made by git itself."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.clock = 1_700_000_000
        self.run("init", "-q", "-b", "main", *options)

    def run(self, *arguments: str, **variables: str) -> str:
        settings = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *settings, *arguments],
            cwd=self.folder,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **variables},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="replace")

    def commit(self, author: str | None = None, committer: str | None = None, **more: str) -> None:
        self.clock += 60
        now = f"{self.clock} +0000"
        self.run("add", "-A")
        self.run(
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "change",
            GIT_AUTHOR_DATE=author or now,
            GIT_COMMITTER_DATE=committer or now,
            **more,
        )

    def write(self, path: str, content: str | bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def history_with_merges(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n" * 20)
    repo.write("sub/b.py", "y = 1\n")
    repo.commit()
    repo.run("checkout", "-q", "-b", "side")
    repo.write("c.py", "z = 1\n")
    repo.commit()
    repo.write("c.py", "z = 2\n")
    repo.commit()
    repo.run("checkout", "-q", "main")
    repo.write("a.py", "x = 1\n" * 19 + "x = 2\n")
    repo.commit()
    repo.clock += 60
    date = f"{repo.clock} +0000"
    repo.run("merge", "-q", "--no-ff", "-m", "m", "side", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
    repo.write("doc.txt", "no file of a server\n")
    repo.commit()
    repo.run("mv", "sub/b.py", "top.py")
    repo.commit()
    repo.write("pyproject.toml", "[tool.ruff]\n")
    repo.commit()
