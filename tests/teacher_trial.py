"""Load and crash test of the LLM teacher: many rows, every tenth answer bad, a child that may be killed.

    python -m tests.teacher_trial URL FOLDER ROWS CONCURRENCY

is the child: it synthesizes and verifies, with its response cache in the folder or in the shared state, and
writes `outcomes.json` to the folder.
"""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repair.database import Location, shared_state
from repair.line_diff.unified import diff as unified_diff
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS
from repair.synthesis.lm.response_cache import ResponseCache
from tests.model_server import (
    Exchange,
    ModelServer,
    broken_off,
    empty,
    hangs,
    invalid_utf8,
    server_error,
    throttled,
)

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 2.0


def original(number: int) -> str:
    return f"a = {number}\nb = error:name{number}x\nc = 3\n"


def right(number: int) -> str:
    return f"-2 b = error:name{number}x\n+2 b = name{number}x"


# Bad answers of the model, with the reject reasons of their rows; None: verified all the same.
BAD_ANSWERS = {
    "half an answer": ("no_diff", lambda n: f"<diff>\n-2 b = error:name{n}x\n+2 b ="),
    "prose around the diff": (
        None,
        lambda n: f"A name is wrong.\n\n<diff>\n{right(n)}\n</diff>\n\nThat is it.",
    ),
    "prose alone": ("no_diff", lambda n: f"I would call it name{n}x."),
    "wrong line numbers": ("content_mismatch", lambda n: f"-1 b = error:name{n}x\n+1 b = name{n}x\n</diff>"),
    "a line after the end": ("wrong_line", lambda n: f"-9 b = error:name{n}x\n+9 b = name{n}x\n</diff>"),
    "hallucinated content": ("content_mismatch", lambda n: f"-2 b = names[{n}]\n+2 b = name{n}x\n</diff>"),
    "a unified diff": (
        "malformed",
        lambda n: unified_diff(original(n), original(n).replace("error:", "")) + "\n</diff>",
    ),
    "over-long": ("answer_too_long", lambda n: f"{right(n)}\n" + "+3 d\n" * 10_000 + "</diff>"),
    "a cheat": ("cheat", lambda n: f"-2 b = error:name{n}x\n</diff>"),
}
# Troubles of the service that pass: the row is verified after one more request.
TROUBLES = {
    "429 with Retry-After": lambda then: throttled(then, retry_after="0.2"),
    "500": server_error,
    "a time-out": lambda then: hangs(then, seconds=3 * TIMEOUT_S),
    "half a body": broken_off,
    "invalid UTF-8": invalid_utf8,
    "no text": empty,
}
WAYS = [*BAD_ANSWERS, *TROUBLES]


def way(number: int) -> str | None:
    """The kind of bad answer or trouble for this row; None: the answer is right."""
    return WAYS[number // 10 % len(WAYS)] if number % 10 == 3 else None


def expected(rows: int) -> Counter[str | None]:
    """Reason -> rows; None: verified."""
    reasons = (BAD_ANSWERS.get(way(number) or "", (None, None))[0] for number in range(rows))
    return Counter(reasons)


def requests_undisturbed(rows: int) -> int:
    return rows + sum(way(number) in TROUBLES for number in range(rows))


def script(delay_s: float) -> Any:
    """The server's script: a good answer after `delay_s`, or a bad one."""

    def answer(exchange: Exchange, text: str) -> None:
        if delay_s:
            exchange.stopped.wait(delay_s)
        exchange.answer(text)

    def scripted(exchange: Exchange) -> None:
        found = re.search(r"error:name(\d+)x", exchange.prompt)
        assert found
        number = int(found[1])
        bad = way(number)
        if bad in BAD_ANSWERS:
            answer(exchange, BAD_ANSWERS[bad][1](number))
        elif bad in TROUBLES:
            TROUBLES[bad](lambda e: answer(e, f"{right(number)}\n</diff>"))(exchange)
        else:
            answer(exchange, f"{right(number)}\n</diff>")

    return scripted


@dataclass(frozen=True)
class Trial:
    """The outcomes of a run and what it took."""

    outcomes: list[tuple[str, str | None]]
    """(diagnostic id, reason) of each row; None: verified."""
    requests: int
    open_at_kills: int
    """Rows whose answer was requested and not cached yet, summed over the kills."""
    seconds: float
    cpu_s: float
    """Of the child that ended, its start included."""

    @property
    def reasons(self) -> Counter[str | None]:
        return Counter(reason for _, reason in self.outcomes)


def run(folder: Path, rows: int, *, concurrency: int, delay_s: float, kills: int = 0, seed: int = 0) -> Trial:
    """Run the child to its end; `kills` times it is killed with -9 at a random moment and started again."""
    at = sorted(random.Random(seed).sample(range(rows // 20, requests_undisturbed(rows) * 19 // 20), kills))
    started = time.monotonic()
    open_at_kills = 0
    with ModelServer(script(delay_s)) as server:
        command = [sys.executable, "-m", "tests.teacher_trial", server.base_url, str(folder)]
        command += [str(rows), str(concurrency)]
        for moment in at:
            child = subprocess.Popen(command, cwd=ROOT)
            while len(server.requests) < moment:
                time.sleep(0.001)
                assert child.poll() is None, "the child ended before it could be killed"
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            open_at_kills += len(set(map(_row, list(server.requests)))) - cached(folder)
        subprocess.run(command, check=True, cwd=ROOT)
        requests = len(server.requests)
    content = json.loads((folder / "outcomes.json").read_text())
    outcomes = [(outcome["id"], outcome["reason"]) for outcome in content["outcomes"]]
    return Trial(outcomes, requests, open_at_kills, time.monotonic() - started, content["cpu_s"])


def cached(folder: Path) -> int:
    """Answers in the response cache."""
    with ResponseCache(cache(folder)) as responses:
        return len(responses)


def cache(folder: Path) -> Location:
    """Where the response cache is: a file, unless the environment names a server."""
    return shared_state() or folder / "answers.sqlite"


def _row(request: Mapping[str, Any]) -> str:
    """The number of the row that a request is about."""
    return re.findall(r"error:name(\d+)x", json.dumps(request))[-1]


def candidates(rows: int) -> Iterator[Any]:
    """Batches of `REPAIR_CANDIDATES`."""
    from tests.repair.synthesis.support import as_batch, candidate, found, marked

    def row(number: int) -> Mapping[str, Any]:
        files = {"main.py": original(number)}
        target = found("main.py", 1, f"found name{number}x", code=f"marker[name{number}x]")
        return candidate(files, target, marked(files), number=number)

    for start in range(0, rows, 64):
        yield as_batch(map(row, range(start, min(start + 64, rows))), REPAIR_CANDIDATES)


def main(base_url: str, folder: Path, rows: int, concurrency: int) -> None:
    from repair.pipeline import BY_NAME
    from repair.schema.outcomes import join_outcomes
    from repair.synthesis.lm.program import TeacherProgram
    from repair.synthesis.lm.settings import LanguageModel
    from repair.synthesis.lm.teacher import LmTeacher
    from repair.synthesis.teacher import synthesize
    from tests.repair.synthesis.support import FunctionServers, as_batch, marked

    model = LanguageModel(
        model="openai/scripted",
        base_url=base_url,
        concurrency=concurrency,
        timeout_s=TIMEOUT_S,
        first_pause_s=0.2,
    )
    outcomes: list[Mapping[str, Any]] = []

    def proposed(teacher: LmTeacher) -> Iterator[Any]:
        for batch in join_outcomes(
            candidates(rows), synthesize(candidates(rows), teacher), SYNTHESIZED_DIFFS
        ):
            results = batch.to_pylist()
            outcomes.extend(result for result in results if result["reason"] is not None)
            yield as_batch([result for result in results if result["reason"] is None], SYNTHESIZED_DIFFS)

    with LmTeacher(model, TeacherProgram(), cache(folder)) as teacher:
        for batch in BY_NAME["verified_diffs"].run(proposed(teacher), FunctionServers(marked)):
            outcomes.extend(batch.to_pylist())
    used = resource.getrusage(resource.RUSAGE_SELF)
    written = {
        "outcomes": [{"id": outcome["diagnostic_id"], "reason": outcome["reason"]} for outcome in outcomes],
        "cpu_s": used.ru_utime + used.ru_stime,
    }
    (folder / "outcomes.json").write_text(json.dumps(written))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
