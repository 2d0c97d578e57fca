"""The scorecard in a real browser, over a store made by hand: figures, filters, strangers' texts."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest

from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.evaluation.regression import compare_with_earlier
from repair.evaluation.reports.scorecard import PUBLISHED, render
from repair.evaluation.scored import Scored, scored
from repair.pipeline import STAGES
from repair.store.reader import PartitionStore
from tests.browser import Page, chromium
from tests.scored_store import DATE, HOSTILE, LEAKED, TYPES, made, write


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PartitionStore:
    return made(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def page(store: PartitionStore) -> str:
    regression, _ = compare_with_earlier(store, DATE["date"])
    return render(store, STAGES, DATE["date"], [DATE["date"]], regression=regression)


class Tables(HTMLParser):
    """The tables of a page: caption -> rows of cells; and what is wrong with their marking."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.faults: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            if tag == "th" and dict(attrs).get("scope") not in ("row", "col"):
                self.faults.append(f"a heading of {self._caption!r} has no scope")
        if tag in ("td", "th", "caption"):
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            if not self._caption:
                self.faults.append(f"a table has no caption: {self._rows[:1]}")
            self.tables.setdefault(" ".join(self._caption.split()), self._rows)
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "caption":
            self._caption += data
        elif self._open:
            self._rows[-1][-1] += data

    def table(self, caption: str) -> list[dict[str, str]]:
        (rows,) = (rows for name, rows in self.tables.items() if name.startswith(caption))
        return [dict(zip(rows[0], map(str.strip, row), strict=True)) for row in rows[1:]]


def test_every_table_has_a_caption_and_headings_with_a_scope(page: str) -> None:
    assert Tables(page).faults == []


def test_the_headline_is_without_contaminated_samples_and_shows_both_numbers(
    page: str, store: PartitionStore
) -> None:
    counts = scored(store, DATE["date"]).counts()
    assert counts == {"samples": 36, "contaminated": LEAKED, "unchecked": 0}
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    # of 24 workspace samples, 4 are repaired; three others leaked
    assert "19.0 % workspace, ast or string match 95 % interval" in text
    assert "n=21, without contaminated samples; with them 16.7 %, n=24" in text
    assert "16.7 % leetcode, functional" in text
    tables = Tables(page)
    assert "n=21" in tables.table("workspace, without contaminated")[0]["repaired"]
    assert "n=24" in tables.table("workspace, all samples, with the 3 that leaked")[0]["repaired"]
    leaks = tables.table("Contaminated samples")
    assert Counter(leak["kind"] for leak in leaks)["same text"] == LEAKED


def test_the_half_to_choose_on_has_a_section_and_is_in_no_headline_and_no_comparison(
    store: PartitionStore,
) -> None:
    known = scored(store, DATE["date"])
    others = ("leetcode_injected", "leetcode_injected_choose")
    rows = [
        {**row, "benchmark": name}
        for row in known.rows
        for name in (row["benchmark"], *(others if row["benchmark"] == "leetcode" else ()))
    ]
    samples = {
        (row["benchmark"], row["sample_id"]): known.samples["leetcode", row["sample_id"]]
        for row in rows
        if row["benchmark"] in others
    }
    both = replace(known, rows=rows, samples={**known.samples, **samples})
    page = render(store, STAGES, DATE["date"], [DATE["date"]], scored=both)
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    # the published bugs stay as they are
    assert "16.7 % leetcode, functional" in text
    assert "16.7 % leetcode_injected, functional" in text
    assert "% leetcode_injected_choose, functional" not in text
    assert "the half to choose thresholds on; no result" in text
    tables = Tables(page)
    compared = {row["benchmark"] for row in tables.table("McNemar")}
    assert compared == {"workspace", "leetcode", "leetcode_injected"}
    assert tables.table("leetcode_injected_choose, without contaminated")
    sections = re.findall("<h2>(.*?):", page)[:4]
    assert sections == ["Workspace repair", "LeetCode repair", "LeetCode repair", "LeetCode repair"]


def test_shares_have_intervals_and_the_number_of_samples(page: str) -> None:
    tables = Tables(page)
    for caption in (
        "workspace, without contaminated",
        "workspace, by category",
        "workspace, by changed lines",
        "workspace, by diagnostic type",
    ):
        for row in tables.table(caption):
            for metric in ("ast match", "ast or string match", "repaired"):
                assert re.fullmatch(r"\d+\.\d \[\d+\.\d, \d+\.\d\] n=\d+", row[metric]), (caption, row)
    assert {row["category"] for row in tables.table("workspace, by category")} == {"names", "syntax"}
    assert {row["type"] for row in tables.table("workspace, by diagnostic type")} == set(TYPES)
    assert {row["changed lines"] for row in tables.table("workspace, by changed lines")} == {"1"}


def test_abstentions_no_change_and_cheats_are_shown_apart(page: str) -> None:
    (model, _) = Tables(page).table("workspace, outcomes of the first answers")
    assert {kind: model[kind].split()[0] for kind in ("no change", "cheat", "unreadable", "wrong")} == {
        "no change": "16.7",
        "cheat": "16.7",
        "unreadable": "16.7",
        "wrong": "33.3",
    }


def test_the_precision_of_the_verifier_is_there_where_tests_were_run(page: str) -> None:
    tables = Tables(page)
    assert not any(name.startswith("workspace, precision") for name in tables.tables)
    model = tables.table("leetcode, precision of the verifier")[0]
    assert (model["system"], model["k"]) == ("model", "1")
    assert re.fullmatch(r"16\.7 \[.*\] n=12", model["verified"])
    assert re.fullmatch(r"100\.0 \[.*\] n=2", model["precision"])


def test_pairs_pass_at_k_gap_and_speed(page: str) -> None:
    tables = Tables(page)
    pairs = tables.table("McNemar's exact test")
    assert {(pair["benchmark"], pair["metric"]) for pair in pairs} == {
        ("workspace", "ast or string match"),
        ("workspace", "repaired"),
        ("leetcode", "functional"),
    }
    (workspace, *_) = pairs
    assert (workspace["only first"], workspace["only second"], workspace["n"]) == ("0", "17", "21")
    assert workspace["significant"] == "yes"
    (model, _) = tables.table("workspace, pass@k")
    assert list(model) == ["system", "1", "2", "3"]
    assert float(model["1"].split()[0]) < float(model["2"].split()[0]) < float(model["3"].split()[0])
    gap = tables.table("The same metric on both")[0]
    assert (gap["leetcode"].split()[0], gap["workspace"].split()[0]) == ("16.7", "19.0")
    assert gap["difference, points"].startswith("-2.4 [")
    speeds = tables.table("Median and 95th percentile")
    assert {(speed["measure"], speed["n"]) for speed in speeds} == {
        *(("output tokens", "72"), ("seconds", "72"), ("output tokens", "36"), ("seconds", "36")),
    }


def test_published_results_are_in_a_table_of_their_own_that_says_so(page: str) -> None:
    tables = Tables(page)
    (caption,) = (caption for caption in tables.tables if "published by the authors" in caption)
    assert "not ours, and not comparable" in caption
    rows = tables.table(caption)
    assert [row["model (published)"] for row in rows] == [name for name, *_ in PUBLISHED]
    assert rows[0]["LeetCode functional, n=360"] == "89.44 [85.8, 92.2]"
    others = [name for name in tables.tables if name != caption]
    assert not any(PUBLISHED[1][0] in cell for name in others for row in tables.tables[name] for cell in row)


def test_a_store_without_several_answers_has_no_pass_at_k_and_no_speed(tmp_path: Path) -> None:
    page = render(made(tmp_path, numbered=False), STAGES, DATE["date"], [DATE["date"]])
    tables = Tables(page)
    assert not any("pass@k" in caption or "Median" in caption for caption in tables.tables)
    assert "n=21" in tables.table("workspace, without contaminated")[0]["repaired"]


def test_samples_that_can_not_be_compared_are_in_no_headline(tmp_path: Path) -> None:
    """The benchmark was released anew since, or the mixture is gone."""
    store = made(tmp_path)
    empty = pa.Table.from_pylist([], schema=BENCHMARK_SAMPLES)
    write(store, "workspace_benchmark", {"diagnostic_type": "F821"}, {"data": empty})
    found = scored(store, DATE["date"])
    assert found.counts() == {"samples": 36, "contaminated": 0, "unchecked": 12}
    page = render(store, STAGES, DATE["date"], [DATE["date"]], scored=found)
    assert "n=12" in Tables(page).table("workspace, without contaminated")[0]["repaired"]


def test_a_date_without_a_sample_and_one_without_the_checkpoints_answers(tmp_path: Path) -> None:
    store = made(tmp_path)
    nothing = Scored(rows=[], samples={}, leaks=[], mixture=True)
    page = render(store, STAGES, DATE["date"], [DATE["date"]], scored=nothing)
    assert Tables(page).faults == []
    assert "0 of 0 samples are on this page" in page
    whole = scored(store, DATE["date"])
    others = replace(whole, rows=[row for row in whole.rows if row["system"] != "model"])
    page = render(store, STAGES, DATE["date"], [DATE["date"]], scored=others)
    assert "without contaminated samples; with them" not in page
    assert len(Tables(page).table("workspace, without contaminated")) == 1


@pytest.fixture(scope="module")
def opened(page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    file = folder / "scorecard.html"
    file.write_text(page)
    with chromium(folder / "profile") as browser:
        browser.open(file.as_uri())
        yield browser


def choose(page: Page, **values: str) -> tuple[list[dict[str, str]], str]:
    """Set the filters as a person does; what the list then holds (sample and system), and the count."""
    script = """((values) => {
      for (const field of document.querySelectorAll("#browser select, #browser input")) {
        field.value = values[field.id.replace("browser-", "")] ?? "";
        field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", {bubbles: true}));
      }
      const rows = [...document.querySelectorAll("#browser-list > details")];
      return [rows.map((row) => ({...row.dataset, text: row.querySelector("summary").textContent})),
              document.getElementById("browser-count").textContent];
    })"""
    return page.value(f"{script}({json.dumps(values)})")


def test_the_page_asks_for_nothing_and_no_error_is_logged(opened: Page) -> None:
    assert [url.split("/")[-1] for url in opened.requests] == ["scorecard.html"]
    assert opened.faults == []
    assert opened.value("performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 216),
        ({"system": "model"}, 108),
        ({"benchmark": "leetcode"}, 72),
        ({"type": "syntax"}, 108),
        ({"category": "names"}, 108),
        ({"kind": "cheat"}, 18),
        ({"kind": "wrong"}, 36),
        ({"outcome": "new_error"}, 18),
        ({"leak": "contaminated"}, 6 * LEAKED),
        ({"kind": "cheat", "type": "F821", "benchmark": "workspace", "system": "model"}, 6),
        ({"text": "ANSWER 7"}, 12),
        ({"text": "onerror", "system": "history"}, 3 * 4),  # the first sample's code, and four answers
        ({"text": "no such text"}, 0),
        ({"text": "answer 7", "kind": "cheat"}, 2),
    ],
)
def test_filters_of_the_sample_browser(opened: Page, filters: dict[str, str], count: int) -> None:
    rows, said = choose(opened, **filters)
    assert said == f"{count} of 216 answers"
    assert len(rows) == min(count, 50)
    if "system" in filters:
        assert {row["system"] for row in rows} == {filters["system"]}
    if "outcome" in filters:
        assert all(row["text"].startswith(filters["outcome"]) for row in rows)


def test_more_is_shown_on_request(opened: Page) -> None:
    choose(opened)
    opened.value("document.getElementById('browser-more').click()")
    assert opened.value("document.querySelectorAll('#browser-list > details').length") == 100
    choose(opened, kind="cheat")
    assert opened.value("document.getElementById('browser-more').hidden") is True


def test_a_strangers_text_is_shown_to_the_letter_and_runs_nothing(opened: Page) -> None:
    choose(opened, text="workspace-f821-0\n", system="model")
    opened.value("document.querySelector('#browser-list > details > summary').click()")
    shown = opened.value(
        "new Promise((done) => setTimeout(() => done([...document.querySelectorAll('#browser-list pre')]"
        ".map((block) => block.textContent)), 100))"
    )
    code, target, answered = shown
    for line in HOSTILE.splitlines()[:3]:
        assert line in code
    assert "\u2028 ]]> &amp; \\u003c')  # \U0001f600" in code
    assert answered == f"-3 {HOSTILE}</diff>"
    assert target.startswith("-5 name_")
    assert opened.value("document.querySelector('#browser-list mark').textContent").startswith("    3  <img")
    assert opened.value("typeof window.broken") == "undefined"
    assert opened.value("document.querySelectorAll('#browser img, #browser b').length") == 0
    assert opened.faults == []
    assert len(opened.requests) == 1


CONTRAST = """(() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(channel);
                           return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (selector, behind) => {
    const ink = light(getComputedStyle(document.querySelector(selector)).color);
    const ground = light(getComputedStyle(document.querySelector(behind)).backgroundColor);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  };
  return [ratio("h1", "body"), ratio("section td", "section"), ratio("section .muted", "section"),
          ratio("section small", "section"), ratio(".tile b", ".tile"), ratio("select", "select")];
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(opened: Page, scheme: str) -> None:
    """Contrast of at least 4.5, as WCAG 2 asks for."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.call("Emulation.setEmulatedMedia", features=features)
    ratios = opened.value(CONTRAST)
    assert min(ratios) >= 4.5, ratios
    background = opened.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) > 384) is (scheme == "light")
