"""A walk through the Dagster UI as a new user takes it, in a real browser: `docs/ui.md` shows its pictures.

    python -m tests.walk .demo --out docs/images        # after `make demo`; it works on a copy

Materialize one partition; run a failed one again; backfill a week over six types; find out why a check failed
and which rows were rejected; follow a score back to the session events; switch the automation on. What a user
clicks is clicked with a mouse; GraphQL only waits for the runs. It takes half an hour on two cores.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from rich.console import Console

from repair.cli.imports import import_simulated
from repair.recording.layout import EVENTS_FOLDER, PROJECTS_FILE
from repair.schema.events import PROJECTS
from tests.browser import Page, chromium
from tests.documented import ROOT
from tests.fortnight.processes import Daemon

FIRST, BROKEN, LOST, LAST = (f"2026-01-{day:02d}" for day in (7, 8, 9, 11))
"""Recorded after the demo's days: of `BROKEN` comes half a file, of `LOST` edits are missing."""
WEEK = f"[2026-01-05...{LAST}]"
TYPES = (
    *("F821", "reportAttributeAccessIssue", "reportCallIssue", "reportPossiblyUnboundVariable"),
    *("reportUndefinedVariable", "syntax"),
)
YEARS_AGO = date.today() - timedelta(days=3 * 365)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
WIDTH, HEIGHT = 1280, 800
CONSOLE = Console(width=110)

FIND = """
((wanted, last, on) => {
  const visible = element =>
    element.getClientRects().length && getComputedStyle(element).visibility != 'hidden';
  const text = element => element.innerText || element.placeholder || '';
  const found = [...document.querySelectorAll('body *')].filter(
    element => !element.children.length && text(element).trim().startsWith(wanted) && visible(element)
      && element.closest(on) && !element.closest('button:disabled'));
  const element = found.at(last ? -1 : 0);
  if (!element) return null;
  element.scrollIntoView({block: 'nearest'});
  const {x, y, width, height} = element.getBoundingClientRect();
  return [x + Math.min(width / 2, 40), y + height / 2];
})"""
SWITCH = """
(name => {
  let row = [...document.querySelectorAll('body *')].find(e => !e.children.length && e.innerText == name);
  while (row && row.querySelectorAll('input[type=checkbox]').length < 2) row = row.parentElement;
  if (!row) return null;
  const shown = [...row.querySelectorAll('input[type=checkbox]')].at(-1).parentElement;
  const {x, y, width, height} = shown.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
})"""

NODES = """
(() => {
  const nodes = [...document.querySelectorAll('foreignObject')];
  const boxes = nodes.map(node => node.getBoundingClientRect());
  const most = (side, of) => of(...boxes.map(box => box[side]));
  return [most('left', Math.min) - 1, most('top', Math.min) - 1, most('right', Math.max) + 1,
    most('bottom', Math.max) + 1].map(Math.round);
})()"""

RENAME = r"""
(home => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const now = texts.currentNode.data.replaceAll(home, '.demo').replace(/\/[^\s"']*\/\.venv\//g, '.venv/')
      .replace(/\/[^\s"']*\/lib\/python3/g, '/usr/lib/python3');
    if (now != texts.currentNode.data) texts.currentNode.data = now;
  }
})"""
"""Folders of the machine that the walk is taken on get the names that they have in the documentation."""


@contextmanager
def dagster_dev(home: Path, **settings: str) -> Generator[str]:
    """`dagster dev` over a finished demo; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **settings,
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PYTHONPATH": str(ROOT),
    }
    program = Path(sys.executable).with_name("dagster")
    with (home / "dev.log").open("a") as log:
        subprocess.Popen(
            [program, "dev", "-w", "workspace.yaml", "-p", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(f"{address}/server_info"), 600, "the web server does not start")
        yield address
    finally:
        Daemon(home, environment).end()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def _until(holds: Callable[[], Any], patience_s: float, said: str) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(said)
        time.sleep(3)
    return found


class Walk:
    """One tab of the UI, and what the server says of its runs."""

    def __init__(self, page: Page, address: str, out: Path, home: Path) -> None:
        self.page, self.address, self.out, self.home = page, address, out, home
        self.size(WIDTH, HEIGHT)

    def size(self, width: int, height: int) -> None:
        self.page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, path: str, *texts: str) -> float:
        """Open a page until these texts are there; seconds."""
        self.page.open("about:blank")
        started = time.monotonic()
        self.page.open(f"{self.address}{path}")
        self.sees(*texts)
        return time.monotonic() - started

    def sees(self, *texts: str) -> None:
        for text in texts:
            self.page.until(f"document.body.innerText.includes({json.dumps(text)})")

    def click(self, text: str, *, last: bool = False, on: str = "body") -> None:
        """A click on what begins with a text, once it is there and enabled; `on`: a selector."""
        self._press(f"{FIND}({json.dumps(text)}, {json.dumps(last)}, {json.dumps(on)})")

    def switch(self, name: str) -> None:
        """A click on the switch in the row of a sensor or schedule."""
        self._press(f"{SWITCH}({json.dumps(name)})")

    def _press(self, place: str) -> None:
        found = None
        while found != (found := self.page.until(place)):  # until what opens has stopped moving
            time.sleep(1)
        x, y = found
        for kind, count in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 1)):
            button = "left" if count else "none"
            self.page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=count)

    def types(self, into: str, text: str) -> None:
        """A text into the field that shows `into`, in the place of what is in it, and Enter."""
        self.click(into)
        self.page.value("document.activeElement.select()")
        self.page.insert(text)
        self.page.press("Enter")

    def shoot(self, name: str, *, crop: str = "") -> None:
        """A picture of the tab, or of the box in `crop`, in few colours so that it is small."""
        time.sleep(4)  # what is drawn after the text
        self.page.value(f"{RENAME}({json.dumps(str(self.home))})")
        path = self.out / f"{name}.png"
        self.page.screenshot(path)
        image = Image.open(path).convert("RGB")
        if crop:
            image = image.crop(self.page.value(crop))
        image.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )
        CONSOLE.print(f"{path.name}: {path.stat().st_size // 1000} KB")

    def ask(self, query: str) -> Any:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["data"]

    def runs(self) -> dict[str, str]:
        """Run -> status."""
        found = self.ask("{ runsOrError(limit: 500) { ... on Runs { results { runId status } } } }")
        return {run["runId"]: run["status"] for run in found["runsOrError"]["results"]}

    @contextmanager
    def ends(self, count: int, *, seconds_each: float = 120) -> Generator[dict[str, str]]:
        """Waits until so many runs that the block starts have ended; fills in run -> status."""
        before, found = self.runs(), dict[str, str]()
        yield found

        def new() -> dict[str, str]:
            runs = {run: status for run, status in self.runs().items() if run not in before}
            return runs if len(runs) >= count and set(runs.values()) <= ENDED else {}

        found.update(_until(new, 120 + seconds_each * count, f"{count} runs do not end"))


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


def record_more(home: Path) -> None:
    """The rest of the week, with a fault in two days of it; yesterday's day waits in a folder of its own."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    for name, first, days in (("week", date.fromisoformat(FIRST), 5), ("yesterday", yesterday, 1)):
        import_simulated(
            out=home / name, first_date=first, days=days, projects=6, seed=first.toordinal(), every_case=False
        )
    arrives(home, "week")
    lose_edits(file_of(home, LOST))


def arrives(home: Path, name: str) -> None:
    """Recorded days come to those that are there."""
    source, target = home / name, home / "recordings"
    for path in (source / EVENTS_FOLDER).glob("*/*.parquet"):
        folder = target / path.parent.relative_to(source)
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder / f"{name}.parquet")
    tables = [pq.read_table(folder / PROJECTS_FILE, schema=PROJECTS) for folder in (target, source)]
    pq.write_table(pa.concat_tables(tables), target / PROJECTS_FILE)


def file_of(home: Path, day: str) -> Path:
    return home / "recordings" / EVENTS_FOLDER / f"date={day}" / "week.parquet"


def lose_edits(path: Path) -> None:
    """The export lost the last edit of each file of two projects."""
    table = pq.read_table(path)
    rows = table.select(["project_id", "kind", "path"]).to_pylist()
    projects = sorted({row["project_id"] for row in rows if row["kind"] == "ot"})[:2]
    last = {
        (row["project_id"], row["path"]): index
        for index, row in enumerate(rows)
        if row["kind"] == "ot" and row["project_id"] in projects
    }
    kept = sorted(set(range(table.num_rows)) - set(last.values()))
    pq.write_table(table.take(kept), path)


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
    while ui.page.value("document.querySelectorAll('foreignObject').length") < 24:  # a node of each asset
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
    (failed,) = (run for run, status in runs.items() if status == "FAILURE")
    ui.open(f"/runs/{failed}", "Re-execute")
    ui.click("View full message")
    ui.shoot("ui_failed_run")
    ui.click("Done")
    file.write_bytes(whole)
    with ui.ends(1) as again:
        ui.click("Re-execute")
        ui.click("Confirm")
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
    ui.open("/assets/error_states", "Columns", "diagnostic_id")
    ui.click("Checks", on="[role=tab]")
    ui.click("replay_equals_stored_copy")
    ui.shoot("ui_check")
    ui.size(WIDTH, 1000)
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
    ui.open("/assets/eval_results", "Columns", "sample_id")
    ui.click("Lineage", on="[role=tab]")
    ui.click("Upstream")
    ui.click("All")
    ui.shoot("ui_lineage")


def automation(ui: Walk) -> None:
    arrives(ui.home, "yesterday")
    ui.open("/automation", "recorded_days_sensor")
    ui.switch("automation")
    time.sleep(120)  # until its first tick: what was reported before that starts nothing
    ui.switch("recorded_days_sensor")
    ui.shoot("ui_automation")
    before = len(ui.runs())
    _until(lambda: len(ui.runs()) >= before + 10, 900, "the automation asks for nothing")
    ui.open("/runs", "Created")
    ui.shoot("ui_runs")


if __name__ == "__main__":
    main()
