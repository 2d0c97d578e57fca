"""A compiled teacher program: demos that real language servers confirm, scored on other projects."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from partitions.keys import Key
from repair_assets.few_shot_examples import few_shot_examples
from repair_assets.teacher_program import stored_program, teacher_program
from resources.language_models import LanguageModelResource
from tests.graph import DAY, House, failure, reused
from tests.model_server import Exchange, ModelServer, Script, server_error, written
from tests.stored_examples import misspelt_in, projects_of, store_examples

NAMES, WHOLE = Key(DAY, "F821"), Key()
LEARNED = projects_of("train", 6)
HELD_OUT = projects_of("test", 2)
COMPILED = {"teacher_program": {"optimize": "examples", "programs": 1, "most_demos": 2}}


def forgets_the_format(exchange: Exchange) -> None:
    """Knows every repair, and writes it as a diff only if it is shown how."""
    match = re.search(r"^2     return widht_(\d+) (.*)$", exchange.prompt, re.MULTILINE)
    assert match
    shown = sum(message["role"] == "assistant" for message in exchange.body["messages"]) > 1
    repaired = f"    return width_{match[1]} {match[2]}"
    exchange.answer(
        f"-2 {match[0][2:]}\n+2 {repaired}\n</diff>" if shown else f"The second line must be:\n{repaired}"
    )


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(forgets_the_format) as server:
        yield server


@pytest.fixture(scope="module")
def house(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("house"))
    rows = [misspelt_in(project, number) for number, project in enumerate((*LEARNED, *HELD_OUT), 1)]
    store_examples(house, NAMES, rows)
    house.resources["language_model"] = LanguageModelResource(
        model="openai/scripted", base_url=server.base_url, answers=str(house.folder / "answers.sqlite")
    )
    # No example of a question's own code, so that the program forgets the format as it is.
    house.run([few_shot_examples], WHOLE, config={"few_shot_examples": {"total": 0}})
    return house


def test_the_compiled_program_scores_higher_and_the_asset_shows_both_scores(house: House):
    result = house.run([teacher_program], WHOLE, config=COMPILED)
    (materialization,) = (event.materialization for event in result.get_asset_materialization_events())
    shown = {name: value.value for name, value in materialization.metadata.items()}
    assert (shown["score_before"], shown["score_after"]) == (0.0, 1.0)
    assert shown["rows_learned_compared_scored"] == [2, 2, 2]
    assert shown["answers_paid"] > 0
    program = stored_program(house.store)
    assert (program.score_before, program.score) == (0.0, 1.0)
    assert shown["program_version"] == program.version
    assert 1 <= len(program.demos) == shown["demos"]


def test_only_training_projects_are_learned_from_or_asked_about(house: House, server: ModelServer):
    assert {shot.project_id for shot in stored_program(house.store).demos} <= set(LEARNED)
    asked = {
        number
        for request in server.requests
        for number in re.findall(r"widht_(\d+)", str(request["messages"]))
    }
    assert asked and asked <= {str(number) for number in range(1, 7)}


def test_compiling_again_pays_nothing(house: House, server: ModelServer):
    asked, version = len(server.requests), stored_program(house.store).version
    assert reused(house.run([teacher_program], WHOLE, config=COMPILED)) == {"teacher_program": True}
    house.run([teacher_program], WHOLE)
    assert stored_program(house.store).demos == ()
    house.run([teacher_program], WHOLE, config=COMPILED)
    assert (len(server.requests), stored_program(house.store).version) == (asked, version)


TOLD = "Write the diff between its tags, and no word more."


def needs_to_be_told(exchange: Exchange) -> None:
    """Proposes instructions, and writes a diff only under its own."""
    system = exchange.body["messages"][0]["content"]
    if "proposed_instruction" in system:
        exchange.answer(
            f"[[ ## proposed_instruction ## ]]\n{TOLD}\n\n"
            "[[ ## proposed_prefix_for_output_field ## ]]\nDiff:\n\n[[ ## completed ## ]]"
        )
        return
    match = re.search(r"^2     return widht_(\d+) (.*)$", exchange.prompt, re.MULTILINE)
    assert match
    repaired = f"    return width_{match[1]} {match[2]}"
    exchange.answer(f"-2 {match[0][2:]}\n+2 {repaired}\n</diff>" if system == TOLD else repaired)


def test_instructions_that_the_model_proposes_are_chosen_where_they_help(house: House, tmp_path: Path):
    other = House(tmp_path)
    for asset in ("few_shot_examples", "repair_examples", "texts"):
        shutil.copytree(house.folder / "store" / asset, tmp_path / "store" / asset)
    both = {"teacher_program": {**COMPILED["teacher_program"], "optimize": "instructions_and_examples"}}
    with ModelServer(needs_to_be_told) as server:
        other.resources["language_model"] = LanguageModelResource(
            model="openai/scripted", base_url=server.base_url, answers=str(tmp_path / "answers.sqlite")
        )
        other.run([teacher_program], WHOLE, config=both)
    program = stored_program(other.store)
    assert (program.instructions, program.score_before, program.score) == (TOLD, 0.0, 1.0)


FAILURES = {
    "proposals that DSPy can't read": (written("I would rather not."), "proposed no instructions that DSPy"),
    "a wrong key": (server_error(written(""), status=401, times=None), "openai/scripted can't be asked"),
}


@pytest.mark.parametrize(("script", "said"), FAILURES.values(), ids=FAILURES)
def test_a_model_that_is_of_no_use_is_said(script: Script, said: str, house: House, tmp_path: Path):
    other = House(tmp_path)
    for asset in ("few_shot_examples", "repair_examples", "texts"):
        shutil.copytree(house.folder / "store" / asset, tmp_path / "store" / asset)
    both = {"teacher_program": {**COMPILED["teacher_program"], "optimize": "instructions_and_examples"}}
    with ModelServer(script) as server:
        other.resources["language_model"] = LanguageModelResource(
            model="openai/scripted", base_url=server.base_url, answers=str(tmp_path / "answers.sqlite")
        )
        result = other.run([teacher_program], WHOLE, config=both, raise_on_error=False)
    assert said in failure(result, "teacher_program")


def test_too_few_projects_and_a_budget_too_small_are_said(tmp_path: Path, server: ModelServer):
    house = House(tmp_path)
    store_examples(house, NAMES, [misspelt_in(project, 1) for project in LEARNED[:2]])
    house.run([few_shot_examples], WHOLE)
    for budget, rows, said in ((None, 2, "of 2 training projects"), (900, 3, "the budget ended before")):
        house.resources["language_model"] = LanguageModelResource(
            model="openai/scripted",
            base_url=server.base_url,
            answers=str(tmp_path / "answers.sqlite"),
            budget_tokens=budget,
        )
        store_examples(house, NAMES, [misspelt_in(project, 1) for project in LEARNED[:rows]])
        house.run([few_shot_examples], WHOLE)
        result = house.run([teacher_program], WHOLE, config=COMPILED, raise_on_error=False)
        assert said in failure(result, "teacher_program")
