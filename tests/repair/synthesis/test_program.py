"""Few-shot examples are drawn from training projects; a program is what its version says."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.errors import ConfigurationError
from repair.prompt import PROMPT_VERSION, ZERO_SHOT_SYSTEM, Example, chat_messages, render_prompt
from repair.schemas import REPAIR_EXAMPLES
from repair.synthesis.few_shot import FEW_SHOT_EXAMPLES, choose_examples
from repair.synthesis.program import Shot, TeacherProgram
from repair.synthesis.sentinel_adapter import RepairProgram
from tests.repair.synthesis.support import as_batch

EXAMPLE = Example("a.py", "import math\n\nprint(math.pie)\n", '"pie" is not known\n</code>\n"x"', 2)


def example_row(number: int, **columns: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(REPAIR_EXAMPLES.names),
        "example_id": f"e{number}",
        "project_id": f"p{number}",
        "split": "train",
        "code": "ruff[F821]",
        "prompt": render_prompt(EXAMPLE),
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


@given(ROWS, st.integers(0, 5), st.integers(0, 4), st.integers(0, 10), st.randoms(use_true_random=False))
def test_the_draw(columns: list[dict], seed: int, per_code: int, total: int, random: Any) -> None:
    rows = [example_row(number, **each) for number, each in enumerate(columns)]

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


def test_another_seed_draws_others() -> None:
    rows = [example_row(number) for number in range(100)]
    batch = as_batch(rows, REPAIR_EXAMPLES)
    drawn = [choose_examples([batch], seed=seed, per_code=5, total=5).to_pylist() for seed in range(3)]
    assert len({str(each) for each in drawn}) == 3


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
    assert all(len(each) == 3 for each in drawn)
    assert {shot.example_id for each in drawn for shot in each} == {f"e{n}" for n in range(10)}
    assert made.shots_for(question(3)) == drawn[3]
    assert made.shots_for(question(code="pyright")) == []
    own = [made.shots_for(question(number, project="p4")) for number in range(30)]
    assert all(shot.project_id != "p4" for each in own for shot in each)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = program(seed=5, shots_per_question=2)
    uri = str(tmp_path / "folder" / "program.json")
    made.save(uri)
    assert TeacherProgram.load(uri) == made
    made.scored(0.75).save(uri)
    loaded = TeacherProgram.load(uri)
    assert (loaded.score, loaded.version) == (0.75, made.version)


CHANGES = [
    {"instructions": "Repair it."},
    {"shots": ()},
    {"shots_per_question": 1},
    {"seed": 9},
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


def asking(prefill: bool) -> RepairProgram:
    return RepairProgram(
        model="openai/m",
        instructions=ZERO_SHOT_SYSTEM,
        prefill=prefill,
        client={"api_key": "k"},
        sampling={"temperature": 0.0, "max_tokens": 10},
    )


def test_without_examples_the_messages_are_the_zero_shot_conversation() -> None:
    prompt = render_prompt(EXAMPLE)
    assert asking(True).messages(prompt, []) == chat_messages(EXAMPLE)
    assert asking(False).messages(prompt, []) == chat_messages(EXAMPLE)[:-1]


def test_examples_stand_before_the_question_as_turns_in_the_same_form() -> None:
    row = example_row(4)
    shot = Shot(**{name: row[name] for name in ("example_id", "project_id", "code", "prompt", "response")})
    messages = asking(True).messages(render_prompt(EXAMPLE), [shot])
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[1]["content"] + "\n" + messages[2]["content"] == shot.prompt + shot.response
    assert messages[2]["content"].startswith(messages[4]["content"])
    assert [messages[0], *messages[3:]] == chat_messages(EXAMPLE)
