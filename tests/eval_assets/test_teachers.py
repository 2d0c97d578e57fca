"""Teachers side by side in the graph: the user, the rules, and a model in every answer format."""

import json
import re
from collections.abc import Iterator

import pytest

from eval_assets.teachers import teacher_page, teacher_results
from partitions.keys import Key
from repair.line_diff import search_replace
from repair.line_diff import unified as unified_diff
from repair.prompt.answer_formats import NAMES
from repair_assets.few_shot_examples import few_shot_examples
from repair_assets.teacher_program import teacher_program
from resources.language_models import LanguageModelResource
from tests.graph import DAY, House, failure, misspelt, record, reused, typing_errors
from tests.model_server import Exchange, ModelServer
from tests.stored_examples import projects_of

NAMES_KEY = Key(DAY, "F821")
NUMBERS = (1, 2, 3)


def answer(exchange: Exchange) -> None:
    """Right in the format that the instructions ask for; in plain unified diffs it miscounts the lines."""
    instructions = exchange.body["messages"][0]["content"]
    if "review repairs" in instructions:
        exchange.answer("<verdict>\nkeep: the name is the parameter's.\n</verdict>")
        return
    for number in NUMBERS:
        broken, repaired, _ = misspelt(number)
        if f"return widht_{number} " not in exchange.prompt:
            continue
        if "search/replace blocks" in instructions:
            exchange.answer(f"{search_replace.diff(broken, repaired)}\n</diff>")
            return
        if "unified diff" not in instructions:
            bad, good = broken.splitlines()[1], repaired.splitlines()[1]
            exchange.answer(f"-2 {bad}\n+2 {good}\n</diff>")
            return
        diff = unified_diff.diff(broken, repaired)
        if "numbered lines" not in instructions:
            diff = diff.replace("@@ -1,5 +1,5 @@", "@@ -4,5 +4,5 @@")
        exchange.answer(f"{diff}\n</diff>")
        return
    exchange.error(400, "an unknown question")


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(answer) as server:
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("house"))
    [learned] = projects_of("train", 1)
    record(house.folder / "recording", [typing_errors(learned, NUMBERS)])
    house.events()
    house.diagnostics("F821")
    return house


def test_without_a_model_the_free_teachers_are_compared(house: House) -> None:
    house.run([teacher_results], NAMES_KEY)
    rows = house.rows("teacher_results", NAMES_KEY)
    assert {(row["system"], row["outcome"]) for row in rows} == {
        ("history", "verified"),
        ("rules", "verified"),
    }
    assert house.manifest("teacher_results", NAMES_KEY).extra["checks"]["history"] > 0
    assert len({row["edit"] for row in rows}) == 1  # the same slip three times, by whichever teacher
    again = house.run([teacher_results], NAMES_KEY)
    assert reused(again) == {"teacher_results": True}
    house.run([teacher_page], Key(DAY))
    page = house.store.read_bytes("teacher_page", {"date": DAY}, "teachers.html").decode()
    assert "No language model is configured" in page and "<svg" in page
    assert not re.search(r"(src|href)=.?https?:|url\(.?https?:|@import|<script", page)  # nothing is loaded


def test_a_model_is_compared_in_every_format(house: House, server: ModelServer) -> None:
    house.resources["language_model"] = LanguageModelResource(
        model="openai/scripted", base_url=server.base_url, answers=str(house.folder / "answers.sqlite")
    )
    house.run([few_shot_examples, teacher_program], Key())
    house.run([teacher_results], NAMES_KEY)
    rows = house.rows("teacher_results", NAMES_KEY)
    outcomes = {
        name: {row["outcome"] for row in rows if row["system"].endswith(f" {name}")} for name in NAMES
    }
    assert outcomes == {
        "line_diff": {"verified"},
        "unified_diff": {"verified"},
        "unified_diff_unnumbered": {"wrong_line"},
        "search_replace": {"verified"},
    }
    asked = len(server.requests)
    house.run([teacher_results], NAMES_KEY, config={"teacher_results": {"seed": 18}})
    assert len(server.requests) == asked  # nothing is paid for twice
    house.run([teacher_results], NAMES_KEY, config={"teacher_results": {"judge": True}})
    judged = {(row["verified"], row["judged"]) for row in house.rows("teacher_results", NAMES_KEY)}
    assert judged == {(True, True), (False, None)}
    house.run([teacher_page], Key(DAY))
    page = house.store.read_bytes("teacher_page", {"date": DAY}, "teachers.html").decode()
    assert all(f"openai/scripted {name}" in page for name in NAMES)
    assert json.dumps("REPAIR_MODEL") not in page


def test_a_page_of_nothing_is_refused(house: House) -> None:
    other = "2026-01-06"
    result = house.run([teacher_page], Key(other), raise_on_error=False)
    assert f"no teacher_results of {other}" in failure(result, "teacher_page")
