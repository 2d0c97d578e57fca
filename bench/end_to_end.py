"""From session events to verified diffs, by the teachers that need no model: rate, yield, checks, and what
100,000 verified diffs cost.

    python bench/end_to_end.py [--projects 24] [--copies 12]

Simulated projects of one day (`bench/growth.py` says how they are recorded and copied) go through the stages
of the asset graph up to `repair_candidates`, with two workers and no caps. Then each teacher is asked about
every candidate, and its diffs are verified. The servers' results are cached as they are by default, in a file
that is empty at first and of which each teacher has a copy. A check is one question about a workspace,
whoever answers it. The target is 100,000 verified diffs in under two hours.
"""

import argparse
import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from growth import WORKERS, recorded, run, show, write

from repair.evaluation.teachers import CountedServers
from repair.language_servers import LanguageServers
from repair.pipeline import BY_NAME
from repair.schema.outcomes import REASON
from repair.schema.stages import SYNTHESIZED_DIFFS
from repair.store.reader import PartitionStore
from repair.synthesis.offline import TEACHERS
from repair.verification.stage import verify_rows

WANTED, TARGET_HOURS = 100_000, 2


def answered(store: PartitionStore, name: str, cache: Path) -> tuple[int, int, int, float]:
    """Diffs, verified ones, checks and seconds of a teacher over all candidates."""
    diffs = verified = 0
    with LanguageServers(WORKERS, cache=cache) as servers:
        counted = CountedServers(servers)
        list(servers.check_many([]))
        start = time.perf_counter()
        for partition in store.partitions("repair_candidates"):
            rows = store.read("repair_candidates", partition)
            for proposed in BY_NAME["synthesized_diffs"].run(rows, counted, teacher=name):
                kept = proposed.filter(proposed[REASON].is_null()).select(SYNTHESIZED_DIFFS.names)
                diffs += kept.num_rows
                for judged in verify_rows([kept], counted):
                    verified += judged[REASON].null_count
        return diffs, verified, counted.checks, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=24)
    parser.add_argument("--copies", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="end-to-end-") as home:
        folder = Path(home)
        write(recorded(given.projects), given.copies, folder / "recording")
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            cost = process.submit(run, folder, str(folder / "results.sqlite")).result()
        before = sum(cost.seconds.values())
        show(cost)
        store = PartitionStore(str(folder / "store"))
        for name in TEACHERS:
            copy = shutil.copy(folder / "results.sqlite", folder / f"results-{name}.sqlite")
            diffs, verified, checks, seconds = answered(store, name, Path(copy))
            total = before + seconds
            hours = WANTED * total / verified / 3600
            print(
                f"{name}: {diffs:,} diffs, {verified:,} verified ({verified / cost.candidates:.0%} of the "
                f"candidates, {verified / cost.diagnostics:.0%} of the sampled) in {seconds:.0f} s; "
                f"{verified / total:.1f} verified a second over all; "
                f"{(cost.diagnostics + checks) / verified:.1f} checks for each; "
                f"{WANTED:,} in {hours:.2f} hours (target: {TARGET_HOURS})",
                flush=True,
            )


if __name__ == "__main__":
    main()
