"""How fast small workspaces are checked: warm servers against fresh command lines and one run over all.

    python bench/reproduction.py                                  # 1,000 snapshots, about ten minutes
    python bench/reproduction.py --repositories ../a ../b.git     # snapshots of git histories instead
    python bench/reproduction.py --exact 1000                     # against fresh command lines, one by one
    python bench/reproduction.py --memory 20000                   # the memory of the servers

A snapshot is a whole workspace: a module or a package of the interpreter's library, or a commit of a
repository with at most 30 Python files. No two are equal, so nothing is answered from memory. The ways to
check them take turns, part by part, so that a noisy machine disturbs all of them. Warm servers have seen a
few other snapshots before; what replaces them later is in their time. The ratios, not the seconds, are what
carries over to another machine.
"""

import argparse
import contextlib
import itertools
import json
import os
import resource
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from unittest.mock import patch

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request
from repair.language_servers.child import resident_megabytes
from repair.language_servers.programs import clean_variables, empty_environment, programs
from repair.sandbox import confinement
from repair.sources.git_repository import GitRepository
from repair.text.paths import CONFIGURATION_FILES, is_python, safe_path

MOST_FILES = 30
MODULE_BYTES = (300, 12_000)
PACKAGE_BYTES = 80_000
PARTS = 16
WARM_UP = 32

T = TypeVar("T")
Files = Mapping[str, str]
Counts = Counter[tuple[str, int, int, str, str]]
"""Counts of (path, line, column, code, message); columns as the programs count them."""


def of_the_library(count: int) -> Iterator[Files]:
    """Packages and small modules of the interpreter's library, spread over all of it."""
    library = Path(sysconfig.get_path("stdlib"))
    sources = [path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts]
    packages = [path.parent for path in sources if path.name == "__init__.py"]
    found: list[list[Path]] = []
    for package in packages:
        inside = [path for path in sources if path.is_relative_to(package)]
        if 1 < len(inside) <= MOST_FILES and sum(path.stat().st_size for path in inside) <= PACKAGE_BYTES:
            found.append(inside)
    smallest, largest = MODULE_BYTES
    found += [[path] for path in sources if smallest < path.stat().st_size < largest]
    for paths in spread(sorted(found), count):
        top = library if len(paths) > 1 else paths[0].parent
        yield {
            str(path.relative_to(top)): path.read_text(encoding="utf-8", errors="replace") for path in paths
        }


def of_repositories(folders: Sequence[Path], count: int) -> Iterator[Files]:
    """Workspaces at commits spread over each history; those that are too large are left out."""
    seen: set[frozenset[tuple[str, str]]] = set()
    for folder in folders:
        with GitRepository(folder) as repository:
            commits = [commit.name for commit in repository.history(["*.py"])]
            workspaces = (_files(repository, commit) for commit in spread(commits, 4 * count))
            small = [files for files in workspaces if files and _is_new(files, seen)]
        yield from spread(small, -(-count // len(folders)))


def _files(repository: GitRepository, commit: str) -> Files:
    """The files that a language server reads; none where there are too many."""
    entries = {
        path: entry.blob
        for entry in repository.tree(commit)
        if entry.mode.startswith("100") and safe_path(path := entry.path.decode(errors="surrogateescape"))
        if is_python(path) or PurePosixPath(path).name in CONFIGURATION_FILES
    }
    if not 0 < sum(map(is_python, entries)) <= MOST_FILES:
        return {}
    return {path: repository.blob(blob).decode(errors="replace") for path, blob in entries.items()}


def _is_new(files: Files, seen: set[frozenset[tuple[str, str]]]) -> bool:
    key = frozenset(files.items())
    new = key not in seen
    seen.add(key)
    return new


def spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of `items`, evenly; all, where there are not as many."""
    step = max(1.0, len(items) / count)
    return [items[int(index * step)] for index in range(min(count, len(items)))]


class CommandLines:
    """Fresh runs of pyright and ruff in folders below `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._python = empty_environment(home / "environment")
        self._numbers = itertools.count()

    def one(self, files: Files) -> Counts:
        """The diagnostics of a folder that has nothing but the workspace."""
        folder = self._folder()
        _write(files, folder)
        return self._run(folder, {"": files})

    def all(self, workspaces: Sequence[Files]) -> list[Counts]:
        """One run over all workspaces, each an execution environment of one configuration."""
        folder = self._folder()
        named = {f"w{number}/": files for number, files in enumerate(workspaces)}
        for name, files in named.items():
            _write(files, folder / name)
        roots = [
            {
                "root": name,
                "extraPaths": [f"{name}src"] if any(path.startswith("src/") for path in files) else [],
            }
            for name, files in named.items()
        ]
        _write({"pyrightconfig.json": json.dumps({"executionEnvironments": roots})}, folder)
        results = self._run(folder, named)
        result: list[Counts] = [Counter() for _ in workspaces]
        for (path, *rest), times in results.items():
            name, _, inner = path.partition("/")
            if name != "pyrightconfig.json":
                result[int(name[1:])][(inner, *rest)] += times
        return result

    def _folder(self) -> Path:
        return self._home / str(next(self._numbers)) / "workspace"

    def _run(self, folder: Path, named: Mapping[str, Files]) -> Counts:
        pyright = [
            programs().node,
            programs().pyright_command,
            "--outputjson",
            "--pythonpath",
            str(self._python),
        ]
        ruff = [programs().ruff, "check", "--no-cache", "--output-format", "json", "."]
        results: Counts = Counter()
        for item in _output(pyright, folder)["generalDiagnostics"]:
            start = item["range"]["start"]
            code = f"pyright[{item['rule']}]" if "rule" in item else "pyright"
            path = str(Path(item["file"]).relative_to(folder))
            results[path, start["line"], start["character"], code, item["message"]] += 1
        marked = {
            name + path
            for name, files in named.items()
            for path, text in files.items()
            if text[:1] == "\ufeff"
        }
        for item in _output(ruff, folder):
            path, location = str(Path(item["filename"]).relative_to(folder)), item["location"]
            column = location["column"] - 1 + (path in marked and location["row"] == 1)
            results[path, location["row"] - 1, column, f"ruff[{item['code']}]", item["message"]] += 1
        return results


def _write(files: Files, folder: Path) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())


def _output(command: Sequence[str], folder: Path) -> Any:
    done = subprocess.run(command, cwd=folder, env=clean_variables(), capture_output=True, check=False)
    return json.loads(done.stdout)


def warm(servers: LanguageServers, workspaces: Iterable[Files]) -> list[Counts]:
    results: list[Counts] = []
    for result in servers.check_many(Request(files) for files in workspaces):
        if result.error:
            raise SystemExit(f"a snapshot failed: {result.reason}: {result.error}")
        results.append(Counter(map(_key_of, result.diagnostics)))
    return results


def _key_of(one: Diagnostic) -> tuple[str, int, int, str, str]:
    column = one.start_column if one.code.startswith("ruff") else one.start_character
    return one.path, one.start_line, column, one.code, one.message


def processor_seconds(pids: Iterable[int]) -> float:
    """Of the running servers `pids`, and of every child that has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def difference(left: Iterable[Counts], right: Iterable[Counts]) -> tuple[int, int, int]:
    """Counts: equal snapshots, diagnostics of one side only, diagnostics of the right side."""
    pairs = list(zip(left, right, strict=True))
    apart = [(one - other).total() + (other - one).total() for one, other in pairs]
    return sum(count == 0 for count in apart), sum(apart), sum(other.total() for _, other in pairs)


def rates(
    workspaces: Sequence[Files], before: Sequence[Files], cold_count: int, memory_limit_mb: float
) -> None:
    seconds: Counter[str] = Counter()
    processor: Counter[str] = Counter()
    results: dict[str, list[Counts]] = {
        name: [] for name in ("one run over all", "warm, 1 worker", "2, unconfined", "warm, 2 workers")
    }
    chosen = set(spread(range(len(workspaces)), cold_count))
    fresh: dict[int, Counts] = {}
    with tempfile.TemporaryDirectory() as home:
        lines, cache = CommandLines(Path(home)), Path(home) / "results.sqlite"
        one = LanguageServers(1, memory_limit_mb=memory_limit_mb)
        two = LanguageServers(2, memory_limit_mb=memory_limit_mb, cache=cache)
        with patch.object(confinement, "unavailable", lambda: "left out, to measure what it costs"):
            unconfined = LanguageServers(2, memory_limit_mb=memory_limit_mb)
        ways = {
            "one run over all": lines.all,
            "warm, 1 worker": lambda part: warm(one, part),
            "2, unconfined": lambda part: warm(unconfined, part),
            "warm, 2 workers": lambda part: warm(two, part),
        }
        size = -(-len(workspaces) // PARTS)
        with one, two, unconfined:
            for servers in (one, two, unconfined):
                warm(servers, before)
            for number in range(0, len(workspaces), size):
                part = workspaces[number : number + size]
                pids = (*one.pids, *two.pids, *unconfined.pids)
                for name, check in ways.items():
                    start, used = time.perf_counter(), processor_seconds(pids)
                    results[name] += check(part)
                    seconds[name] += time.perf_counter() - start
                    processor[name] += processor_seconds(pids) - used
                start, used = time.perf_counter(), processor_seconds(pids)
                for index in sorted(chosen & set(range(number, number + size))):
                    fresh[index] = lines.one(workspaces[index])
                seconds["command lines"] += time.perf_counter() - start
                processor["command lines"] += processor_seconds(pids) - used
        start = time.perf_counter()
        with LanguageServers(2, cache=cache) as again:
            results["from the cache"] = warm(again, workspaces)
        seconds["from the cache"] = time.perf_counter() - start
    cold = len(fresh) / seconds["command lines"]
    print(f"{'command lines, in turn':24}{cold:9.1f} a second {1:8.1f} x   ({len(fresh)} of the snapshots)")
    for name in results:
        rate = len(workspaces) / seconds[name]
        alike, apart, whole = difference((results[name][index] for index in fresh), fresh.values())
        print(
            f"{name:24}{rate:9.1f} a second {rate / cold:8.1f} x   "
            f"{alike} of {len(fresh)} as the command lines, {apart} diagnostics of {whole} differ"
        )
    print(f"two workers / one worker {seconds['warm, 1 worker'] / seconds['warm, 2 workers']:8.2f} x")
    print("processor time of a snapshot, which a busy machine does not change (if no server was replaced):")
    for name in ("command lines", "2, unconfined", "warm, 2 workers"):
        used = 1000 * processor[name] / (len(fresh) if name == "command lines" else len(workspaces))
        print(f"{name:24}{used:9.1f} ms")
    print(f"confined / unconfined    {seconds['2, unconfined'] / seconds['warm, 2 workers']:8.2f} x")
    print(f"from the cache / two     {seconds['warm, 2 workers'] / seconds['from the cache']:8.0f} x")


def exactness(workspaces: Sequence[Files]) -> None:
    with LanguageServers(2) as servers:
        results = warm(servers, workspaces)
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(2) as pool:
        fresh = list(pool.map(CommandLines(Path(home)).one, workspaces))
    alike, apart, whole = difference(results, fresh)
    print(
        f"{alike} of {len(workspaces)} snapshots as fresh command lines, "
        f"{apart} diagnostics of {whole} differ"
    )
    for files, one, other in zip(workspaces, results, fresh, strict=True):
        if one != other:
            print(
                f"{len(files)} files, {next(iter(files))}: {dict(one - other)} instead of {dict(other - one)}"
            )


def memory(workspaces: Sequence[Files], count: int, memory_limit_mb: float) -> None:
    """Prints the highest memory of any server over `count` snapshots, which differ in a comment at least."""

    def varied() -> Iterator[Files]:
        for number in range(count):
            files = workspaces[number % len(workspaces)]
            yield {path: f"{text}\n# {number}\n" if is_python(path) else text for path, text in files.items()}

    highest: dict[int, float] = {}
    with LanguageServers(2, memory_limit_mb=memory_limit_mb) as servers:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                for pid in servers.pids:
                    highest[pid] = max(highest.get(pid, 0.0), resident_megabytes(pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            start = time.perf_counter()
            for number, result in enumerate(servers.check_many(map(Request, varied())), 1):
                if result.error:
                    raise SystemExit(f"a snapshot failed: {result.reason}: {result.error}")
                if number % 1000 == 0:
                    rate = number / (time.perf_counter() - start)
                    print(
                        f"{number} snapshots, {rate:.1f} a second, at most {max(highest.values()):.0f} MB",
                        flush=True,
                    )
        finally:
            done.set()
            watcher.join()
    print(f"{count} snapshots, {len(highest)} servers one after another, two at a time")
    print(f"highest memory of a server {max(highest.values()):.0f} MB, recycled at {memory_limit_mb:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repositories", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--snapshots", type=int, default=1000)
    parser.add_argument(
        "--cold", type=int, default=60, help="snapshots that fresh command lines check in turn"
    )
    parser.add_argument("--exact", type=int, metavar="N", help="compare N snapshots one by one, and no more")
    parser.add_argument(
        "--memory", type=int, metavar="N", help="watch the servers over N snapshots, and no more"
    )
    parser.add_argument("--limit", type=float, default=1500.0, help="MB at which a server is recycled")
    given = parser.parse_args()
    count = given.exact or given.snapshots
    wanted = count + WARM_UP
    found = of_repositories(given.repositories, wanted) if given.repositories else of_the_library(wanted)
    workspaces = list(itertools.islice(found, wanted))
    warm_up = set(spread(range(len(workspaces)), WARM_UP))
    before = [workspaces[number] for number in sorted(warm_up)]
    workspaces = [files for number, files in enumerate(workspaces) if number not in warm_up]
    files = Counter(min(sum(map(is_python, files)), 2) for files in workspaces)
    settings = sum(
        any(PurePosixPath(path).name in CONFIGURATION_FILES for path in files) for files in workspaces
    )
    print(f"{len(workspaces)} snapshots, {files[2]} of several files, {settings} with settings", flush=True)
    if given.exact:
        exactness(workspaces)
    elif given.memory:
        memory(workspaces, given.memory, given.limit)
    else:
        rates(workspaces, before, given.cold, given.limit)


if __name__ == "__main__":
    main()
