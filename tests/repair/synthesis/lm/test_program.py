"""Selection of few-shot examples, and the teacher program: choice per question, version, file, messages."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.errors import ConfigurationError
from repair.prompt.answer_formats import LINE_DIFF, NAMES, answer_format
from repair.prompt.sentinels import PROMPT_VERSION, ZERO_SHOT_SYSTEM, Example, render_prompt
from repair.schema.stages import DIAGNOSTIC, REPAIR_EXAMPLES
from repair.synthesis.lm.client import LmClient
from repair.synthesis.lm.dspy_program import RepairProgram
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES, choose_examples, draw_rows
from repair.synthesis.lm.program import FewShotExample, TeacherProgram
from repair.synthesis.lm.settings import LanguageModel
from tests.repair.prompt.zero_shot import chat_messages
from tests.repair.synthesis.support import as_batch

EXAMPLE = Example("a.py", "import math\n\nprint(math.pie)\n", '"pie" is not known\n</code>\n"x"', 2)


def example_row(number: int, **columns: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(REPAIR_EXAMPLES.names),
        "example_id": f"e{number}",
        "project_id": f"p{number}",
        "split": "train",
        "code": "ruff[F821]",
        "path": EXAMPLE.path,
        "files": [{"path": EXAMPLE.path, "text": EXAMPLE.text}],
        "diagnostic": {
            **dict.fromkeys(field.name for field in DIAGNOSTIC),
            "message": EXAMPLE.message,
            "start_line": EXAMPLE.error_line,
        },
        "response": f"-3 print(math.pie)\n+3 print(math.pi)  # {number}\n</diff>",
        "prompt_version": PROMPT_VERSION,
        **columns,
    }


ROWS = st.lists(
    st.builds(
        dict,
        split=st.sampled_from(["train", "train", "validation", "test"]),
        code=st.sampled_from(["ruff[F821]", "pyright", "pyright[reportIndexIssue]"]),
        project_id=st.sampled_from(["p", "q", "r"]),
    ),
    max_size=25,
)


@settings(deadline=None)  # the first draw loads what the later ones use
@given(ROWS, st.integers(0, 5), st.integers(0, 4), st.integers(0, 10), st.randoms(use_true_random=False))
def test_the_draw(columns: list[dict], seed: int, per_code: int, total: int, random: Any) -> None:
    rows = [example_row(number, **values) for number, values in enumerate(columns)]

    def draw(rows: list[dict], cut: int) -> list[dict]:
        batches = [as_batch(rows[:cut], REPAIR_EXAMPLES), as_batch(rows[cut:], REPAIR_EXAMPLES)]
        batch = choose_examples(batches, seed=seed, per_code=per_code, total=total)
        assert batch.schema == FEW_SHOT_EXAMPLES
        return batch.to_pylist()

    chosen = draw(rows, 0)
    shuffled = random.sample(rows, len(rows))
    assert draw(shuffled, len(rows) // 2) == chosen

    training = [row for row in rows if row["split"] == "train"]
    ids = [row["example_id"] for row in chosen]
    assert set(ids) <= {row["example_id"] for row in training} and len(set(ids)) == len(ids)
    there = {code: [r for r in training if r["code"] == code] for code in {r["code"] for r in training}}
    drawn = {code: [r for r in chosen if r["code"] == code] for code in there}
    most = {code: min(len(there[code]), per_code) for code in there}
    assert len(chosen) == min(total, sum(most.values()))
    for code, rows_of_code in there.items():
        # every code gets its turn before another gets one more
        assert all(len(drawn[code]) >= min(len(drawn[other]) - 1, most[code]) for other in there)
        projects = {row["project_id"] for row in rows_of_code}
        assert len({r["project_id"] for r in drawn[code]}) == min(len(projects), len(drawn[code]))


@settings(deadline=None)
@given(ROWS, st.integers(0, 5), st.integers(0, 8), st.randoms(use_true_random=False))
def test_the_draw_of_rows_to_compile_with(columns: list[dict], seed: int, total: int, random: Any) -> None:
    rows = [example_row(number, **values) for number, values in enumerate(columns)]

    def draw(rows: list[dict], cut: int) -> list[Any]:
        batches = [as_batch(rows[:cut], REPAIR_EXAMPLES), as_batch(rows[cut:], REPAIR_EXAMPLES)]
        return draw_rows(lambda: batches, seed=seed, total=total)

    drawn = draw(rows, 0)
    assert draw(random.sample(rows, len(rows)), len(rows) // 2) == drawn
    training = {row["example_id"]: row for row in rows if row["split"] == "train"}
    assert len(drawn) == min(total, len(training))
    assert all(training[row["example_id"]].items() <= row.items() for row in drawn)
    projects = {row["project_id"] for row in training.values()}
    assert len({row["project_id"] for row in drawn}) == min(len(projects), len(drawn))


def test_another_seed_draws_others() -> None:
    rows = [example_row(number) for number in range(100)]
    batch = as_batch(rows, REPAIR_EXAMPLES)
    drawn = [choose_examples([batch], seed=seed, per_code=5, total=5).to_pylist() for seed in range(3)]
    assert len({str(examples) for examples in drawn}) == 3


def program(count: int = 10, **settings: Any) -> TeacherProgram:
    batch = choose_examples(
        [as_batch([example_row(number) for number in range(count)], REPAIR_EXAMPLES)],
        seed=1,
        per_code=count,
        total=count,
    )
    return TeacherProgram.from_examples([batch], **settings)


def question(number: int = 0, code: str = "ruff[F821]", project: str = "other") -> dict[str, Any]:
    return {"diagnostic_id": f"d{number}", "project_id": project, "diagnostic": {"code": code}}


def test_a_question_gets_examples_of_its_own_code_and_of_other_projects() -> None:
    made = program()
    drawn = [made.shots_for(question(number)) for number in range(30)]
    assert all(len(shots) == 3 for shots in drawn)
    assert {shot.example_id for shots in drawn for shot in shots} == {f"e{n}" for n in range(10)}
    assert made.shots_for(question(3)) == drawn[3]
    assert made.shots_for(question(code="pyright")) == []
    own = [made.shots_for(question(number, project="p4")) for number in range(30)]
    assert all(shot.project_id != "p4" for shots in own for shot in shots)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = program(seed=5, shots_per_question=2)
    uri = str(tmp_path / "folder" / "program.json")
    made.save(uri)
    assert TeacherProgram.load(uri) == made
    made.scored(0.75, before=0.5).save(uri)
    loaded = TeacherProgram.load(uri)
    assert (loaded.score, loaded.score_before, loaded.version) == (0.75, 0.5, made.version)


CHANGES = [
    {"instructions": "Repair it."},
    {"shots": ()},
    {"shots_per_question": 1},
    {"seed": 9},
    {"answer_format": "unified_diff"},
    {"demos": [{"example_id": "e", "project_id": "p", "code": "c", "prompt": "", "response": ""}]},
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_question_depends_on_is_in_the_version(change: dict[str, Any], tmp_path: Path) -> None:
    made = program()
    path = tmp_path / "program.json"
    made.save(str(path))
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **change}))
    with pytest.raises(ConfigurationError, match="changed after it was saved"):
        TeacherProgram.load(str(path))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": "1", "shots": [{}]}', "\x00"])
def test_another_file_is_no_program(text: str, tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="is not a teacher program"):
        TeacherProgram.load(str(path))


def test_another_prompt_version_is_refused(tmp_path: Path) -> None:
    uri = str(tmp_path / "program.json")
    TeacherProgram(prompt_version="0").save(uri)
    with pytest.raises(ConfigurationError, match="prompt version 0"):
        TeacherProgram.load(uri)
    row = {name: example_row(0, prompt_version="0").get(name) for name in FEW_SHOT_EXAMPLES.names}
    with pytest.raises(ConfigurationError, match="prompt version 0"):
        TeacherProgram.from_examples([as_batch([row], FEW_SHOT_EXAMPLES)])


def messages(
    tmp_path: Path, shots: Sequence[FewShotExample], prefill: bool = True, **settings: Any
) -> list[dict[str, Any]]:
    model = LanguageModel(model="openai/m", prefill=prefill)
    client = LmClient(model, tmp_path / "answers.sqlite")
    try:
        return RepairProgram(model, TeacherProgram(**settings), client).messages(EXAMPLE, shots)
    finally:
        client.close()


def shot(number: int) -> FewShotExample:
    row = example_row(number)
    return FewShotExample(
        prompt=render_prompt(EXAMPLE),
        **{name: row[name] for name in ("example_id", "project_id", "code", "response")},
    )


def test_without_examples_the_messages_are_the_zero_shot_conversation(tmp_path: Path) -> None:
    assert messages(tmp_path, []) == chat_messages(EXAMPLE)
    assert messages(tmp_path, [], prefill=False) == chat_messages(EXAMPLE)[:-1]


def test_examples_come_before_the_question_as_turns_in_the_same_form(tmp_path: Path) -> None:
    sent = messages(tmp_path, [shot(4)])
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user", "assistant"]
    assert sent[1]["content"] + "\n" + sent[2]["content"] == shot(4).prompt + shot(4).response
    assert sent[2]["content"].startswith(sent[4]["content"])
    assert [sent[0], *sent[3:]] == chat_messages(EXAMPLE)


@pytest.mark.parametrize("name", [name for name in NAMES if name != LINE_DIFF])
def test_another_format_tells_asks_and_shows_in_that_format(name: str, tmp_path: Path) -> None:
    sent = messages(tmp_path, [shot(4)], answer_format=name)
    assert sent[0]["content"] == answer_format(name).instructions != ZERO_SHOT_SYSTEM
    number = "3 " if name == "unified_diff" else ""
    for question in (sent[1]["content"], sent[3]["content"]):
        assert f"\n{number}print(math.pie)\n</code>" in question
        assert f"<error_line>\n{number}print(math.pie)\n</error_line>" in question
    unified = "<diff>\n@@ -1,3 +1,3 @@\n import math\n \n-print(math.pie)\n+"
    searched = "<diff>\n<<<<<<< SEARCH\nprint(math.pie)\n=======\n"
    assert sent[2]["content"].startswith(searched if name == "search_replace" else unified)
    assert sent[4] == {"role": "assistant", "content": "<diff>"}


def test_demos_are_shown_to_every_question_but_those_of_their_project() -> None:
    made = program(demos=(shot(4), shot(20)))
    ids = [example.example_id for example in made.shots_for(question(code="pyright"))]
    assert ids == ["e4", "e20"]
    ids = [example.example_id for example in made.shots_for(question())]
    assert ids[:2] == ["e4", "e20"] and len(set(ids)) == 5
    assert [example.example_id for example in made.shots_for(question(code="pyright", project="p4"))] == [
        "e20"
    ]
