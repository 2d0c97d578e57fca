"""What `python -m tests.fortnight` rests on: a code location that loads, and alerts known to be due."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from tests.code_location.alerted_location import FAILING, training_mixture, verified_diffs
from tests.due_alerts import Cause, differences, due
from tests.graph import QUIET

ROOT = Path(__file__).parents[2]
LOAD = """
import dagster as dg
from tests.fortnight.location import defs
dg.Definitions.validate_loadable(defs)
from repair_assets.synthesized_diffs import Synthesis
print(Synthesis().teacher)
"""
CHECK, STEP = Cause("check", "verified_diffs", "verified_share"), Cause("step", "training_mixture")
SENSOR = Cause("automation", "sensor automation")


def test_its_code_location_loads_and_takes_the_teacher_of_the_settings(tmp_path: Path) -> None:
    # in a process of its own: it has three diagnostic types alone
    variables = {"REPAIR_HOME": str(tmp_path), "REPAIR_TEACHER": "rules", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "rules\n"), done.stderr


def test_what_is_due_is_read_from_the_event_log() -> None:
    instance = dg.DagsterInstance.ephemeral()
    try:
        for failing, asset in (
            ("", verified_diffs),
            ("check", verified_diffs),
            ("check", verified_diffs),
            ("step", training_mixture),
            ("blocking", training_mixture),
        ):
            FAILING.clear()
            FAILING.add(failing)
            dg.materialize(
                [asset], instance=instance, partition_key="1", run_config=QUIET, raise_on_error=False
            )
    finally:
        FAILING.clear()
    lost = instance.create_run_for_job(dg.JobDefinition(name="nightly", graph_def=dg.GraphDefinition("g")))
    instance.report_run_failed(lost)
    blocking = Cause("check", "training_mixture", "no_split_leaks")
    assert due(instance) == Counter({CHECK: 2, STEP: 1, blocking: 1, Cause("run", "nightly"): 1})


def said(cause: Cause, *statuses: str, what: str = "") -> list[dict[str, object]]:
    told = {"kind": cause.kind, "subject": cause.subject, "what": cause.check or what}
    return [{"status": status, "cause": told} for status in statuses]


@pytest.mark.parametrize(
    ("received", "wrong"),
    [
        (said(CHECK, "failing", "recovered"), []),
        (said(CHECK, *["failing", "recovered"] * 2), []),
        ([*said(CHECK, "failing", "recovered"), *said(SENSOR, "failing", "recovered")], []),
        ([], ["not told: check verified_diffs verified_share"]),
        (said(CHECK, "failing"), ["not told once, and then its recovery: "]),
        (said(CHECK, "recovered", "failing"), ["not told once, and then its recovery: "]),
        (said(CHECK, "failing", "failing", "recovered"), ["not told once, and then its recovery: "]),
        (said(CHECK, *["failing", "recovered"] * 3), ["told 3 times, and failed 2 times: "]),
        (
            [*said(CHECK, "failing", "recovered"), *said(STEP, "failing", "recovered", what="KeyError")],
            ["told, and did not happen: step training_mixture"],
        ),
    ],
)
def test_each_cause_is_told_once_and_then_its_recovery(
    received: list[dict[str, object]], wrong: list[str]
) -> None:
    found = list(differences(Counter({CHECK: 2}), [SENSOR], received))
    assert [line.startswith(begins) for line, begins in zip(found, wrong, strict=True)] == [True] * len(wrong)
