"""The package without its checkout: what the wheel holds, the core alone, and the code location."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.evaluation.release.loader import load_release
from repair.schema.stages import VERIFIED_DIFFS
from tests.annotated import sample_row, write_samples
from tests.installed import (
    PACKAGES,
    ROOT,
    Environment,
    copy_source,
    empty_environment,
    linked_environment,
    pip,
    wheel_of,
)
from tests.recorded import NOON, Typist, hours
from tests.released import misspelt_samples, predictions, release_of
from tests.stored_examples import verified

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MOST_MB = 500
LONG = "".join(f"x{number} = {number}\n" for number in range(200))
"""Typed by the key: so many edits that the pipeline would replay them in compiled code."""

FACE = """
import importlib, pkgutil
from repair.errors import ConfigurationError
import repair

named = set()
for module in pkgutil.walk_packages(repair.__path__, "repair.", onerror=lambda name: None):
    try:
        importlib.import_module(module.name)
    except ConfigurationError as error:
        named.add(str(error).rpartition("pip install ")[2])
print(*sorted(named))

from repair.evaluation.metrics import ast_match, ast_or_string_match
from repair.evaluation.sandbox import run
from repair.language_servers import LanguageServers
from repair.line_diff import apply, diff, extract
from repair.ot import apply, decode_packet, encode_packet
from repair.prompt import parse, render
from repair.replay import texts_at
from repair.training.packing import pack
from repair.verification import verify
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return wheel_of(copy_source(folder / "source"), folder)


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in files} >= {".py", ".pyi", ".proto", ".html"}
    assert {name for name in names if ".dist-info/" not in name and ".data/data/share/" not in name} == files
    assert f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info/licenses/LICENSE" in names


def interpreter(version: str) -> str:
    """A Python of that version, or a skip."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in (shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")):
        shown = (
            path and subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        )
        if path and shown.startswith(f"Python {version}."):
            return str(path)
    pytest.skip(f"no Python {version} on this machine")


HERE = pytest.mark.parametrize("core", ["3.11"], indirect=True)
"""What another version of Python does no differently."""


@pytest.fixture(scope="module", params=["3.11", "3.13"])
def core(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """The core as a user gets it: from the package index, into an empty environment."""
    environment = empty_environment(
        tmp_path_factory.mktemp("core") / "environment", interpreter(request.param)
    )
    # what the tests use is compiled as they use it
    pip(environment.python, "install", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel)
    return environment


def test_the_core_is_small(core: Environment) -> None:
    folder = core.python.parents[1]
    taken = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_symlink())
    assert 300e6 < taken < MOST_MB * 1e6
    listed = core.run("python", "-c", "import importlib.metadata as m; print(*m.packages_distributions())")
    assert {"repair", "pyarrow"} < set(listed.stdout.split())
    assert not {"dagster", "pyspark", "torch", "composer", "numpy", "dspy"} & set(listed.stdout.split())


def test_the_core_checks_a_file(core: Environment, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("print(y)\n")
    (tmp_path / "good.py").write_text("print(1)\n")
    good = core.run("repair", "check", "good.py", cwd=tmp_path)
    assert (good.returncode, good.stdout) == (0, "")
    bad = core.run("repair", "check", "bad.py", cwd=tmp_path)
    assert bad.returncode == 1
    assert [line.split(": ")[2] for line in bad.stdout.splitlines()] == [
        "pyright[reportUndefinedVariable]",
        "ruff[F821]",
    ]


@HERE
def test_the_core_fixes_a_file_by_rules_and_says_what_the_model_needs(
    core: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "bad.py"
    file.write_text("number = 1\nprint(numbr)\n")
    fixed = core.run("repair", "fix", "--apply", "--model", "rules", "bad.py", cwd=tmp_path)
    assert (fixed.returncode, file.read_text()) == (0, "number = 1\nprint(number)\n"), fixed.stderr
    refused = core.run("repair", "fix", "bad.py", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--model" in refused.stderr or "pip install 'repair[" in refused.stderr


@HERE
def test_the_core_imports_and_replays(core: Environment, tmp_path: Path) -> None:
    typist = Typist()
    packets = [typist.types("main.py", LONG[: end + 1], NOON).packet for end in range(len(LONG))]
    rows = [
        {
            "project_id": "p",
            "session_id": "s",
            "timestamp": (NOON + hours(number / 3600)).isoformat(),
            "kind": "ot",
            "path": "main.py",
            "packet": base64.b64encode(packet or b"").decode(),
        }
        for number, packet in enumerate(packets)
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "projects.jsonl").write_text('{"project_id": "p", "visibility": "public"}\n')
    imported = core.run("repair", "import", "events", tmp_path, "--out", "recording", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
    at = (NOON + hours(1)).isoformat()
    replayed = core.run("repair", "replay", "recording", "--file", "main.py", "--at", at, cwd=tmp_path)
    assert (replayed.returncode, replayed.stdout) == (0, LONG), replayed.stderr


@HERE
def test_the_core_evaluates_on_a_release(core: Environment, tmp_path: Path) -> None:
    release_of(tmp_path, misspelt_samples(2))
    first, _ = load_release(tmp_path / "release").samples
    predictions(
        tmp_path / "predictions.jsonl", [{"sample_id": first["sample_id"], "answer": first["reference"]}]
    )
    done = core.run(
        *("repair", "evaluate", "release", "predictions.jsonl", "--out", "scores.jsonl"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "coverage 50.0 [9.5, 90.5]: 1 of 2 samples answered, 0 of them without a change" in done.stdout
    outcomes = [json.loads(line)["outcome"] for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert outcomes == ["repaired", "missing"]


@HERE
@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("language-servers", "functions_framework", "function"),
        ("prove store", "numpy", "pipeline"),
        ("serve --model rules", "uvicorn", "serve"),
        ("annotate --samples samples.jsonl --export log.jsonl", "uvicorn", "annotate"),
    ],
)
def test_a_command_names_the_extra_that_it_needs(
    core: Environment, command: str, package: str, extra: str
) -> None:
    assert core.run("repair", "--help").returncode == 0
    refused = core.run("repair", *command.split())
    assert (refused.returncode, refused.stderr) == (
        2,
        f"Error: {package} is not installed; install it with: pip install 'repair[{extra}]'\n",
    )


def test_a_module_of_the_library_imports_or_names_its_extra(core: Environment) -> None:
    done = core.run("python", "-c", FACE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [
        "'repair[annotate]'",
        "'repair[function]'",
        "'repair[lm]'",
        "'repair[local]'",
        "'repair[pipeline]'",
        "'repair[postgres]'",
        "'repair[serve]'",
    ]


@pytest.fixture(scope="module")
def pipeline(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return linked_environment(tmp_path_factory.mktemp("pipeline") / "environment", wheel, "pipeline")


def test_the_code_location_loads(pipeline: Environment, tmp_path: Path) -> None:
    home = {"DAGSTER_HOME": str(tmp_path), "REPAIR_HOME": str(tmp_path)}
    shutil.copy(ROOT / "workspace.yaml", tmp_path)
    validated = pipeline.run(
        *("python", "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"),
        cwd=tmp_path,
        variables=home,
    )
    assert validated.returncode == 0, validated.stderr
    where = pipeline.run("python", "-c", "import code_location; print(code_location.__file__)", cwd=tmp_path)
    assert Path(where.stdout).is_relative_to(pipeline.python.parents[1])


def test_a_stage_runs_on_a_file(pipeline: Environment, tmp_path: Path) -> None:
    row = verified("p", "number = 1\nprint(numbr)\n", "number = 1\nprint(number)\n")
    pq.write_table(pa.Table.from_pylist([row], schema=VERIFIED_DIFFS), tmp_path / "diffs.parquet")
    done = pipeline.run(
        *("repair", "run", "repair_examples", "diffs.parquet", "--out", "examples.parquet"), cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "1 rows, 1 kept, 0 rejected\n")
    assert pq.read_table(tmp_path / "examples.parquet")["project_id"].to_pylist() == ["p"]


def test_people_annotate_json_lines_without_the_pipeline(wheel: Path, tmp_path: Path) -> None:
    environment = linked_environment(tmp_path / "environment", wheel, "annotate")
    write_samples(tmp_path / "samples.jsonl", [sample_row("one")])
    (tmp_path / "log.jsonl").touch()
    files = ("--samples", "samples.jsonl", "--export", "log.jsonl")
    done = environment.run("repair", "annotate", *files, "--summary", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    module = "repair.evaluation.annotation.app"
    code = f"import {module} as app; print(sorted(path.name for path in app._STATIC.iterdir()))"
    loaded = environment.run("python", "-c", code, cwd=tmp_path)
    assert (loaded.stdout, loaded.stderr) == ("['page.css', 'page.html', 'page.js']\n", "")
