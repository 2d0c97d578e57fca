"""A language model as the teacher: led by stored examples, told nothing unredacted, paid once."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from partitions.keys import Key
from repair_assets.synthesized_diffs import few_shot_examples, synthesized_diffs, teacher_program
from repair_assets.verified_diffs import verified_diffs
from resources.language_models import LanguageModelResource
from tests.graph import DAY, House, Session, failure, misspelt, record, reused, typing_errors, undefined
from tests.model_server import ModelServer, answers
from tests.stored_examples import projects_of

NAMES, WHOLE = Key(DAY, "F821"), Key()
LEARNED, UNSOLVED = projects_of("train", 2)
ADDRESS = "ada.lovelace@engines.org"
CONTACT = f'OWNER = "{ADDRESS}"\n\n\ndef owner():\n    return OWNR\n'
GUESTS = "for guest in guests:\n    print('welcome', guest, 'to the party')\n"
BY_MODEL = {"synthesized_diffs": {"teacher": "lm"}}


def repair_of(number: int) -> str:
    broken, repaired, _ = misspelt(number)
    return f"-2 {broken.splitlines()[1]}\n+2 {repaired.splitlines()[1]}"


SCRIPT = answers(
    {
        "return OWNR": "-5     return OWNR\n+5     return OWNER",
        "welcome": "-1 for guest in hosts:\n+1 for guest in []:",  # not what stands there
        "return widht_1 ": repair_of(1),
        "return widht_2 ": repair_of(2),
    }
)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT) as server:
        yield server


@pytest.fixture(scope="module")
def house(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two errors that their user repaired, and two that nobody did; the first two became examples."""
    house = House(tmp_path_factory.mktemp("house"))
    unsolved = Session(UNSOLVED)
    for path, text, name in (("contact.py", CONTACT, "OWNR"), ("party.py", GUESTS, "guests")):
        unsolved.edits(path, text)
        unsolved.publishes(path, undefined(text, name))
    record(house.folder / "recording", [typing_errors(LEARNED, [1, 2]), unsolved])
    house.resources["language_model"] = LanguageModelResource(
        model="openai/scripted", base_url=server.base_url, answers=str(house.folder / "answers.sqlite")
    )
    house.events()
    house.diagnostics("F821")
    for asset in (few_shot_examples, teacher_program):
        house.run([asset], WHOLE)
    house.run([synthesized_diffs, verified_diffs], NAMES, config=BY_MODEL)
    return house


def test_the_examples_are_those_of_the_pinned_release(house: House):
    shown = house.rows("few_shot_examples", WHOLE)
    assert {row["project_id"] for row in shown} == {LEARNED}
    assert len(shown) == 2
    assert house.manifest("few_shot_examples", WHOLE).inputs.keys() == {f"repair_examples[{NAMES}]"}
    assert house.manifest("teacher_program", WHOLE).extra["program_version"]


def test_the_model_repairs_what_no_user_did_and_what_it_makes_up_is_rejected(house: House):
    synthesized = house.manifest("synthesized_diffs", NAMES)
    assert (synthesized.rows_in, synthesized.rows_out) == (4, 4)
    rows = house.rows("synthesized_diffs", NAMES)
    assert all("scripted" in row["teacher"] for row in rows)
    assert all(row["input_tokens"] > 0 for row in rows)
    assert house.rejects("verified_diffs", NAMES) == {("party.py", "content_mismatch"): 1}
    paths = {row["path"] for row in house.rows("verified_diffs", NAMES)}
    assert paths == {"area_1.py", "area_2.py", "contact.py"}


def test_no_unredacted_text_reaches_the_model(house: House, server: ModelServer):
    said = json.dumps(server.requests)
    assert "return OWNR" in said
    assert ADDRESS not in said
    assert "lovelace" not in said


def test_a_rerun_is_reused_and_a_lost_partition_is_made_again_without_paying(
    house: House, server: ModelServer
):
    asked, wanted = len(server.requests), house.manifest("synthesized_diffs", NAMES).data_version
    assert asked == 4
    assert reused(house.run([synthesized_diffs], NAMES, config=BY_MODEL)) == {"synthesized_diffs": True}
    shutil.rmtree(Path(house.store.uri("synthesized_diffs", NAMES.segments())))
    assert reused(house.run([synthesized_diffs], NAMES, config=BY_MODEL)) == {"synthesized_diffs": False}
    assert house.manifest("synthesized_diffs", NAMES).data_version == wanted
    assert len(server.requests) == asked


def test_without_a_program_or_a_model_the_run_says_what_to_do(tmp_path: Path, house: House):
    shutil.copytree(house.folder / "store" / "repair_candidates", tmp_path / "store" / "repair_candidates")
    bare = House(tmp_path)
    result = bare.run([synthesized_diffs], NAMES, config=BY_MODEL, raise_on_error=False)
    assert "teacher_program[unpartitioned] is not in the store" in failure(result, "synthesized_diffs")

    shutil.copytree(house.folder / "store" / "teacher_program", tmp_path / "store" / "teacher_program")
    result = bare.run([synthesized_diffs], NAMES, config=BY_MODEL, raise_on_error=False)
    assert "set REPAIR_MODEL" in failure(result, "synthesized_diffs")
    assert bare.store.partitions("synthesized_diffs") == []


def test_there_is_nothing_to_draw_examples_from(tmp_path: Path):
    result = House(tmp_path).run([few_shot_examples], WHOLE, raise_on_error=False)
    assert "no repair_examples of any date to draw from" in failure(result, "few_shot_examples")
