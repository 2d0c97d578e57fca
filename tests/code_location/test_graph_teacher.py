"""A language model as the teacher: led by stored examples, told nothing unredacted, paid once."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from partitions.keys import Key
from repair.evaluation.reports.costs import costs
from repair.line_diff.unified import diff as unified_diff
from repair.schema.stages import SYNTHESIZED_DIFFS
from repair.verification.proof import prove
from repair.verification.stored_rows import verified_rows
from repair_assets.few_shot_examples import few_shot_examples
from repair_assets.synthesized_diffs import synthesized_diffs
from repair_assets.teacher_program import teacher_program
from repair_assets.verified_diffs import verified_diffs
from resources.language_models import LanguageModelResource
from tests.graph import (
    DAY,
    LANGUAGE_SERVERS,
    House,
    Session,
    failure,
    misspelt,
    record,
    reused,
    typing_errors,
    undefined,
)
from tests.model_server import Exchange, ModelServer, answers
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
        model="openai/scripted",
        base_url=server.base_url,
        usd_per_million_input_tokens=1.0,
        usd_per_million_output_tokens=2.0,
        answers=str(house.folder / "answers.sqlite"),
    )
    house.events()
    house.diagnostics("F821")
    for asset in (few_shot_examples, teacher_program):
        house.run([asset], WHOLE)
    house.run([synthesized_diffs, verified_diffs], NAMES, config=BY_MODEL)
    return house


def copy_stored(house: House, folder: Path, *names: str) -> None:
    """These assets, and `texts` where a stage reads texts, in a store of their own."""
    for name in names:
        shutil.copytree(house.folder / "store" / name, folder / "store" / name)


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


def test_what_was_paid_is_shown_and_the_cost_of_a_verified_diff_follows(house: House):
    usage = house.manifest("synthesized_diffs", NAMES).extra["usage"]
    assert (usage["answers_paid"], usage["answers_cached"], usage["answers_without_cost"]) == (4, 0, 0)
    rows = house.rows("synthesized_diffs", NAMES)
    assert usage["cost_usd"] > 0
    assert usage["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert usage["input_tokens"] == sum(row["input_tokens"] for row in rows)
    [cost] = costs(house.store)
    assert (cost.diagnostic_type, cost.rows, cost.synthesized, cost.verified) == ("F821", 4, 4, 3)
    assert cost.teacher == rows[0]["teacher"]
    assert cost.usd_per_verified == pytest.approx(usage["cost_usd"] / 3)


def test_progress_stands_in_the_log_of_the_run(house: House, capfd: pytest.CaptureFixture[str]):
    shutil.rmtree(Path(house.store.uri("synthesized_diffs", NAMES.segments())))
    loud = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}
    ops = {name: {"config": values} for name, values in BY_MODEL.items()}
    result = dg.materialize(
        [synthesized_diffs],
        partition_key=NAMES.dagster(),
        resources=house.resources,
        run_config={**loud, "ops": ops},
    )
    assert "4 of 4 (100%) rows" in capfd.readouterr().err
    (materialization,) = (event.materialization for event in result.get_asset_materialization_events())
    shown = {name: value.value for name, value in materialization.metadata.items()}
    assert (shown["answers_paid"], shown["answers_cached"], shown["cost_usd_now"]) == (0, 4, 0.0)
    assert shown["cost_usd"] > 0 and shown["seconds"] > 0


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


def test_every_stored_row_proves_itself(house: House):
    """One of them was redacted: it is held to the hash of what was verified."""
    servers = LANGUAGE_SERVERS.servers()
    rows = verified_rows(house.store.uri("verified_diffs", NAMES.segments()))
    proofs = list(prove(rows, servers, servers.versions))
    assert len(proofs) == 3
    assert all(proof.holds and not proof.other_versions for proof in proofs), "\n".join(map(str, proofs))
    assert sorted(proof.row["files_sha256"] == proof.row["workspace_sha256"] for proof in proofs)[0] is False


def test_a_judge_has_the_last_word_and_is_asked_once(house: House, tmp_path: Path):
    """The same model by another name, so that its judgements are not the teacher's answers."""

    def script(exchange: Exchange) -> None:
        word = "drop" if "OWNR" in exchange.prompt else "keep"
        exchange.answer(f"<verdict>\n{word}: I say so.\n</verdict>")

    judged = House(tmp_path)
    copy_stored(house, tmp_path, "synthesized_diffs", "texts")
    with ModelServer(script) as server:
        judged.resources["language_model"] = LanguageModelResource(
            model="openai/judge", base_url=server.base_url, answers=str(tmp_path / "answers.sqlite")
        )
        config = {"verified_diffs": {"judge": True}}
        assert reused(judged.run([verified_diffs], NAMES, config=config)) == {"verified_diffs": False}
        assert judged.rejects("verified_diffs", NAMES) == {
            ("party.py", "content_mismatch"): 1,
            ("contact.py", "judge_rejects"): 1,
        }
        assert len(server.requests) == 3
        assert reused(judged.run([verified_diffs], NAMES, config=config)) == {"verified_diffs": True}
        assert reused(judged.run([verified_diffs], NAMES)) == {"verified_diffs": False}
        assert len(server.requests) == 3


def test_cheats_are_counted_by_kind(house: House, tmp_path: Path):
    copy_stored(house, tmp_path, "synthesized_diffs", "texts")
    cheating = House(tmp_path)
    rows = cheating.rows("synthesized_diffs", NAMES)
    answers = ["-2 {0}\n+2 {0}  # type: ignore  # noqa", "-2 {0}\n+2     pass"]
    for row, answer in zip((row for row in rows if "area" in row["path"]), answers, strict=False):
        [text] = (file["text"] for file in row["files"] if file["path"] == row["path"])
        row["answer"] = f"{answer.format(text.splitlines()[1])}\n</diff>"
    with cheating.store.writer("synthesized_diffs", NAMES.segments()) as writer:
        writer.write("data", pa.Table.from_pylist(rows, SYNTHESIZED_DIFFS))
        writer.commit(
            fingerprint="by hand",
            inputs={},
            versions={},
            rows_in=len(rows),
            extra={"usage": {"cost_usd": 0.0}},
        )
    result = cheating.run([verified_diffs], NAMES)
    manifest = cheating.manifest("verified_diffs", NAMES)
    assert manifest.rejects == {"cheat": 2, "content_mismatch": 1}
    assert manifest.extra["cheats"] == {"emptied": 1, "suppression": 1}
    assert manifest.extra["tolerated"] == {}
    [event] = result.get_asset_materialization_events()
    assert event.materialization.metadata["cheats"].value == {"emptied": 1, "suppression": 1}


def test_without_a_program_or_a_model_the_run_says_what_to_do(tmp_path: Path, house: House):
    copy_stored(house, tmp_path, "repair_candidates")
    bare = House(tmp_path)
    result = bare.run([synthesized_diffs], NAMES, config=BY_MODEL, raise_on_error=False)
    assert "teacher_program[unpartitioned] is not in the store" in failure(result, "synthesized_diffs")

    copy_stored(house, tmp_path, "teacher_program")
    result = bare.run([synthesized_diffs], NAMES, config=BY_MODEL, raise_on_error=False)
    assert "set REPAIR_MODEL" in failure(result, "synthesized_diffs")
    assert bare.store.partitions("synthesized_diffs") == []


def test_there_is_nothing_to_draw_examples_from(tmp_path: Path):
    result = House(tmp_path).run([few_shot_examples], WHOLE, raise_on_error=False)
    assert "no repair_examples of any date to draw from" in failure(result, "few_shot_examples")


def in_unified_diffs(exchange: Exchange) -> None:
    """Wrong at first; then right, as a unified diff."""
    number = next((n for n in (1, 2) if f"return widht_{n} " in exchange.prompt), None)
    if exchange.attempt == 1 or number is None:
        exchange.answer("I have no idea.")
        return
    broken, repaired, _ = misspelt(number)
    exchange.answer(f"<diff>\n{unified_diff(broken, repaired)}\n</diff>")


def test_another_format_and_a_second_candidate_go_through_the_graph(tmp_path: Path, house: House):
    other = House(tmp_path)
    copy_stored(house, tmp_path, "few_shot_examples", "repair_candidates", "texts")
    with ModelServer(in_unified_diffs) as server:
        other.resources["language_model"] = LanguageModelResource(
            model="openai/scripted",
            base_url=server.base_url,
            temperature=0.8,
            answers=str(tmp_path / "answers.sqlite"),
        )
        unnumbered = {"teacher_program": {"answer_format": "unified_diff_unnumbered"}}
        other.run([teacher_program], WHOLE, config=unnumbered)
        twice = {"synthesized_diffs": {"teacher": "lm", "candidates": 2}}
        other.run([synthesized_diffs, verified_diffs], NAMES, config=twice)
        assert len(server.requests) == 4 * 2
    rows = other.rows("synthesized_diffs", NAMES)
    assert [row["candidates"] for row in rows] == [2] * 4
    assert {row["answer_format"] for row in rows} == {"unified_diff_unnumbered"}
    verified = {row["path"]: row["line_diff"] for row in other.rows("verified_diffs", NAMES)}
    assert verified == {f"area_{number}.py": repair_of(number) for number in (1, 2)}
    assert {reason for _, reason in other.rejects("verified_diffs", NAMES)} == {"no_diff"}
