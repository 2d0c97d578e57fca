"""The page in a real browser: keys, corrections, reloads, a killed server, hostile texts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.annotated import BROKEN, REPAIRED, Server, logged, sample_row, write_samples
from tests.browser import Page, chromium
from tests.repair.evaluation.annotation.test_samples import verified_file

ATTACK = "<img src=x onerror='window.attacked=1'><script>window.attacked=1</script>"
SAVED = "document.getElementById('status').textContent.startsWith('Saved: {}.')"
ALERT = "<img src=x onerror='window.attacked=1'></script><script>window.attacked=1</script>"
NASTY = (
    f'"""{ALERT}\u202e"""\n'
    + BROKEN
    + "".join(f"line_{number} = 0\n" for number in range(5_000))
    + "y" * 400_000
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


def text(page: Page, place: str) -> str:
    return page.value(f"document.getElementById('{place}').innerText")


def titled(name: str) -> str:
    return f"document.getElementById('about').textContent.startsWith('{name}')"


def press(page: Page, key: str) -> None:
    """A key, once the page has done what came before it; it drops those that come earlier."""
    page.until("!page.busy")
    page.press(key)
    page.until("!page.busy")


def start(page: Page, server: Server, name: str = "ann") -> None:
    page.open(f"{server.address}#annotator={name}")
    page.until("!document.getElementById('sample').hidden")


def test_a_person_decides_by_keys(browser: Page, tmp_path: Path) -> None:
    page, log = browser, tmp_path / "log.jsonl"
    names = ("one", "two", "three", "four")
    rows = [sample_row(name, BROKEN.replace("area", f"area_{name}")) for name in names]
    samples = write_samples(tmp_path / "s.jsonl", rows)
    with Server(samples, log) as server:
        start(page, server)
        assert page.value("location.href") == f"http://127.0.0.1:{server.port}/"  # without the token
        assert text(page, "title") == "ruff[F821] in main.py, line 2"
        assert page.value("document.querySelector('.mark').textContent") == "widht"
        assert page.value("document.querySelector('.new').textContent") == "    return width * height"
        page.press("?")
        assert "reject" in page.value("document.getElementById('help').innerText")
        page.press("Escape")
        press(page, "a")
        page.until(SAVED.format("accept"))
        assert text(page, "about").startswith("sample 2 of 4")
        press(page, "s")
        page.until(SAVED.format("skip"))
        press(page, "r")
        page.until("document.getElementById('reason-dialog').open")
        page.insert("not a mistake")
        page.press("Enter")
        page.until(SAVED.format("reject"))
        assert text(page, "progress") == "2 of 4, 1 skipped"
        assert [row["decision"] for row in logged(log)] == ["accept", "skip", "reject"]
        assert logged(log)[-1]["reason"] == "not a mistake"

        press(page, "k")
        page.until(titled("sample 3 of 4"))
        page.press("ArrowRight")
        page.until(titled("sample 4 of 4"))
        press(page, "j")
        page.until("document.getElementById('status').textContent.includes('no next sample')")
        lists = {"open": 4, "accept": 1, "correct": None, "reject": 3, "skip": 2}  # the filter goes round
        for state, number in lists.items():
            press(page, "f")
            assert page.value("document.getElementById('filter').value") == state
            if number is None:
                assert text(page, "status") == "No sample is in this list."
            else:
                assert text(page, "about").startswith(f"sample {number} of 4")
        page.open(f"http://127.0.0.1:{server.port}/")  # a reload knows where it was
        page.until(titled("sample 2 of 4"))
        assert page.value("document.getElementById('filter').value") == "skip"
        assert text(page, "progress") == "2 of 4, 1 skipped"

        server.kill()
        press(page, "a")
        page.until("document.getElementById('status').className === 'fault'")
        assert "nothing was saved" in text(page, "status")
        assert text(page, "about").startswith("sample 2 of 4")
    with Server(samples, log) as server:
        start(page, server)
        assert text(page, "progress") == "2 of 4, 1 skipped"
    assert len(logged(log)) == 3
    # the favicon, and what the kill cut off, are no faults of the page
    assert [fault for fault in page.faults if "favicon" not in fault and "ERR_" not in fault] == []


def test_a_person_corrects_a_diff(browser: Page, tmp_path: Path) -> None:
    page, log = browser, tmp_path / "log.jsonl"
    windows = BROKEN.replace("\n", "\r\n").removesuffix("\r\n")
    samples = write_samples(tmp_path / "s.jsonl", [sample_row("one", windows), sample_row("two")])
    with Server(samples, log) as server:
        start(page, server)
        assert "line endings: CRLF" in text(page, "files") and "no newline at the end" in text(page, "files")
        press(page, "c")
        page.until("!document.getElementById('editor').hidden")
        assert page.value("document.getElementById('text').value") == REPAIRED.removesuffix("\n")
        page.insert("X")  # at the diagnostic's line
        page.press("Escape")
        press(page, "a")
        page.until("document.getElementById('status').textContent.includes('not saved yet')")
        page.open(f"http://127.0.0.1:{server.port}/")  # what was typed outlives a reload
        page.until("document.getElementById('status').textContent.includes('not saved yet')")
        press(page, "c")
        page.until("!document.getElementById('editor').hidden")
        assert (
            page.value("document.getElementById('text').value.split('\\n')[1]")
            == "X    return width * height"
        )
        page.press("Enter", ctrl=True)
        page.until("document.getElementById('status').textContent.includes('do not agree')")
        assert "NOT VERIFIED" in text(page, "decision")
        page.value("document.getElementById('text').select()")
        page.insert(REPAIRED.replace("width * height", "height * width").removesuffix("\n"))
        page.press("Enter", ctrl=True)
        page.until("document.getElementById('status').textContent.includes('The diagnostic is gone')")
        server.kill()
    rows = logged(log)
    assert [row["verdict"] and row["verdict"]["accepted"] for row in rows] == [None, False, None, True]
    assert rows[-1]["line_diff"] == "-2     return widht * height\n+2     return height * width"
    with Server(samples, log) as server:
        start(page, server)
        assert text(page, "about").startswith("sample 2 of 2")  # the first that is open
        press(page, "k")
        assert page.value("document.querySelector('.new').textContent") == "    return height * width"
        assert "the servers agree" in text(page, "decision")
        assert text(page, "progress") == "1 of 2, 0 skipped"
        start(page, server, "bob")
        assert text(page, "progress") == "0 of 2, 0 skipped"
        press(page, "a")
        page.until(SAVED.format("accept"))
        press(page, "g")
        page.until("document.getElementById('agreement').open")
        assert "ann and bob: 0 of 1 (0.0%), Cohen's kappa 0.000" in text(page, "pairs")
        assert "one: correct, accept" in text(page, "pairs")


def test_labels_are_audited_by_keys(browser: Page, tmp_path: Path) -> None:
    page, log = browser, tmp_path / "log.jsonl"
    rows = verified_file(tmp_path / "rows.parquet", {"F821": 6, "F811": 3})
    with Server(rows, log, "--audit", "3", "--seed", "1") as server:
        start(page, server)
        press(page, "a")
        press(page, "u")
        press(page, "c")  # nothing to correct here
        press(page, "r")
        page.insert("another name was meant")
        page.press("Enter")
        page.until(SAVED.format("wrong"))
        assert text(page, "progress") == "3 of 3, 0 skipped"
    assert [row["decision"] for row in logged(log)] == ["right", "unsure", "wrong"]


def test_hostile_texts_are_text(browser: Page, tmp_path: Path) -> None:
    page = browser
    row = sample_row("one", NASTY, message=f"{ALERT}\nsecond line", project_id=ALERT)
    with Server(write_samples(tmp_path / "s.jsonl", [row]), tmp_path / "log.jsonl") as server:
        start(page, server, "%3Cimg%20src%3Dx%3E")
        assert page.value("document.querySelectorAll('img, #sample script').length") == 0
        assert ALERT in text(page, "message") and ALERT in text(page, "about")
        assert ALERT in text(page, "files") and "U+202E" in text(page, "files")
        page.press("w")  # the whole file of 5,000 lines
        page.until("document.querySelectorAll('#files tr').length > 5000")
        assert "398,000 characters" in text(page, "files")
        press(page, "c")
        page.until("!document.getElementById('editor').hidden")
        assert page.value("document.getElementById('gutter').textContent.trim().split('\\n').length") == 5007
        assert page.value(
            "document.getElementById('gutter').scrollTop === document.getElementById('text').scrollTop"
        )
        # a script that came into the page all the same would not run
        page.value(f"document.body.append(document.createRange().createContextualFragment({ATTACK!r}))")
        assert page.value("window.attacked === undefined")
        assert any("Content Security Policy" in fault for fault in page.faults)


def test_another_page_of_the_browser_gets_nothing(browser: Page, tmp_path: Path) -> None:
    page, log = browser, tmp_path / "log.jsonl"
    samples = write_samples(tmp_path / "s.jsonl", [sample_row("one")])
    body = '{"sample_id": "one", "decision": "skip", "annotator": "mallory"}'
    with Server(samples, log) as server, Server(samples, tmp_path / "other.jsonl") as other:
        start(page, server)
        start(page, other)  # another port of the same machine: the cookies of both are sent
        own, target = f"http://127.0.0.1:{other.port}", f"http://127.0.0.1:{server.port}"
        fetched = "fetch('{}', {}).then(a => a.text(), () => 'refused')"
        assert page.value(fetched.format(f"{own}/api/agreement", "{}")) == "[]"
        page.call("Page.setBypassCSP", enabled=True)
        page.open(own)
        post = f"credentials: 'include', method: 'POST', body: '{body}'"
        for options in (
            "{credentials: 'include'}",
            f"{{{post}, mode: 'no-cors'}}",
            f"{{{post}, headers: {{'Content-Type': 'application/json'}}}}",
        ):
            path = "/api/decide" if "POST" in options else "/api/overview?annotator=ann"
            assert page.value(fetched.format(f"{target}{path}", options)) in ("refused", "")
        assert log.read_text() == ""
        page.call("Page.setBypassCSP", enabled=False)
