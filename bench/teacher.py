"""Bench of the LLM teacher: correctness after kills, and throughput, against a server on loopback.

    python bench/teacher.py [--rows 10000] [--seconds 20] [--verified 1500] [--seed 0]

1. `--rows` diagnostics, every tenth answer bad in one of 15 ways; the synthesizing process is killed three
   times with -9 at random moments. Every row must end with the right reason, and nothing may be paid twice
   but what was open at the kills.
2. A server that answers after one second and 64 open questions: the share of 64 answers a second.
3. The same for `--verified` diagnostics with real language servers behind it: the slower of the two should
   set the pace, and memory stay flat.

The server runs in this process and the teacher in a child: CPU times are those of the child alone.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests import teacher_trial  # noqa: E402 - the tests are no installed package
from tests.model_server import Exchange, ModelServer  # noqa: E402

CONCURRENCY = 64
LATENCY_S = 1.0
FIRST = 10_000  # row numbers have five digits, so that all rows are of one shape


def text_of(number: int) -> str:
    return f"width_{number} = {number}\nprint(widht_{number})\n"


def answers_after_a_second(exchange: Exchange) -> None:
    found = re.search(r"print\(widht_(\d+)\)", exchange.prompt)
    assert found
    exchange.stopped.wait(LATENCY_S)
    exchange.answer(f"-2 print(widht_{found[1]})\n+2 print(width_{found[1]})\n</diff>")


def template(servers: Any) -> str:
    """A candidate as JSON, with what the servers say of it."""
    from tests.repair.synthesis.support import candidate

    files = {"main.py": text_of(FIRST)}
    before = servers.check_workspace(files)
    (target,) = (diagnostic for diagnostic in before if diagnostic.code == "ruff[F821]")
    return json.dumps(candidate(files, target, before), default=lambda moment: None)


def batches(model: str, first: int, count: int) -> Iterator[Any]:
    """Candidates like the template, renumbered."""
    from repair.schema.stages import REPAIR_CANDIDATES
    from tests.repair.synthesis.support import as_batch

    for start in range(first, first + count, 64):
        rows: list[Mapping[str, Any]] = []
        for number in range(start, min(start + 64, first + count)):
            row = json.loads(model.replace(str(FIRST), str(number)))
            rows.append({**row, "diagnostic_id": f"{number:032x}", "project_id": f"project-{number % 97}"})
        yield as_batch(rows, REPAIR_CANDIDATES)


def child(base_url: str, folder: Path, count: int, what: str) -> None:
    """Synthesize, verify or both; print the figures as JSON."""
    import pyarrow as pa

    from repair.language_servers import LanguageServers
    from repair.schema.outcomes import join_outcomes
    from repair.schema.stages import SYNTHESIZED_DIFFS
    from repair.synthesis.lm.program import TeacherProgram
    from repair.synthesis.lm.settings import LanguageModel
    from repair.synthesis.lm.teacher import LmTeacher
    from repair.synthesis.teacher import synthesize
    from repair.verification.stage import verify_rows

    model = LanguageModel(model="openai/scripted", base_url=base_url, concurrency=CONCURRENCY)
    memory: list[int] = []
    done = 0
    with ExitStack() as stack:
        teacher = stack.enter_context(LmTeacher(model, TeacherProgram(), folder / "answers.sqlite"))
        servers = stack.enter_context(LanguageServers(workers=2))
        # The imports of DSPy and the start of the servers are not the pace.
        row = template(servers)
        list(synthesize(batches(row, FIRST + count, 1), teacher))

        def proposed() -> Iterator[pa.RecordBatch]:
            rows = partial(batches, row, FIRST, count)
            for batch in join_outcomes(rows(), synthesize(rows(), teacher), SYNTHESIZED_DIFFS):
                yield batch.select(SYNTHESIZED_DIFFS.names)

        outcomes: Iterator[pa.RecordBatch] | list[pa.RecordBatch] = proposed()
        if what == "verify":
            outcomes = list(outcomes)  # cached answers: not measured
        if what != "synthesize":
            outcomes = verify_rows(outcomes, servers)
        started, used = time.monotonic(), time.process_time()
        for batch in outcomes:
            done += batch.num_rows
            if what != "synthesize" and batch.column("reason").null_count != batch.num_rows:
                raise SystemExit(f"not verified: {batch.column('detail').drop_null()[0]}")
            memory.append(_resident_mb())
        seconds, cpu_s = time.monotonic() - started, time.process_time() - used
    assert done == count, (done, count)
    third = max(1, len(memory) // 3)
    print(
        json.dumps(
            {
                "rate": count / seconds,
                "cpu_ms": cpu_s / count * 1000,
                "memory_mb": [max(memory[:third]), max(memory[-third:])],
            }
        )
    )


def _resident_mb() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) // 1024


def measured(folder: Path, count: int, what: str) -> dict[str, Any]:
    with ModelServer(answers_after_a_second) as server:
        command = [sys.executable, __file__, "--child", server.base_url, str(folder), str(count), what]
        done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def reliability(rows: int, seed: int) -> None:
    kills = 3
    with tempfile.TemporaryDirectory() as folder:
        trial = teacher_trial.run(
            Path(folder), rows, concurrency=CONCURRENCY, delay_s=0.1, kills=kills, seed=seed
        )
    wanted, found = teacher_trial.expected(rows), trial.reasons
    twice = trial.requests - teacher_trial.requests_undisturbed(rows)
    print(f"{rows} diagnostics, {kills} kills, {trial.seconds:.0f} s with {kills + 1} starts")
    for reason in sorted(wanted | found, key=str):
        print(f"  {reason or 'verified':18} {found[reason]:6} expected {wanted[reason]:6}")
    print(
        f"  requests {trial.requests}: {twice} more than undisturbed; {trial.open_at_kills} were in flight at"
        " the kills (asked, and the answer not kept yet)"
    )
    distinct = len({diagnostic_id for diagnostic_id, _ in trial.outcomes})
    if found != wanted or distinct != rows or twice > trial.open_at_kills:
        raise SystemExit("rows were lost, have another reason, or were paid for twice")


def throughput(seconds: float, verified: int) -> None:
    count = int(seconds * CONCURRENCY / LATENCY_S)
    with tempfile.TemporaryDirectory() as folder:
        alone = measured(Path(folder), count, "synthesize")
    ideal = CONCURRENCY / LATENCY_S
    print(
        f"synthesis alone    {alone['rate']:6.1f} answers/s, {alone['rate'] / ideal:.0%} of {ideal:.0f};"
        f" CPU {alone['cpu_ms']:.1f} ms an answer"
    )
    with tempfile.TemporaryDirectory() as folder:
        both = measured(Path(folder), verified, "both")
        checking = measured(Path(folder), verified, "verify")
    slower = min(alone["rate"], checking["rate"])
    print(f"verification alone {checking['rate']:6.1f} rows/s; CPU {checking['cpu_ms']:.1f} ms a row here")
    early, late = both["memory_mb"]
    print(
        f"both together      {both['rate']:6.1f} rows/s, {both['rate'] / slower:.0%} of the slower one;"
        f" CPU {both['cpu_ms']:.1f} ms a row here; memory {early} MB in the first third, {late} MB in the"
        " last"
    )


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--verified", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    reliability(given.rows, given.seed)
    throughput(given.seconds, given.verified)


if __name__ == "__main__":
    main()
