"""Hot reload of the released model: in this process with scripted models, and in a real service."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.fixing.batcher import Batcher
from repair.fixing.fixer import Fixer, FixModels
from repair.fixing.follower import Follower, released_models
from repair.fixing.query import Query
from repair.models.made_by import read_made_by
from repair.recording.fix_events import fix_shown
from repair.store.reader import PartitionStore
from tests.released_model import keep, named, point_to
from tests.repair.fixing.scripted import Script, scripted
from tests.repair.fixing.test_app import Gate
from tests.repair.fixing.test_session import mended
from tests.repair.synthesis.support import FunctionServers, marked

ROOT = Path(__file__).parents[3]
QUERY = Query(code='a = "error:a"\n')


class Service:
    """A batcher that follows a store, whose models are scripts by their names."""

    def __init__(self, folder: Path, **scripts: Script) -> None:
        self.folder, self.scripts = folder, scripts
        self.store = PartitionStore(str(folder / "store"))
        self.servers, self.told = FunctionServers(marked), list[str]()

    def releases(self, version: str, **how: Any) -> None:
        keep(self.store, version, named(self.folder / version, version))
        point_to(self.store, version, **how)

    def load(self, folder: Path) -> FixModels:
        name = read_made_by(folder)["name"]
        if name not in self.scripts:
            raise ConfigurationError(f"the weights {name} can't be read")
        return replace(scripted(self.scripts[name])[0], versions={"model": name})

    def __enter__(self) -> "Service":
        models = released_models(self.store, self.load)
        self.batcher = Batcher(Fixer(models, self.servers), self.servers, k=1)
        self.follower = Follower(
            self.store,
            self.batcher,
            self.servers,
            self.load,
            serving=models.version,
            tell=self.told.append,
            look_s=3600,  # the tests look themselves
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.follower.close()
        self.batcher.close()

    def ask(self) -> Mapping[str, Any]:
        return self.batcher.submit(QUERY, time.monotonic() + 60).result(60)


def test_a_new_release_and_a_rollback_answer_without_a_restart(tmp_path: Path) -> None:
    service = Service(tmp_path, one=mended, two=lambda *_: "")
    service.releases("one")
    with service:
        first = service.ask()
        assert (first["outcome"], first["versions"]["release"]) == ("fixed", "one")
        shown = fix_shown(json.dumps(first["event"]))  # what an editor records
        assert (shown.model, shown.code, shown.start_line) == ("one", "marker[a]", 0)
        assert shown.line_diff == '-1 a = "error:a"\n+1 a = "fine"'
        assert json.loads(json.dumps(service.ask()["event"]))["fix_id"] != shown.fix_id
        service.releases("two")
        service.follower.look()
        second = service.ask()
        assert (second["outcome"], second["versions"]["release"]) == ("no_fix", "two")
        assert second["event"] is None
        point_to(service.store, "one")
        service.follower.look()
        assert service.ask()["versions"]["release"] == "one"
        assert service.follower.status() == {"release": "one", "release_failure": None}
    assert service.told == [f"the release {name} answers from now on" for name in ("two", "one")]


def test_what_is_being_answered_ends_on_the_old_model(tmp_path: Path) -> None:
    gate = Gate()
    service = Service(tmp_path, one=gate, two=lambda *_: "")
    service.releases("one")
    with service:
        answers: list[Mapping[str, Any]] = []
        thread = threading.Thread(target=lambda: answers.append(service.ask()))
        thread.start()
        assert gate.reached.wait(30)
        service.releases("two")
        service.follower.look()
        assert service.follower.status()["release"] == "two"
        gate.open.set()
        thread.join()
        assert (answers[0]["outcome"], answers[0]["versions"]["release"]) == ("fixed", "one")
        assert answers[0]["event"]["model"] == "one"
        assert service.ask()["versions"]["release"] == "two"


@pytest.mark.parametrize(
    ("version", "how", "message"),
    [
        ("broken", {}, "the weights broken can't be read"),
        ("two", {"prompt_version": "0"}, "knows version 0 of the prompt"),
    ],
)
def test_a_release_that_can_not_be_loaded_leaves_the_old_one_and_is_told_once(
    tmp_path: Path, version: str, how: dict[str, str], message: str
) -> None:
    service = Service(tmp_path, one=mended, two=mended)
    service.releases("one")
    with service:
        service.releases(version, **how)
        for _ in range(3):
            service.follower.look()
        status = service.follower.status()
        assert status["release"] == "one"
        assert message in status["release_failure"]
        assert service.ask()["versions"]["release"] == "one"
        assert len(service.told) == 1 and message in service.told[0]
        service.releases("two")
        service.follower.look()
        assert service.follower.status() == {"release": "two", "release_failure": None}


def test_a_pointer_that_can_not_be_read_is_no_reason_to_stop(tmp_path: Path) -> None:
    service = Service(tmp_path, one=mended)
    service.releases("one")
    with service:
        (tmp_path / "store/released_model/manifest.json").write_text("{")
        service.follower.look()
        assert "is no manifest" in (service.follower.status()["release_failure"] or "")
        assert service.ask()["outcome"] == "fixed"


def test_without_a_release_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no model is released in .*: materialize released_model"):
        released_models(PartitionStore(str(tmp_path)), lambda folder: pytest.fail("it was loaded"))


def health(port: int) -> Mapping[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/health")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found


@pytest.mark.slow
def test_a_real_service_follows_the_pointer_and_ends_with_a_signal(tmp_path: Path) -> None:
    """Real weights, a real process, two releases; its end leaves no child."""
    pytest.importorskip("torch")
    from repair.models.tokenizer import train_tokenizer
    from tests.small_llama import save_llama

    tokenizer = train_tokenizer(["print(1)\n<diff>\n"], 300, context=512)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    store = PartitionStore(str(tmp_path / "store"))
    for seed, version in enumerate(("one", "two")):
        save_llama(tmp_path / version, tokenizer, context=512, seed=seed, **sizes, **heads)
        keep(store, version, tmp_path / version)
    point_to(store, "one")
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from repair.cli import main; main()", "serve", "--port", "0"),
            *("--model", "released", "--store", store.base_uri),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        assert line.startswith("Serving on http://127.0.0.1:"), line + process.stderr.read()
        port = int(line.rpartition(":")[2])
        first = health(port)
        assert (first["release"], first["versions"]["release"]) == ("one", "one")
        point_to(store, "two")
        deadline = time.monotonic() + 120
        while health(port)["release"] != "two":
            assert time.monotonic() < deadline, health(port)
            time.sleep(0.2)
        second = health(port)
        assert second["versions"]["release"] == "two"
        assert second["versions"]["model"] != first["versions"]["model"]  # other weights, by their SHA-256
        lists = Path(f"/proc/{process.pid}/task").glob("*/children")
        children = [Path(f"/proc/{pid}") for listed in lists for pid in listed.read_text().split()]
        assert children
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert [child for child in children if child.exists()] == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
