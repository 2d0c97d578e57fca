"""The choice of a model: what each name means, and what is refused with what to do."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from repair.fixing import chosen_model
from repair.fixing.chosen_model import ModelChoice, opened, weights_sha256
from repair.fixing.fix import Task
from repair.fixing.fixer import Fixer
from repair.synthesis.lm.completions import CompletionsModel
from tests.model_server import ModelServer, written
from tests.repair.synthesis.support import FunctionServers, marked

FILES = {"main.py": 'a = "error:x"\n'}
TASK = Task(FILES, marked(FILES)[0], marked(FILES), 2)


@pytest.mark.parametrize(
    ("name", "remote"),
    [("local", False), ("rules", False), ("openai/gpt-4o", True), ("{folder}", False), ("azure/a/b", True)],
)
def test_a_name_says_where_the_model_runs(name: str, remote: bool, tmp_path: Path) -> None:
    assert ModelChoice(name=name.format(folder=tmp_path)).is_remote == remote


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "gpt-4o"}, "there is no model 'gpt-4o': expected local, released, rules"),
        ({"name": "./absent/folder"}, "there is no model './absent/folder'"),
        ({"name": "/absent"}, "there is no model '/absent'"),
        ({"name": "rules", "url": "http://127.0.0.1:1"}, "'rules' runs on this machine"),
        ({"name": "local", "key_variable": "KEY"}, "'local' runs on this machine"),
        ({"name": "released"}, "Give its folder or URI by --store, or in REPAIR_SERVE_STORE"),
    ],
)
def test_what_is_no_model_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        ModelChoice(**settings)


def test_without_a_shipped_model_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen_model, "SHIPPED", tmp_path)
    with (
        pytest.raises(ConfigurationError, match="no model is shipped with this package: name one by --model"),
        opened(ModelChoice(), FunctionServers(marked), tell=print),
    ):
        pass


def test_a_model_behind_an_api_is_asked_and_its_answers_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    servers = FunctionServers(marked)
    with ModelServer(written('-1 a = "error:x"\n+1 a = "fine"\n</diff>')) as server:
        choice = ModelChoice(name="openai/scripted", url=server.base_url)
        for _ in range(2):  # the second run pays nothing
            with opened(choice, servers, tell=pytest.fail) as models:
                [fix] = Fixer(models, servers).fix([TASK])
            assert fix.changed == {"main.py": 'a = "fine"\n'}
        assert len(server.requests) == 1
    assert models.versions["model"] == "openai/scripted"
    assert (tmp_path / "repair").stat().st_mode & 0o777 == 0o700


def test_a_checkpoint_behind_an_api_needs_no_extra_and_keeps_nothing(tmp_path: Path) -> None:
    choice = ModelChoice(name="text-completion-openai/ours", url="http://127.0.0.1:1/v1")
    with opened(choice, FunctionServers(marked), tell=pytest.fail) as models:
        assert isinstance(models.first, CompletionsModel)
        assert isinstance(models.more, CompletionsModel)


def test_a_question_without_an_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told: list[str] = []
    servers = FunctionServers(marked)
    with ModelServer(lambda exchange: exchange.error(400, "no")) as server:
        choice = ModelChoice(name="openai/scripted", url=server.base_url)
        with opened(choice, servers, tell=told.append) as models:
            [fix] = Fixer(models, servers).fix([TASK])
    assert fix.reasons == {"no_answer": 2}
    assert len(told) == 2
    assert "gave no answer to main.py:1:marker[x]: " in told[0]


def test_the_rules_have_one_answer() -> None:
    servers = FunctionServers(marked)
    with opened(ModelChoice(name="rules"), servers, tell=print) as models:
        assert models.more is None
        [fix] = Fixer(models, servers).fix([replace(TASK, unsure=True)])
    assert fix.reasons == {"no_answer": 1}  # no rule knows a marker


def test_the_rules_load_no_package_of_an_extra() -> None:
    program = """
import sys
from repair.fixing.chosen_model import ModelChoice, opened
with opened(ModelChoice(name="rules"), None, tell=print) as models:
    print(models.name, sorted({"composer", "torch", "transformers", "dagster", "dspy"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "rules []\n"


def test_a_model_is_identified_by_its_weights_and_settings(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_bytes(b"{}")
    first = weights_sha256(tmp_path)
    (tmp_path / "notes.txt").write_bytes(b"x")
    assert weights_sha256(tmp_path) == first
    (tmp_path / "config.json").write_bytes(b"{ }")
    assert weights_sha256(tmp_path) != first
