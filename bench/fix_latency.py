"""How long a verified fix takes, warm: the model's answers and their verification, on two cores.

    python bench/fix_latency.py --model checkpoint-folder [--queries 48]     # some minutes

Queries are small modules of the interpreter's own library with one mistake each, as the simulated typist
makes them, sent over HTTP to `repair serve`, which runs on two cores and answers nothing from a cache. First
one at a time, then 16 clients at once; k is 1 (one greedy answer), then 8. A model that fixes more at its
first answer samples less often, so that the share of what was fixed stands beside the times.

Then greedy answers to the same queries in this process, decoded one by one with and without prompt lookup
(drafts from the prompt, `prompt_lookup_num_tokens`): what that saves, and whether an answer differs.

Seconds are of a machine and of what else ran on it; the ratio of prompt lookup carries over.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from reproduction import of_the_library

from repair.diagnostics.diagnostic import Diagnostic
from repair.fixing.chosen_model import GREEDY, SHIPPED
from repair.fixing.fix import Task
from repair.fixing.targets import triage
from repair.language_servers import LanguageServers
from repair.sources.simulated.document import Document
from repair.sources.simulated.edits import applied
from repair.sources.simulated.mistakes import next_mistake

ROOT = Path(__file__).resolve().parent.parent
CORES = 2
WARM_UP = 2
CLIENTS = (1, 16)
ANSWERS = (1, 8)


def broken_modules(count: int) -> Iterator[dict[str, str]]:
    """Workspaces of one module with one mistake."""
    rng = random.Random(7)
    modules = (files for files in of_the_library(20 * count) if len(files) == 1)
    for files in modules:
        [(path, text)] = files.items()
        try:
            document = Document(path, text)
        except (SyntaxError, ValueError):
            continue
        mistake = next_mistake(document, set(), rng)
        if mistake is not None:
            yield {path: applied(document.source, mistake.edit)}


def tasks(count: int) -> list[Task]:
    """So many broken modules with the first diagnostic that a model would be asked about."""
    found: list[Task] = []
    with LanguageServers(CORES) as servers:
        for files in broken_modules(count):
            [path] = files
            before: Sequence[Diagnostic] = servers.check(files, path)
            if targets := triage(before).targets:
                found.append(Task(files, targets[0], before))
            if len(found) == count:
                return found
    raise SystemExit(f"only {len(found)} broken modules have a diagnostic; ask for fewer")


@contextmanager
def served(model: str) -> Iterator[int]:
    """The port of `repair serve` in a child process on two cores."""
    program = "from repair.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", "--port", "0", "--model", model],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        if not line.startswith("Serving on "):
            raise SystemExit("repair serve did not start")
        yield int(line.rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def ask(port: int, task: Task, k: int) -> tuple[float, bool]:
    """The seconds until the answer to one query, and whether it is a fix."""
    found = task.diagnostic
    wanted = {"code": found.code, "line": found.start_line + 1, "message": found.message}
    body = {"files": task.files, "path": task.path, "diagnostic": wanted, "k": k, "deadline_s": 300}
    started = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/fix", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told: dict[str, Any] = json.loads(answer.read())
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"status {answer.status}: {told}")
    return time.monotonic() - started, told["outcome"] == "fixed"


def percentile(values: Sequence[float], share: float) -> float:
    """The value at or below which `share` of the values are (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]


def measure(port: int, queries: Sequence[Task]) -> None:
    """Print p50 and p95 for each k and number of clients."""
    for k in ANSWERS:
        for clients in CLIENTS:
            for task in queries[:WARM_UP]:
                ask(port, task, k)
            with ThreadPoolExecutor(clients) as threads:
                asked = list(threads.map(partial(ask, port, k=k), queries))
            seconds = [second for second, _ in asked]
            fixed = sum(is_fixed for _, is_fixed in asked)
            print(
                f"k = {k}, {clients:>2} at once: p50 {percentile(seconds, 0.5):6.2f} s, p95"
                f" {percentile(seconds, 0.95):6.2f} s; {fixed} of {len(asked)} fixed",
                flush=True,
            )


def measure_lookup(model: str, queries: Sequence[Task]) -> None:
    """Print what prompt lookup saves of a greedy answer's time, in turns."""
    from repair.models.checkpoint import CheckpointModel
    from repair.models.decoding import Decoder

    decoder = Decoder(model)
    ways = {
        lookup: CheckpointModel.of(decoder, name="", sampling=GREEDY, batch_size=1, lookup=lookup)
        for lookup in (False, True)
    }
    seconds: dict[bool, list[float]] = {False: [], True: []}
    different = tokens = 0
    for task in queries:
        texts: list[str] = []
        for lookup, way in ways.items():
            started = time.process_time()
            [[completion]] = way.answer([task.sample()])
            seconds[lookup].append(time.process_time() - started)
            texts.append(completion.text)
        tokens += completion.output_tokens or 0
        different += len(set(texts)) > 1
    plain, drafted = (sum(seconds[lookup]) for lookup in (False, True))
    print(
        f"prompt lookup saves {100 * (1 - drafted / plain):.0f} % of the CPU time of greedy answers"
        f" (median {statistics.median(seconds[False]):.2f} to {statistics.median(seconds[True]):.2f} s),"
        f" {tokens / len(queries):.0f} tokens each; {different} answers differ"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=str(SHIPPED), help="the folder of a checkpoint; the shipped one")
    parser.add_argument("--queries", type=int, default=48)
    options = parser.parse_args()
    if not Path(options.model).is_dir():
        print(f"nothing is measured: {options.model} is no folder of a checkpoint; name one by --model")
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    queries = tasks(options.queries)
    lines = statistics.mean(text.count("\n") for task in queries for text in task.files.values())
    print(f"{len(queries)} modules, {lines:.0f} lines each; load of the machine {os.getloadavg()[0]:.1f}")
    with served(options.model) as port:
        measure(port, queries)
    measure_lookup(options.model, queries)


if __name__ == "__main__":
    main()
