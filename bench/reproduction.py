"""How much faster the warm servers are than fresh command lines, on modules of the standard library.

    python bench/reproduction.py [--snapshots 60] [--cold 10]

Every snapshot is another file, so nothing is answered from memory. Prints files a second and ratios; the
ratios, not the seconds, are what carries over to another machine.
"""

import argparse
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from repair.language_servers import LanguageServers, Request
from repair.language_servers.programs import clean_variables, empty_environment, programs

LARGEST_BYTES = 12_000


def snapshots(count: int) -> list[dict[str, str]]:
    """`count` small modules of the interpreter's library, each a workspace of its own."""
    library = Path(sysconfig.get_path("stdlib"))
    modules = [path for path in sorted(library.rglob("*.py")) if 300 < path.stat().st_size < LARGEST_BYTES]
    modules = [path for path in modules if not {"site-packages", "lib2to3"} & set(path.parts)]
    step = max(1, len(modules) // count)
    return [
        {path.name: path.read_text(encoding="utf-8", errors="replace")} for path in modules[::step][:count]
    ]


def warm(workspaces: Sequence[Mapping[str, str]], workers: int) -> float:
    """Files a second, the servers' start included."""
    start = time.perf_counter()
    with LanguageServers(workers=workers) as servers:
        results = list(servers.check_many(Request(files) for files in workspaces))
        seconds = time.perf_counter() - start
    failed = [result.reason for result in results if result.error]
    if failed:
        raise SystemExit(f"{len(failed)} snapshots failed: {set(failed)}")
    return len(workspaces) / seconds


def cold(workspaces: Sequence[Mapping[str, str]]) -> float:
    """Files a second with one `pyright` and one `ruff check` after another."""
    with tempfile.TemporaryDirectory() as home:
        python = empty_environment(Path(home) / "environment")
        start = time.perf_counter()
        for number, files in enumerate(workspaces):
            folder = Path(home) / str(number)
            folder.mkdir()
            for path, text in files.items():
                (folder / path).write_text(text, encoding="utf-8")
            pyright = [
                programs().node,
                programs().pyright_command,
                "--outputjson",
                "--pythonpath",
                str(python),
            ]
            ruff = [programs().ruff, "check", "--no-cache", "--output-format", "json", "."]
            for command in (pyright, ruff):
                subprocess.run(command, cwd=folder, env=clean_variables(), capture_output=True, check=False)
        return len(workspaces) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snapshots", type=int, default=60)
    parser.add_argument("--cold", type=int, default=10, help="snapshots that the command lines check")
    given = parser.parse_args()
    workspaces = snapshots(given.snapshots)
    command_line = cold(workspaces[:: max(1, len(workspaces) // given.cold)][: given.cold])
    print(f"command lines      {command_line:7.1f} files/s {1:5.1f} x")
    for workers in (1, 2):
        rate = warm(workspaces, workers)
        name = f"warm, {workers} worker{'s' if workers > 1 else ''}"
        print(f"{name:18} {rate:7.1f} files/s {rate / command_line:5.1f} x")


if __name__ == "__main__":
    main()
