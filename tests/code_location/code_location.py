"""A process that runs jobs of the code location, as a deployment would: `... JOB KEY [JOB KEY ...]`.

What is where comes from the environment: REPAIR_HOME, REPAIR_CADENCE, DAGSTER_HOME. A KEY is `date`,
`date|type` or `|type`. With DIES_IN, the name of an asset, it kills itself as it opens the second file of a
partition of it.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def start(home: Path, *jobs: tuple[str, str], **settings: str) -> "subprocess.Popen[str]":
    """The process, with all that it keeps below `home`, whose recording is at `home/recordings`."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    (dagster_home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(dagster_home),
        "REPAIR_SERVER_CACHE": "",
        **settings,
    }
    words = [word for pair in jobs for word in pair]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.code_location.code_location", *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(home: Path, *jobs: tuple[str, str], **settings: str) -> None:
    """Run the jobs to their end, which must be a success."""
    process = start(home, *jobs, **settings)
    said, _ = process.communicate(timeout=150)
    assert process.returncode == 0, said[-4000:]


def die_in(asset: str) -> None:
    """SIGKILL from an audit hook: no clock and no other process decides how far the stage had come."""
    written: set[str] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and f"/store/{asset}/" in str(arguments[0]) and "w" in str(arguments[1]):
            written.add(str(arguments[0]))
            if len(written) == 2:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main(words: list[str]) -> None:
    import dagster as dg

    from code_location.definitions import defs
    from partitions.keys import Key
    from tests.graph import QUIET

    if asset := os.environ.get("DIES_IN"):
        die_in(asset)
    with dg.DagsterInstance.get() as instance:
        for job, text in zip(words[::2], words[1::2], strict=True):
            date, _, diagnostic_type = text.partition("|")
            key: Any = Key(date or None, diagnostic_type or None).dagster()
            defs.resolve_job_def(job).execute_in_process(
                instance=instance, partition_key=key, run_config=QUIET
            )


if __name__ == "__main__":
    main(sys.argv[1:])
