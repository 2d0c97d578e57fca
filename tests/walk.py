"""A walk through the Dagster UI as a new user would take it, in a real browser; docs/ui.md shows its pictures.

    python -m tests.walk .demo --out docs/images        # after `make demo`; it works on a copy

Materialize one partition; backfill days over types; see why a check failed and which rows were rejected; run a
failed partition again; follow a score back to the session events; switch the automation on.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser import Page, chromium
from tests.documented import ROOT

DAY, NEXT_DAY, TYPE = "2026-01-05", "2026-01-06", "F821"
START_S, RUN_S = 400.0, 400.0
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

_CLICK = """
(() => {
  const wanted = %s, scope = document.querySelector('[role=dialog]') || document;
  const found = [...(%s ? scope : document).querySelectorAll('button, a, [role=button], [role=tab], label, input')]
    .filter(element => element.offsetParent !== null)
    .find(element => (element.innerText || element.value || '').trim().startsWith(wanted));
  if (found) found.click();
  return Boolean(found);
})()
"""


@contextmanager
def dagster_dev(home: Path) -> Generator[str]:
    """`dagster dev` over a copy of a finished demo; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PYTHONPATH": str(ROOT),
    }
    with (home / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("dagster")), "dev", "-w", "workspace.yaml", "-p", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(f"{address}/server_info"), START_S, "the web server does not start")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def _until(holds: Any, patience_s: float, said: str) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(said)
        time.sleep(0.5)
    return found


class Walk:
    """One tab of the UI, and what the server says of its runs."""

    def __init__(self, page: Page, address: str, out: Path) -> None:
        self.page, self.address, self.out = page, address, out

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def runs(self) -> dict[str, str]:
        found = self.ask("{ runsOrError(limit: 200) { ... on Runs { results { runId status } } } }")
        return {run["runId"]: run["status"] for run in found["runsOrError"]["results"]}

    def new_runs(self, before: dict[str, str], count: int = 1) -> dict[str, str]:
        """The runs that were started since, once they have ended."""

        def ended() -> dict[str, str]:
            new = {run: status for run, status in self.runs().items() if run not in before}
            return new if len(new) >= count and set(new.values()) <= ENDED else {}

        return _until(ended, RUN_S, "the runs do not end")

    def open(self, path: str, *, text: str) -> float:
        """Open a page until a text is there; seconds."""
        started = time.monotonic()
        self.page.open(f"{self.address}{path}")
        self.page.until(f"document.body.innerText.includes({json.dumps(text)})")
        return time.monotonic() - started

    def click(self, text: str, *, in_dialog: bool = False) -> None:
        self.page.until(_CLICK % (json.dumps(text), json.dumps(in_dialog)))

    def shoot(self, name: str) -> None:
        time.sleep(1.5)  # what is drawn after the text
        self.page.screenshot(self.out / f"{name}.png")
        print(f"{name}.png")


def main() -> None:
    """Take the walk."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path, help="the folder of a finished demo")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "demo")
        shutil.copytree(given.home, home)
        with dagster_dev(home) as address, chromium(Path(folder)) as page:
            walk(Walk(page, address, given.out), home)


def walk(ui: Walk, home: Path) -> None:
    print(f"graph: {ui.open('/asset-groups', text='session_events'):.1f} s")
    ui.shoot("ui_graph")


if __name__ == "__main__":
    main()
