"""One tab of the Dagster UI, used with a mouse and a keyboard; GraphQL only waits for the runs."""

import json
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from tests.browser import Page
from tests.walk.server import until

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

BESIDE_NODES = """
(() => {
  for (let y = 250; y < innerHeight - 100; y += 20)
    for (let x = 150; x < innerWidth - 150; x += 20)
      if (!document.elementFromPoint(x, y).closest('foreignObject, button')) return [x, y];
})()"""
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
        self._mouse(found, 1)

    def _mouse(self, place: tuple[float, float], count: int) -> None:
        """The first click of a place, or the second of a double click."""
        x, y = place
        for kind, clicks in (("mouseMoved", 0), ("mousePressed", count), ("mouseReleased", count)):
            button = "left" if clicks else "none"
            self.page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=clicks)

    def fit(self) -> None:
        """A double click beside the nodes: the graph fits the page."""
        time.sleep(4)  # until it stands
        place = self.page.value(BESIDE_NODES)
        for count in (1, 2):
            self._mouse(place, count)

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

    def backfills_at_work(self) -> list[str]:
        """Backfills that have not ended, also such whose runs have."""
        found = self.ask(
            "{ partitionBackfillsOrError(limit: 100) { ... on PartitionBackfills { results"
            " { id endTimestamp } } } }"
        )
        results = found["partitionBackfillsOrError"]["results"]
        return [backfill["id"] for backfill in results if backfill["endTimestamp"] is None]

    @contextmanager
    def ends(self, count: int, *, seconds_each: float = 120) -> Generator[dict[str, str]]:
        """Waits until so many runs that the block starts have ended; fills in run -> status."""
        before, found = self.runs(), dict[str, str]()
        yield found

        def new() -> dict[str, str]:
            runs = {run: status for run, status in self.runs().items() if run not in before}
            return runs if len(runs) >= count and set(runs.values()) <= ENDED else {}

        found.update(until(new, 120 + seconds_each * count, f"{count} runs do not end"))
