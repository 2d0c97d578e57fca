"""A language model as a model of the benchmarks, against a real HTTP server that misbehaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError, TeacherError
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import ZERO_SHOT_SYSTEM
from repair.synthesis.lm.model import LmModel
from repair.synthesis.lm.program import FewShotExample, TeacherProgram
from repair.synthesis.lm.settings import LanguageModel
from tests.model_server import Exchange, ModelServer, Script, server_error, throttled, written

SAMPLING = Sampling()
ANSWER = "-2 b = nam1\n+2 b = name\n</diff>"


def sample(number: int, **columns: Any) -> dict[str, Any]:
    text = f"name = {number}\nb = nam{number}\n"
    diagnostic = {"code": "ruff[F821]", "message": f"Undefined name `nam{number}`", "start_line": 1}
    return {
        "sample_id": f"s{number}",
        "project_id": "held-out",
        "path": "main.py",
        "files": [{"path": "main.py", "text": text}],
        "diagnostic": diagnostic,
        **columns,
    }


def shot(number: int, code: str = "ruff[F821]", project: str = "learned") -> FewShotExample:
    shown = sample(100 + number)
    response = f"-2 b = nam{100 + number}\n+2 b = name\n</diff>"
    return FewShotExample(f"e{number}", project, code, prompt_of(shown), response)


def program(shots: int) -> TeacherProgram:
    examples = (shot(1), shot(2), shot(3), shot(4, code="ruff[E722]"), shot(5, project="held-out"))
    return TeacherProgram(shots=examples, shots_per_question=shots)


class Asked:
    """A server, and a model that asks it."""

    def __init__(self, folder: Path, script: Script) -> None:
        self.server, self.folder = ModelServer(script), folder
        self.said: list[str] = []
        self.progress: list[str] = []

    def model(self, shots: int = 0, sampling: Sampling = SAMPLING, **settings: Any) -> LmModel:
        known = {"model": "openai/scripted", "base_url": self.server.base_url, "first_pause_s": 0.01}
        model = LanguageModel(**{**known, "attempts": 2, **settings})
        cache = self.folder / "answers.sqlite"
        return LmModel(
            model,
            program(shots),
            cache,
            sampling=sampling,
            unanswered=self.said.append,
            report=lambda progress: self.progress.append(str(progress)),
        )

    def __enter__(self) -> "Asked":
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with Asked(tmp_path, written(ANSWER)) as asked:
        yield asked


@pytest.mark.parametrize("shots", [0, 1, 2])
def test_the_conversation_is_that_of_the_shots(asked: Asked, shots: int) -> None:
    with asked.model(shots) as model:
        assert model.name == f"openai/scripted {shots}-shot"
        prompt = model.prompt(sample(1))
        [[completion]] = model.answer([sample(1)])
    [request] = asked.server.requests
    messages = request["messages"]
    assert messages == json.loads(prompt), "what is stored is what was sent"
    assert messages[0] == {"role": "system", "content": ZERO_SHOT_SYSTEM}
    assert messages[-1] == {"role": "assistant", "content": "<diff>"}
    roles = [message["role"] for message in messages]
    assert roles == ["system", *["user", "assistant"] * shots, "user", "assistant"]
    assert messages[-2]["content"] == prompt_of(sample(1)).removesuffix("\n<diff>\n")
    shown = "".join(message["content"] for message in messages[1:-2])
    assert shown.count("</diff>") == shots
    assert "nam104" not in shown, "another diagnostic code"
    assert "nam105" not in shown, "of its own project"
    assert (completion.text, completion.finish_reason) == (ANSWER, FinishReason.ENDED)
    assert completion.input_tokens and completion.output_tokens and completion.seconds


def test_sampling_is_that_of_the_benchmarks(asked: Asked) -> None:
    with asked.model(sampling=Sampling(temperature=0.4, top_p=0.9)) as model:
        list(model.answer([sample(1)]))
    with asked.model(temperature=None) as model:  # an API that insists on its own
        list(model.answer([sample(1)]))
    first, own = asked.server.requests
    assert (first["temperature"], first["top_p"]) == (0.4, 0.9)
    assert "top_k" not in first, "OpenAI's API has none"
    assert "temperature" not in own and "top_p" not in own


def test_nothing_is_asked_twice_and_the_first_seconds_are_kept(asked: Asked) -> None:
    samples = [sample(number) for number in range(5)]
    with asked.model() as model:
        first = list(model.answer(samples, k=3))
        assert model.usage.answers_paid == 15
    assert "5 of 5 (100%) rows" in asked.progress[-1]
    assert len(asked.server.requests) == 15
    with asked.model() as model:
        assert list(model.answer(samples, k=3)) == first
        assert (model.usage.answers_paid, model.usage.answers_cached) == (0, 15)
        assert [len(more) for more in model.answer(samples, k=4)] == [4] * 5
    assert len(asked.server.requests) == 20
    with asked.model(sampling=Sampling(top_k=40)) as model:  # other answers, where they are supported
        list(model.answer(samples[:1]))
    assert len(asked.server.requests) == 21


def test_answers_come_in_order_and_many_are_open_at_once(tmp_path: Path) -> None:
    def slowly(exchange: Exchange) -> None:
        number = int(exchange.prompt.partition("name = ")[2].partition("\n")[0])
        exchange.stopped.wait(0.02 * (9 - number))
        exchange.answer(f"answer {number}")

    with Asked(tmp_path, slowly) as asked, asked.model() as model:
        found = [completion.text for [completion] in model.answer([sample(n) for n in range(10)])]
    assert found == [f"answer {number}" for number in range(10)]
    assert asked.server.most_at_once > 1


def test_a_slip_of_the_service_is_asked_again(tmp_path: Path) -> None:
    script = throttled(server_error(written(ANSWER), times=2))
    with Asked(tmp_path, script) as asked, asked.model(attempts=4) as model:
        [[completion]] = model.answer([sample(1)])
    assert completion.text == ANSWER
    assert asked.said == []


def test_a_question_without_an_answer_is_told_and_asked_again_by_the_next_run(tmp_path: Path) -> None:
    broken = [True]

    def script(exchange: Exchange) -> None:
        if "nam2" in exchange.prompt and broken[0]:
            exchange.error(400, "the prompt can't be answered")
        else:
            exchange.answer(ANSWER, "length" if "nam3" in exchange.prompt else "stop")

    samples = [sample(1), sample(2), sample(3), sample(4, path="absent.py")]
    with Asked(tmp_path, script) as asked:
        with asked.model() as model:
            found = list(model.answer(samples))
        nothing = Completion("", FinishReason.UNANSWERED)
        assert [found[1], found[3]] == [[nothing], [nothing]]
        assert [found[0][0].finish_reason, found[2][0].finish_reason] == [
            FinishReason.ENDED,
            FinishReason.CUT,
        ]
        assert [said.partition(": ")[0] for said in sorted(asked.said)] == [
            "openai/scripted 0-shot gave no answer to s2",
            "openai/scripted 0-shot gave no answer to s4",
        ]
        before, broken[0] = len(asked.server.requests), False
        with asked.model() as model:
            assert [completion.text for [completion] in model.answer(samples[:3])] == [ANSWER] * 3
        assert len(asked.server.requests) == before + 1


def test_the_budget_is_never_exceeded_and_the_rest_is_unanswered(asked: Asked) -> None:
    samples = [sample(number) for number in range(20)]
    with asked.model() as model:
        list(model.answer(samples[:1]))
        each = model.usage.input_tokens + model.usage.output_tokens
    most = {"budget_tokens": 4 * each + 4_000, "max_tokens": 1000, "concurrency": 1}
    with asked.model(**most) as model:
        found = [completion for [completion] in model.answer(samples)]
        spent = model.usage.input_tokens + model.usage.output_tokens
    unanswered = [answer for answer in found if answer.finish_reason == FinishReason.UNANSWERED]
    assert spent <= most["budget_tokens"]
    assert 0 < len(unanswered) == len(asked.said) < 19
    assert all("budget_exhausted" in said for said in asked.said)


def test_a_service_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    refused = pytest.raises(TeacherError, match="openai/scripted can't be asked")
    wrong_key = Asked(tmp_path, lambda exchange: exchange.error(401, "wrong key"))
    with wrong_key as asked, asked.model() as model, refused:
        list(model.answer([sample(1), sample(2)]))


def test_several_answers_at_temperature_0_are_refused(asked: Asked) -> None:
    refused = pytest.raises(ConfigurationError, match="would all be the same")
    with asked.model(sampling=Sampling(temperature=0)) as model, refused:
        list(model.answer([sample(1)], k=2))


def test_a_service_is_not_searched(asked: Asked) -> None:
    refused = pytest.raises(ConfigurationError, match="search a checkpoint only")
    with refused, asked.model(sampling=Sampling(temperature=0, search=True)):
        pass
