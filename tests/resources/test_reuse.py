"""What decides whether a stored partition is reused: each of its causes changed alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from partitions.keys import DATE_AND_TYPE, Key
from repair.execution import definitions
from repair.execution.definitions import FOLLOWED, Sources
from repair.language_servers import LanguageServers
from repair.schema.outcomes import outcome_batch
from repair.store.definition_records import recorded_definitions
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from resources.checks import check_specs
from resources.stages import Input, Stage
from resources.store import StoreResource

KEY = Key("2026-01-05", "F821")
ROOT = Path(__file__).parents[2]
SCHEMA = pa.schema([("diagnostic_id", pa.string())])
FILES = {
    "__init__.py": "",
    "stage.py": (
        "import rensa\nfrom pkg.helper import used\n\nLIMIT = 3\n\n\n"
        'def run(rows):\n    """Runs."""\n    return rensa, used(rows, LIMIT), "page.html"\n\n\n'
        "def other():\n    return 1\n"
    ),
    "helper.py": "def used(rows, limit):\n    return rows[:limit]\n\n\ndef unused():\n    return 2\n",
    "page.html": "<p>",
}


@dataclass(frozen=True)
class World:
    """Everything that decides a result."""

    rows: tuple[str, ...] = ("a", "b")
    configuration: Mapping[str, Any] = field(default_factory=lambda: {"seed": 17})
    versions: Mapping[str, str] = field(
        default_factory=lambda: {"pyright": "1", "ruff": "1", "environment": "none", "prompt": "2"}
    )
    types: tuple[str, ...] = ("F821",)
    files: Mapping[str, str] = field(default_factory=lambda: FILES)
    rensa: str = "0.5"


class KnownSources(Sources):
    """Those of a world: the project's own modules, which are the same in all, are parsed once."""

    _own = Sources({name: ROOT / name for name in FOLLOWED})

    def __init__(self, package: Path) -> None:
        super().__init__({"pkg": package, **self._own._packages})
        self._own.reached(LanguageServers)
        self._modules.update(self._own._modules)
        self._steps.update(self._own._steps)


@pytest.fixture
def materialize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], bool]:
    """Runs the two stages in the given world; whether the second one's result was reused."""

    def run(world: World) -> bool:
        package = tmp_path / "pkg"
        package.mkdir(exist_ok=True)
        for name, text in world.files.items():
            (package / name).write_text(text)
        sources = KnownSources(package)
        monkeypatch.setattr(definitions, "_own_sources", lambda: sources)
        monkeypatch.setattr(definitions, "_version", lambda name: world.rensa if name == "rensa" else "1")

        @dg.asset(partitions_def=DATE_AND_TYPE, check_specs=check_specs("numbers", DATE_AND_TYPE))
        def numbers(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
            configuration = {"recording": list(world.rows)}
            stage = Stage(
                context=context, store=store.store(), inputs=(), schema=SCHEMA, configuration=configuration
            )
            rows = [{"diagnostic_id": name} for name in world.rows]
            return stage.materialize(
                lambda writer: writer.write_outcomes(outcome_batch(rows, SCHEMA)), rows_in=len(rows)
            )

        @dg.asset(
            partitions_def=DATE_AND_TYPE, deps=[numbers], check_specs=check_specs("made", DATE_AND_TYPE)
        )
        def made(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
            stage = Stage(
                context=context,
                store=store.store(),
                inputs=[Input("numbers", Key.of(context))],
                schema=SCHEMA,
                configuration=world.configuration,
                versions=world.versions,
                types=world.types,
                runs=["pkg.stage:run"],
            )

            def work(writer: Any) -> None:
                for batch in stage.rows("numbers"):
                    writer.write("data", batch)

            return stage.materialize(work)

        result = dg.materialize(
            [numbers, made],
            partition_key=KEY.dagster(),
            resources={"store": StoreResource(base_uri=str(tmp_path / "store"))},
        )
        (event,) = result.asset_materializations_for_node("made")
        return bool(event.metadata["reused"].value)

    return run


def edited(file: str, before: str, after: str) -> dict[str, Any]:
    assert FILES[file].count(before) == 1
    return {"files": FILES | {file: FILES[file].replace(before, after)}}


def server(**changed: str) -> dict[str, Any]:
    return {"versions": {**World().versions, **changed}}


WRITTEN = {
    "input data": {"rows": ("a", "c")},
    "configuration": {"configuration": {"seed": 18}},
    "pyright's version": server(pyright="2"),
    "ruff's version": server(ruff="2"),
    "the environment": server(environment="web-0123456789ab"),
    "the prompt's version": server(prompt="3"),
    "a reached definition": edited("stage.py", "LIMIT)", "LIMIT + 1)"),
    "a reached constant": edited("stage.py", "LIMIT = 3", "LIMIT = 4"),
    "a reached definition of another module": edited("helper.py", "[:limit]", "[limit:]"),
    "a data file": edited("page.html", "<p>", "<b>"),
    "a library's version": {"rensa": "0.6"},
    "the known types": {"types": ("F402", "F821")},
}
REUSED = {
    "nothing": {},
    "a comment": edited("stage.py", "LIMIT = 3", "LIMIT = 3  # the most"),
    "a docstring": edited("stage.py", "Runs.", "Runs as it says."),
    "formatting": edited("helper.py", "rows[:limit]", "(\n        rows[ : limit ]\n    )"),
    "the annotation of an argument": edited("stage.py", "def run(rows):", "def run(rows: list) -> tuple:"),
    "an unreached definition": edited("stage.py", "return 1", "return 11"),
    "an unreached definition of another module": edited("helper.py", "return 2", "return 22"),
    "a new definition": edited("helper.py", "def unused():", "def more(): pass\n\n\ndef unused():"),
}


@pytest.mark.parametrize(
    ("change", "reused"),
    [
        *(pytest.param(change, False, id=f"{name}: written") for name, change in WRITTEN.items()),
        *(pytest.param(change, True, id=f"{name}: reused") for name, change in REUSED.items()),
    ],
)
def test_one_change_alone(materialize: Callable[[World], bool], change: dict[str, Any], reused: bool):
    assert not materialize(World())
    assert materialize(replace(World(), **change)) is reused
    assert materialize(replace(World(), **change)), "and then it holds"


def manifest_of(folder: Path, asset: str) -> Manifest:
    manifest = PartitionStore(str(folder / "store")).manifest(asset, KEY.segments())
    assert manifest is not None
    return manifest


def test_the_manifest_says_what_it_was_made_of(materialize: Callable[[World], bool], tmp_path: Path):
    materialize(World())
    made, numbers = manifest_of(tmp_path, "made"), manifest_of(tmp_path, "numbers")
    assert made.inputs == {"numbers[2026-01-05|F821]": numbers.data_version}
    assert (made.configuration, made.versions, made.types) == ({"seed": 17}, World().versions, ["F821"])
    record = recorded_definitions(PartitionStore(str(tmp_path / "store")), made.definitions)
    assert record is not None
    assert {"pkg.stage:run", "pkg.helper:used", "pkg/page.html", "rensa"} <= set(record["parts"])
    assert {"pkg.stage:run", "repair.language_servers.servers:LanguageServers"} <= set(record["roots"])
    assert numbers.types is None
