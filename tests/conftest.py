"""Fixtures that every test may use."""

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from repair import sandbox
from repair.errors import ConfigurationError
from repair.language_servers import LanguageServers

# Read when gcsfs is imported, by whichever test comes first: else it would ask over gRPC what kind of bucket
# it is, and the emulator speaks JSON only.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

# The models of tests are so small that a second thread only waits for the first, and the children of tests
# are as many as there are cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is imported stays; `pytest_collection_finish` lets the collector work again.
gc.disable()

# A busy machine is no fault of an example. What needs more examples says so.
settings.register_profile(
    "repair", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repair")

ROOT = Path(__file__).resolve().parent.parent


# The first test that trains costs its process five seconds for Composer: one process has them all.
TRAINING = (
    *("tests/repair/training/", "tests/repair/models/", "tests/resources/test_trainer.py"),
    *("tests/eval_assets/test_eval_results.py", "tests/eval_assets/test_predictions.py"),
    "tests/eval_assets/test_gpu_bundle.py",
    *("tests/eval_assets/test_scaling.py", "tests/training_assets/"),
    "tests/repair_assets/test_synthesized_by_model.py",
)

LONGEST = (*TRAINING, "tests/repair/language_servers/", "tests/code_location/", "tests/resources/")


class TogetherByFile(LoadFileScheduling):
    """Gives the tests of a file to one process, and those of all files that train to one."""

    def _split_scope(self, nodeid: str) -> str:
        return "training" if nodeid.startswith(TRAINING) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherByFile:
    return TogetherByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: a process that ended with it would keep the others waiting."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """What was loaded stays: the garbage collector need not look at it once more in every test, nor as often.

    Dagster makes a database for each of hundreds of instances, for which Alembic loads all of its migrations:
    they are loaded once.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    if alembic := sys.modules.get("alembic.script"):
        alembic.ScriptDirectory.from_config = cache(alembic.ScriptDirectory.from_config)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the project, or a skip."""
    folder = Path(os.environ.get("REPAIR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set REPAIR_SHARED_DATA to a folder that holds it")
    return folder


@pytest.fixture(scope="session")
def servers() -> Iterator[LanguageServers]:
    """Pyright and ruff of the tests of this process that only ask them: to start others takes seconds."""
    with LanguageServers() as servers:
        yield servers


@pytest.fixture(scope="session")
def contained() -> None:
    """Skips what runs programs in the sandbox where that does not work."""
    try:
        sandbox.require()
    except ConfigurationError as error:
        pytest.skip(str(error))
