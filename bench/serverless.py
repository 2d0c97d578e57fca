"""What a run per partition pays for its language servers: a pool of its own, or a warm instance behind HTTP.

    python bench/serverless.py [--snapshots 20] [--rounds 5] [--workers 2]

A run is a fresh process that checks the snapshots of one partition; its imports of other things (Dagster,
Arrow) are the same both times and left out. Both ways take turns; medians. Then the throughput of the two,
both warm, on the same snapshots. Nothing is answered from a cache. The ratios, not the seconds, are what
carries over to another machine.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reproduction import of_the_library

from repair.language_servers import LanguageServers, Request, child
from repair.language_servers.remote import RemoteLanguageServers
from repair.language_servers.scheduler import Servers

ROOT = Path(__file__).resolve().parent.parent
POOL, HTTP = "a pool of its own", "a warm instance"
OPEN = {
    POOL: "from repair.language_servers import LanguageServers\nservers = LanguageServers({workers})",
    HTTP: "from repair.language_servers.remote import RemoteLanguageServers\n"
    "servers = RemoteLanguageServers({url!r})",
}
RUN = """
import json, sys, time
{open}
from repair.language_servers import Request
with servers:
    results = servers.check_many([Request(files) for files in json.load(open(sys.argv[1]))])
    failed = [next(results).reason]
    first = time.time()
    failed += [result.reason for result in results]
    if any(failed):
        sys.exit(f"failed: {failed}")
print(first)
"""


@contextmanager
def warm_instance(workers: int) -> Iterator[str]:
    """The address of `repair language-servers` in a child process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = "from repair.cli import main; main()"
    command = [sys.executable, "-c", program, "language-servers", "--port", str(port)]
    variables = {**environment(), "REPAIR_FUNCTION_WORKERS": str(workers)}
    with tempfile.TemporaryFile() as log:
        process = child.start(
            command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(way: str, workspaces: Path, *, workers: int, url: str) -> tuple[float, float]:
    """Seconds from the start of a process to its first result, and to its end."""
    program = RUN.replace("{open}", OPEN[way].format(workers=workers, url=url))
    start = time.time()
    command = [sys.executable, "-c", program, str(workspaces)]
    output = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    end = time.time()
    if output.returncode:
        raise SystemExit(f"{way}: {output.stderr}")
    return float(output.stdout) - start, end - start


def rate(servers: Servers, workspaces: Sequence[Mapping[str, str]]) -> float:
    """Files a second."""
    start = time.perf_counter()
    failed = [result.reason for result in servers.check_many(map(Request, workspaces)) if result.error]
    if failed:
        raise SystemExit(f"{len(failed)} snapshots failed: {set(failed)}")
    return len(workspaces) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snapshots", type=int, default=20, help="of a partition")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="pyright processes of either way")
    given = parser.parse_args()
    workspaces = list(of_the_library(given.snapshots))
    with tempfile.TemporaryDirectory() as home, warm_instance(given.workers) as url:
        file = Path(home) / "workspaces.json"
        file.write_text(json.dumps(workspaces))
        with RemoteLanguageServers(url) as remote, LanguageServers(given.workers) as pool:
            # more than one batch for each worker, so that all of them are warm
            for servers in (remote, pool):
                rate(servers, list(of_the_library(16 * given.workers)))
            rates = [(rate(pool, workspaces), rate(remote, workspaces)) for _ in range(given.rounds)]
        seconds = [
            [run(way, file, workers=given.workers, url=url) for way in (POOL, HTTP)]
            for _ in range(given.rounds)
        ]
    print(f"a run over {given.snapshots} snapshots, {given.workers} workers, {given.rounds} rounds, medians")
    for number, name in enumerate(("to the first result", "to the end of the process")):
        own, warm = (statistics.median(times[way][number] for times in seconds) for way in (0, 1))
        gain = f"{own / warm:4.1f} x, {own - warm:5.2f} s less"
        print(f"{name:26} {POOL} {own:5.2f} s, {HTTP} {warm:5.2f} s: {gain}")
    own, warm = (statistics.median(pair[way] for pair in rates) for way in (0, 1))
    print(f"{'throughput, both warm':26} {POOL} {own:5.1f} files/s, {HTTP} {warm:5.1f}: {warm / own:4.2f} x")


if __name__ == "__main__":
    main()
