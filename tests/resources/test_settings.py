"""Settings come from the environment, say what was expected, and are those that docs/settings.md lists."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from repair.database import STATE_VARIABLE
from repair.errors import ConfigurationError
from repair.language_servers.settings import TOKEN_VARIABLE
from resources.settings import NOT_OURS, PREFIX, SLACK_TOKEN_VARIABLE, Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def test_the_page_shows_the_settings_of_the_class() -> None:
    rows = [
        f"| `REPAIR_{name.upper()}` | {field.description} | {f'`{field.default}`'.replace('``', 'none')} |"
        for name, field in sorted(Settings.model_fields.items(), key=lambda item: item[0] != "home")
    ]
    table = "\n".join(("| setting | meaning | default |", "|---|---|---|", *rows, ""))
    assert (ROOT / "docs/settings.md").read_text().endswith(f"\n{table}")


def test_every_setting_that_a_text_names_exists() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "Makefile", *ROOT.glob("docker/*")]
    named = {name for path in texts for name in re.findall(r"\bREPAIR_[A-Z_]+\b", path.read_text())}
    known = {Settings.variable(field) for field in Settings.model_fields}
    known |= {TOKEN_VARIABLE, STATE_VARIABLE, SLACK_TOKEN_VARIABLE}
    assert {name for name in named if not name.startswith(NOT_OURS)} - known == set()


def test_the_home_has_one_default() -> None:
    assert Settings.load().home == Path.cwd() / ".demo"
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"REPAIR_HOME \?= (\S+)", makefile) == ["$(CURDIR)/.demo"]


def test_what_lies_below_the_home_moves_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPAIR_HOME", str(tmp_path))
    monkeypatch.setenv("REPAIR_RECORDINGS", "gs://bucket/recordings")
    monkeypatch.setenv("REPAIR_SERVER_CACHE", "")
    settings = Settings.load()
    assert settings.store == f"{tmp_path}/store"
    assert (settings.recordings, settings.server_cache) == ("gs://bucket/recordings", "")
    assert settings.model_fields_set == {"home", "recordings", "server_cache"}


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("REPAIR_RECIPE", "small", ["'small'", "expected one of deepseek-coder-7b-instruct-v1.5, smollm2-"]),
        ("REPAIR_TEACHER", "me", ["'me'", "expected one of history, rules, model, lm"]),
        ("REPAIR_TEACHER", "lm", ["set REPAIR_MODEL"]),
        ("REPAIR_CADENCE", "hourly", ["'hourly'", "expected one of daily, weekly, monthly"]),
        ("REPAIR_BENCHMARK_CUTOFF", "soon", ["'soon'", "expected a day, such as 2024-01-31"]),
        ("REPAIR_STORES", "x", ["no setting", "did you mean REPAIR_STORE?"]),  # misspelt
        ("REPAIR_ZZZ", "x", ["no setting", "expected one of REPAIR_CADENCE"]),  # like none
    ],
)
def test_a_wrong_setting_is_named(
    variable: str, value: str, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"^{variable} is ") as caught:
        Settings.load()
    assert all(part in str(caught.value) for part in parts)


def test_a_secret_is_named_and_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "REPAIR_MODEL_KEY_VARIABLE": "REPAIR_OWN_KEY",
        "REPAIR_OWN_KEY": "s3cret",
        "REPAIR_LANGUAGE_SERVERS_TOKEN": "s3cret",
        "REPAIR_SHARED_STATE": "postgresql://u:s3cret@db/repair",
    }.items():
        monkeypatch.setenv(variable, value)
    settings = Settings.load()
    assert settings.model_key_variable == "REPAIR_OWN_KEY"
    assert "s3cret" not in repr(settings)
    monkeypatch.delenv("REPAIR_MODEL_KEY_VARIABLE")
    with pytest.raises(ConfigurationError, match="REPAIR_OWN_KEY is no setting") as caught:
        Settings.load()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("variable", ["REPAIR_FUNCTION_WORKERS", "REPAIR_SERVE_TOKEN", "REPAIR_SHARED_DATA"])
def test_what_others_read_is_let_be(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    assert Settings.load() == Settings()


def test_settings_do_not_change() -> None:
    settings: Any = Settings.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.store = "elsewhere"
