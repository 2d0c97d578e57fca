"""Every command in the documentation is parsed by its program; `test_documented_commands.py` runs them."""

import argparse
import ast
import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from repair.cli import main
from repair.language_servers import Request, Result
from tests.documented import INLINE, ROOT, Block, Command, blocks, commands, pages

EXCUSED = {
    "composer": "starts a process for each of eight GPUs; what follows its -m is parsed",
    "curl": "asks a server that runs meanwhile; tests/repair/fixing sends the same question",
    "docker": "no container engine here: docs/never_run.md",
    "gcloud": "no cloud here: docs/never_run.md",
    "kubectl": "no cluster here: docs/never_run.md",
    "sudo": "changes the machine",
    "apt": "changes the machine",
    "apt-get": "changes the machine",
    "psql": "asks a database that runs meanwhile",
    "createdb": "asks a database that runs meanwhile",
    "export": "sets a variable",
    "cat": "prints a file",
    "cd": "changes the folder",
}
"""Programs whose commands are not run here: program -> why."""

MAKEFILE = (ROOT / "Makefile").read_text()
OURS = ("repair", "partitions", "resources", "repair_assets", "training_assets", "eval_assets")
BLOCKS = [block for page in pages() for block in blocks(page)]
COMMANDS = [command for block in BLOCKS for command in commands(block)]


def placeholders(folder: Path) -> None:
    """The files that documented commands name and that have to be there."""
    for name in ("main.py", "shop.py", "workspace.yaml"):
        (folder / name).write_text("print(1)\n")


def parse_repair(arguments: Sequence[str]) -> None:
    main.main(list(arguments), standalone_mode=False)


def parse_dagster(arguments: Sequence[str]) -> None:
    from dagster._cli import create_dagster_cli

    create_dagster_cli().main(list(arguments), standalone_mode=False)


def parse_make(arguments: Sequence[str]) -> None:
    for argument in arguments:
        name, _, value = argument.partition("=")
        found = rf"\$\({name}\)|^(?:export )?{name} \?=" if value else rf"^{name}:"
        assert re.search(found, MAKEFILE, re.MULTILINE), f"the Makefile has no {name}"


def parse_pip(arguments: Sequence[str]) -> None:
    from pip._internal.commands import create_command

    options, targets = create_command(arguments[0]).parse_args(list(arguments[1:]))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for target in targets:
        for extra in re.findall(r"[\w-]+", target.partition("[")[2]):
            assert extra in extras, f"there is no extra {extra}"
    assert all((ROOT / path).is_file() for path in getattr(options, "constraints", []))


def parse_python(arguments: Sequence[str]) -> None:
    first, rest = arguments[0], arguments[1:]
    if first == "-c":
        ast.parse(rest[0])
    elif first == "-m" and rest[0] in PARSERS:
        PARSERS[rest[0]](rest[1:])
    elif first == "-m":
        spec = importlib.util.find_spec(rest[0])
        if spec and spec.submodule_search_locations:
            spec = importlib.util.find_spec(f"{rest[0]}.__main__")
        assert spec and spec.origin, f"there is no module {rest[0]}"
        if Path(spec.origin).is_relative_to(ROOT):
            parser_of(Path(spec.origin)).parse_args(rest[1:])
    else:
        parser_of(ROOT / first).parse_args(rest)


def parse_cp(arguments: Sequence[str]) -> None:
    assert all((ROOT / source).exists() for source in arguments[:-1])


def parse_cat(arguments: Sequence[str]) -> None:
    assert all((ROOT / source).exists() for source in arguments)


def parse_composer(arguments: Sequence[str]) -> None:
    parse_python(arguments[arguments.index("-m") :])


PARSERS: dict[str, Callable[[Sequence[str]], None]] = {
    "repair": parse_repair,
    "dagster": parse_dagster,
    "make": parse_make,
    "pip": parse_pip,
    "python": parse_python,
    "composer": parse_composer,
    "cp": parse_cp,
    "cat": parse_cat,
}


def parser_of(program: Path) -> argparse.ArgumentParser:
    """The parser that a program makes, out of its source: importing it may take long."""
    parser = argparse.ArgumentParser(prog=program.name, exit_on_error=False, allow_abbrev=False)
    for call in ast.walk(ast.parse(program.read_text())):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".add_argument"):
            known = {word.arg: _literal(word.value) for word in call.keywords if word.arg}
            settings = {name: value for name, value in known.items() if value is not None}
            parser.add_argument(*map(ast.literal_eval, call.args), **settings)
    return parser


def _literal(value: ast.expr) -> object:
    if isinstance(value, ast.Name):
        return {"int": int, "float": float}.get(value.id)
    try:
        return ast.literal_eval(value)
    except ValueError:  # computed: such as choices, or a default
        return None


@pytest.mark.parametrize("command", [known for known in COMMANDS if known.words], ids=str)
def test_a_documented_command_is_one_that_its_program_takes(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = command.words
    name = Path(program).name
    assert name in PARSERS or name in EXCUSED, f"{name} is unknown: teach {Path(__file__).name} about it"
    placeholders(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(click.Command, "invoke", lambda _command, _context: None)  # parse, and do nothing
    if name in PARSERS:
        PARSERS[name](arguments)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_command_that_a_sentence_names_exists(page: Path) -> None:
    known = {"repair": set(main.commands), "make": set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))}
    for program, name in INLINE.findall(page.read_text()):
        if program == "python -m":
            assert importlib.util.find_spec(name), name
        else:
            assert name in known[program], f"`{program} {name}`"


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language == "python"],
    ids=lambda block: f"{block.page}:{block.line}",
)
def test_a_python_example_names_what_there_is(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in OURS:
            module = importlib.import_module(node.module or "")
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_link_leads_to_what_there_is(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        path, anchor = target
        linked = page if not path else page.parent / path
        assert linked.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
            }


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_target_stands_apart_from_what_it_is_linked_to(page: Path) -> None:
    """`[text] more(#place)` is shown as it stands, and is no link that could be followed."""
    assert not re.findall(r"[^\]]\(#[\w-]+\)", page.read_text())


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_cost_model_is_what_its_command_prints() -> None:
    spec = importlib.util.spec_from_file_location("costs", ROOT / "bench" / "costs.py")
    assert spec and spec.loader
    costs = importlib.util.module_from_spec(spec)
    sys.modules["costs"] = costs  # its dataclasses look themselves up
    spec.loader.exec_module(costs)
    assert f"\n{costs.tables()}\n" in (ROOT / "docs" / "costs.md").read_text(), "run python bench/costs.py"


def test_the_studies_are_what_their_command_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    studies = importlib.import_module("studies")
    page = (ROOT / "docs" / "studies.md").read_text()
    assert page == studies.page(), "run python bench/studies.py"
    plots = studies.plots()
    images = {image.name: image.read_text() for image in (ROOT / "docs" / "images").glob("studies_*.svg")}
    assert images == plots, "run python bench/studies.py"
    assert plots and all(f"(images/{name})" in page for name in plots)


def test_the_hooks_call_what_lint_calls() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    called = [hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks]
    lint = MAKEFILE[MAKEFILE.index("lint: ") :].partition("\n\n")[0]
    assert called == ["ruff", "ruff", "pyright"]
    assert all(f"$(BIN)/{program}" in lint for program in called)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("repair check a.py   # says", [["repair", "check", "a.py"]]),
        ("$ repair stale S\nrepair check x: a report, no command", [["repair", "stale", "S"]]),
        ("A=1 make demo && make dev > log", [["make", "demo"], ["make", "dev"]]),
        ("repair import git a \\\n  b", [["repair", "import", "git", "a", "b"]]),
        ("STORE/<asset>/date=...\n    it's a layout", []),
        ("for example", []),
    ],
)
def test_the_commands_of_a_block(text: str, found: list[list[str]]) -> None:
    assert [list(command.words) for command in commands(Block("page", 1, "", text))] == found


@pytest.mark.parametrize(
    "line",
    [
        "repair chekc main.py",
        "repair check nowhere.py",
        "repair run verified_diffs rows.parquet --output verified.parquet",
        "make deom",
        "make demo COLOUR=red",
        "pip install '.[pipelines]'",
        "python bench/no_such_bench.py",
        "python bench/teacher.py --row 3",
        "python -m code_location.train_main --recipe tiny",
        "dagster asset materialise",
        "frobnicate",
    ],
)
def test_a_command_that_does_not_exist_is_found(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = commands(Block("page", 1, "sh", line))
    with pytest.raises((AssertionError, SystemExit, click.ClickException, argparse.ArgumentError, OSError)):
        test_a_documented_command_is_one_that_its_program_takes(command, tmp_path, monkeypatch)


class QuietServers:
    """Language servers that find nothing."""

    versions = {"pyright": "0", "ruff": "0"}  # noqa: RUF012
    environment = "none"

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        return (Result() for _ in requests)


def test_the_examples_of_how_to_add_something_run() -> None:
    names: dict[str, Any] = {"__name__": "extending", "servers": QuietServers()}
    examples = [block for block in blocks(ROOT / "docs" / "extending.md") if block.language == "python"]
    assert len(examples) == 5
    for block in examples:
        code = compile("\n" * block.line + block.text, block.page, "exec")
        exec(code, names)
