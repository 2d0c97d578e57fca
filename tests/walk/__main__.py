"""A walk through the Dagster UI as a new user takes it, in a real browser: `docs/ui.md` shows its pictures.

    python -m tests.walk .demo --out docs/images        # after `make demo`; it works on a copy

Materialize one partition; run a failed one again; backfill a week over six types; find out why a check failed
and which rows were rejected; follow a score back to the session events; switch the automation on. What a user
clicks is clicked with a mouse; GraphQL only waits for the runs. It takes 17 minutes on two cores.
"""

import argparse
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from tests.browser import chromium
from tests.documented import ROOT
from tests.walk.server import dagster_dev, until
from tests.walk.ui import CONSOLE, HEIGHT, NODES, WIDTH, Walk
from tests.walk.week import BROKEN, FIRST, LAST, LOST, arrives, file_of, record_more

WEEK = f"[2026-01-05...{LAST}]"
TYPES = (
    *("F821", "reportAttributeAccessIssue", "reportCallIssue", "reportPossiblyUnboundVariable"),
    *("reportUndefinedVariable", "syntax"),
)
YEARS_AGO = date.today() - timedelta(days=3 * 365)


def main() -> None:
    """Take the walk."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("home", type=Path, help="the folder of a finished demo")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "demo")
        shutil.copytree(given.home, home)
        shutil.copy(ROOT / "dagster.yaml", home / "dagster")
        record_more(home)
        with chromium(Path(folder)) as page:
            with dagster_dev(home, REPAIR_FIRST_DATE=YEARS_AGO.isoformat()) as address:
                CONSOLE.print(f"Seconds until a page shows, dates from {YEARS_AGO} on:")
                load_times(Walk(page, address, given.out, home))
            with dagster_dev(home) as address:
                walk(Walk(page, address, given.out, home))


def walk(ui: Walk) -> None:
    """Every step, in the order of `docs/ui.md`."""
    ui.open("/asset-groups", "9_feedback")
    ui.click("Hide navigation")
    CONSOLE.print("Seconds until a page shows, dates from 2026-01-05 on:")
    load_times(ui)
    asset_graph(ui)
    one_partition(ui)
    failed_partition(ui)
    backfill(ui)
    failed_check(ui)
    funnel(ui)
    lineage(ui)
    automation(ui)


PAGES: Sequence[tuple[str, str, Sequence[str]]] = (
    ("asset graph", "/asset-groups", ("9_feedback",)),
    ("asset: overview", "/assets/verified_diffs", ("Columns", "diagnostic_id", "Row count")),
    ("asset: partitions", "/assets/verified_diffs?view=partitions", ("Materialized (", "F821")),
    (
        "asset: one partition",
        "/assets/verified_diffs?view=partitions&partition=2026-01-06%7CF821",
        ("rows_in",),
    ),
    ("asset: checks", "/assets/verified_diffs?view=checks", ("cheat_rate", "About")),
    ("runs", "/runs", ("Created",)),
    ("automation", "/automation", ("recorded_days_sensor",)),
)


def load_times(ui: Walk) -> None:
    """Rows of a table: the better of two times for each page."""
    for name, path, texts in PAGES:
        CONSOLE.print(f"| {name} | {min(ui.open(path, *texts) for _ in range(2)):.1f} |")


def asset_graph(ui: Walk) -> None:
    """docs/images/asset_graph.png: all groups open, without what is around them."""
    ui.size(2600, 900)
    ui.open("/asset-groups", "9_feedback")
    time.sleep(3)
    assets = len(ui.ask("{ assetNodes { id } }")["assetNodes"])
    while ui.page.value("document.querySelectorAll('foreignObject').length") < assets:  # a node of each
        for kind in ("keyDown", "keyUp"):  # Alt+E opens all groups
            ui.page.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key="e",
                code="KeyE",
                modifiers=1,
                windowsVirtualKeyCode=69,
            )
        time.sleep(5)
    ui.shoot("asset_graph", crop=NODES)
    ui.size(WIDTH, HEIGHT)


def one_partition(ui: Walk) -> None:
    ui.open("/assets/session_events", "Columns", "project_id")
    ui.click("Materialize")
    ui.click("Show all partitions")
    ui.types("ex: ", FIRST)
    ui.shoot("ui_materialize")
    with ui.ends(1):
        ui.click("Launch 1 run")
    ui.open(f"/assets/session_events?view=partitions&partition={FIRST}", "rows_in")
    ui.shoot("ui_partition")


def failed_partition(ui: Walk) -> None:
    """Four days, of which one fails: its file was cut off. It comes again, and the run is run again."""
    file = file_of(ui.home, BROKEN)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    ui.open("/assets/session_events", "Columns", "project_id")
    ui.click("Materialize")
    ui.click("Show all partitions")
    ui.types("ex: ", f"[{BROKEN}...{LAST}]")
    with ui.ends(4) as runs:
        ui.click("Launch backfill")
    until(lambda: not ui.backfills_at_work(), 300, "the backfill does not end")
    (failed,) = (run for run, status in runs.items() if status == "FAILURE")
    ui.size(WIDTH, 900)  # so that what is wrong is seen whole
    ui.open(f"/runs/{failed}", "Re-execute")
    ui.click("View full message")
    ui.shoot("ui_failed_run")
    ui.click("Done")
    ui.size(WIDTH, HEIGHT)
    file.write_bytes(whole)
    with ui.ends(1) as again:
        ui.click("Re-execute all")
        ui.click("Confirm")  # asked where the run is one of a backfill that has ended
    assert set(again.values()) == {"SUCCESS"}, again


def backfill(ui: Walk) -> None:
    ui.open("/locations/repair/jobs/diagnostics", "Materialize all")
    ui.click("Materialize all")
    ui.click("Confirm")
    ui.types("ex: ", WEEK)
    ui.click("Select a partition")
    for name in TYPES:
        ui.types("Filter partitions", name)
        ui.click(name, last=True)
    ui.page.press("Escape")
    ui.shoot("ui_backfill")
    with ui.ends(7 * len(TYPES)) as runs:
        ui.click("Launch backfill")
        ui.sees("Latest run")
        ui.open("/runs?view=backfills", "42 partitions")
        ui.click("View", on="a")
        time.sleep(60)
        ui.shoot("ui_backfill_runs", crop=f"[0, 0, {WIDTH}, 340]")
        ui.page.open("about:blank")  # drawing takes part of the processor
    CONSOLE.print(Counter(runs.values()))


def failed_check(ui: Walk) -> None:
    """The failed partition is made again alone, so that the check's page is about it."""
    ui.open("/assets/error_states", "Columns", "diagnostic_id")
    ui.click("Materialize")
    ui.types("ex: ", LOST)
    ui.click("Select a partition")
    ui.types("Filter partitions", "syntax")
    ui.click("syntax", last=True)
    ui.page.press("Escape")
    with ui.ends(1):
        ui.click("Launch 1 run")
    ui.size(1640, 820)
    ui.open("/assets/error_states", "Columns", "diagnostic_id")
    ui.click("Checks", on="[role=tab]")
    ui.click("replay_equals_stored_copy")
    ui.sees("What to do")
    ui.shoot("ui_check")
    ui.size(1640, 1000)
    ui.open(f"/assets/error_states?view=partitions&partition={LOST}%7Csyntax", "rejected_rows")
    ui.page.value(
        "[...document.querySelectorAll('td')].find(cell => cell.innerText == 'rejects').scrollIntoView()"
    )
    ui.shoot("ui_rejected")
    ui.size(WIDTH, HEIGHT)


def funnel(ui: Walk) -> None:
    ui.open("/assets/daily_examples?view=partitions&partition=2026-01-06", "reject_reasons")
    ui.click("[Show Markdown]")
    ui.shoot("ui_funnel")


def lineage(ui: Walk) -> None:
    ui.size(1640, 820)
    ui.open("/assets/eval_results", "Columns", "sample_id")
    ui.click("Lineage", on="[role=tab]")
    ui.click("Upstream")
    ui.click("All")
    ui.fit()
    ui.shoot("ui_lineage")
    ui.size(WIDTH, HEIGHT)


def automation(ui: Walk) -> None:
    arrives(ui.home, "yesterday")
    ui.open("/automation", "recorded_days_sensor")
    ui.switch("recorded_days_sensor")
    ui.switch("automation")
    ui.shoot("ui_automation")
    before = len(ui.runs())
    until(lambda: len(ui.runs()) >= before + 10, 900, "the automation asks for nothing")
    ui.open("/runs", "Created")
    ui.shoot("ui_runs")


if __name__ == "__main__":
    main()
