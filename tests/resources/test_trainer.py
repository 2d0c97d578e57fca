"""Programs in a Kubernetes pod, by an API server that starts its container as a process."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from repair.errors import ConfigurationError
from repair.models.answer_log import AnswerLog, prompt_sha256
from repair.models.made_by import MADE_BY
from repair.models.model import Completion, FinishReason
from resources.allocator import preloaded_allocator
from resources.trainer import DECODING, TrainerResource
from resources.trainer_pod import read_pod
from tests.kubernetes_api import VERSION, KubernetesApi, kubernetes_api
from tests.repair.training.conftest import write_mixture
from tests.repair.training.test_program import SMALL, rows, small, train

__all__ = ["kubernetes_api", "write_mixture"]
ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "docker" / "trainer_pod.yaml"


def shipped() -> dict[str, Any]:
    return yaml.safe_load(SHIPPED.read_text())


def test_the_shipped_pod_is_one_by_the_kubernetes_schema() -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    validate(shipped(), VERSION, strict=True)
    pod = read_pod(SHIPPED)
    assert (pod.namespace, pod.launcher) == ("repair", ["composer", "-n", "8", "-m"])
    [container] = pod.spec["containers"]
    dockerfile = (ROOT / "docker" / "train.Dockerfile").read_text()
    assert re.findall(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE) == [json.dumps(container["command"])]
    assert re.findall(r"^USER (\d+)", dockerfile, re.MULTILINE) == [
        str(pod.spec["securityContext"]["runAsUser"])
    ]


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        *parents, last = path
        for name in parents:
            manifest = manifest[name] if not isinstance(manifest[name], list) else manifest[name][0]
        del manifest[last]

    return change


WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another kind": (
        lambda pod: pod.update(kind="Job"),
        "expected a manifest with apiVersion: v1 and kind: Pod",
    ),
    "no version": (without("apiVersion"), "expected a manifest"),
    "a misspelt name": (lambda pod: pod["spec"].update(nodeSelectr={}), "nodeSelectr"),
    "no image": (without("spec", "containers", "image"), "expected the container's image"),
    "no command": (
        without("spec", "containers", "command"),
        "and as its command what starts a Python module",
    ),
    "no container": (lambda pod: pod["spec"].update(containers=[]), "expected one container"),
    "a helper": (lambda pod: pod["spec"]["containers"].append({"name": "b", "image": "b"}), "and no other"),
    "restarts": (lambda pod: pod["spec"].update(restartPolicy="OnFailure"), "expected restartPolicy: Never"),
    "a word for a number": (
        lambda pod: pod["spec"]["containers"][0].update(ports=[{"containerPort": "http"}]),
        "'http'",
    ),
    "a list": (lambda pod: pod["spec"].update(containers={"name": "a"}), "containers"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_manifest_is_refused(wrong: str, tmp_path: Path) -> None:
    change, says = WRONG[wrong]
    manifest = shipped()
    change(manifest)
    path = tmp_path / "pod.yaml"
    path.write_text(yaml.safe_dump(manifest))
    with pytest.raises(ConfigurationError) as caught:
        read_pod(path)
    assert str(caught.value).startswith(f"{path} (REPAIR_TRAINER_POD): ") and says in str(caught.value)


@pytest.mark.parametrize("text", [None, "a: [", "[]", ""])
def test_what_is_no_manifest_is_refused(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match="REPAIR_TRAINER_POD"):
        read_pod(path)


def in_pod(folder: Path, variables: Mapping[str, str] = {}, **changes: Any) -> TrainerResource:
    """The shipped pod, with this interpreter in its container."""
    manifest = shipped()
    [container] = manifest["spec"]["containers"]
    container |= {"command": [sys.executable, "-m"]} | changes
    own = {"PYTHONPATH": str(ROOT), **variables}
    container["env"] += [{"name": name, "value": value} for name, value in own.items()]
    path = folder / "pod.yaml"
    path.write_text(yaml.safe_dump(manifest))
    return TrainerResource(pod=str(path), scratch=str(folder / "scratch"), answers=str(folder / "decoded"))


def run(trainer: TrainerResource, module: str, extras: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a run with the program succeeded, and all that Dagster logged of it."""

    @dg.asset
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        trainer.run(context, module, extras)
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], instance=instance, raise_on_error=False)
        return result.success, "\n".join(str(entry) for entry in instance.all_logs(result.run_id))


@pytest.mark.parametrize("launcher", [[], [sys.executable, "-m"]], ids=["none", "a launcher"])
def test_a_child_process_sees_this_path_and_without_a_launcher_the_allocator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: list[str]
) -> None:
    (tmp_path / "looks.py").write_text(
        "import os\nfrom dagster_pipes import open_dagster_pipes\n"
        "with open_dagster_pipes() as context:\n"
        "    preloaded = os.environ.get('LD_PRELOAD')\n    context.log.info(f'preloaded: {preloaded}')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    preloaded = None if launcher else preloaded_allocator().get("LD_PRELOAD")
    trainer = TrainerResource(launcher=launcher, answers=str(tmp_path / "decoded"))
    success, logs = run(trainer, "looks", {})
    assert success, logs
    assert f"preloaded: {preloaded}" in logs


def decoding(trainer: TrainerResource, column: str = "prompt") -> dict[str, Any]:
    """Prompts that are all answered already, so that no model is loaded."""
    with trainer.exchange() as folder:
        assert Path(folder).parent == Path(trainer.scratch)
    folder = Path(trainer.scratch)
    pq.write_table(pa.table({column: ["p"]}), folder / "prompts.parquet")
    log = folder / "answers.jsonl"
    with AnswerLog(log) as answers:
        answers.append([((prompt_sha256("p"), 0), Completion("answer", FinishReason.ENDED))])
    return {"checkpoint": "none", "prompts": str(folder / "prompts.parquet"), "answers": str(log), "k": 1}


def test_a_program_runs_in_a_pod_and_reports_through_its_log(
    tmp_path: Path, kubernetes_api: KubernetesApi
) -> None:
    trainer = in_pod(tmp_path)
    extras = decoding(trainer)
    for _ in range(2):  # the manifest is not changed by a run
        success, logs = run(trainer, DECODING, extras)
        assert success, logs
        assert "1 answers to 1 prompts, 1 of them from before" in logs
    assert len(kubernetes_api.created) == len(kubernetes_api.deleted) == 2
    body = kubernetes_api.created[-1]
    assert body["metadata"]["labels"]["app.kubernetes.io/component"] == "trainer"
    assert len(body["metadata"]["labels"]["dagster/run-id"]) == 36
    [container] = body["spec"]["containers"]
    assert container["command"] == [sys.executable, "-m", DECODING]
    names = [variable["name"] for variable in container["env"]]
    assert sorted(names) == ["DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES", "PYTHONPATH", "REPAIR_HOME"]


def test_a_program_that_fails_in_a_pod_fails_the_run(tmp_path: Path, kubernetes_api: KubernetesApi) -> None:
    trainer = in_pod(tmp_path)
    success, logs = run(trainer, DECODING, decoding(trainer, column="other"))
    assert not success and "has no column prompt" in logs
    assert len(kubernetes_api.deleted) == 1


def test_a_pod_that_is_killed_fails_the_run(tmp_path: Path, kubernetes_api: KubernetesApi) -> None:
    (kubernetes_api.folder / "sleeper.py").write_text(
        "import time\nfrom dagster_pipes import open_dagster_pipes\n"
        "with open_dagster_pipes() as context:\n    context.log.info('it runs')\n    time.sleep(600)\n"
    )
    kubernetes_api.kill_when_said = "it runs"
    success, logs = run(in_pod(tmp_path), "sleeper", {})
    assert not success and "it runs" in logs and "terminated but some containers exited" in logs
    assert len(kubernetes_api.deleted) == 1


def test_a_pod_that_the_server_refuses_fails_the_run(tmp_path: Path, kubernetes_api: KubernetesApi) -> None:
    kubernetes_api.refuses = "exceeded quota: nvidia.com/gpu"
    success, logs = run(in_pod(tmp_path), DECODING, {})
    assert not success and "exceeded quota" in logs
    assert kubernetes_api.created == []


@pytest.mark.slow
def test_two_sharded_processes_in_a_pod_tell_the_run_the_losses_of_one(
    tmp_path: Path, kubernetes_api: KubernetesApi, write_mixture: Callable[[list[dict[str, str]]], str]
) -> None:
    import safetensors.torch
    import torch

    mixture = write_mixture(rows())
    reported: list[dict[str, Any]] = []
    train(small(epochs=2), mixture, tmp_path / "one", reported)
    # FSDP_VERSION=2: Composer's first sharding does not run on a CPU
    composer = str(Path(sys.executable).with_name("composer"))
    trainer = in_pod(tmp_path, {"FSDP_VERSION": "2"}, command=[composer, "-n", "2", "-m"])
    told: list[Any] = []

    @dg.asset
    def checkpoint(context: dg.AssetExecutionContext) -> Any:
        with trainer.exchange() as folder:
            out = Path(folder, "checkpoint")
            extras = {
                "recipe": "tiny",
                "overrides": {**SMALL, "epochs": 2, "sharding": {}, "activation_checkpointing": True},
                "mixture_uri": mixture,
                "output_dir": str(out),
            }
            completed = trainer.run(context, "code_location.train_main", extras)
            told.extend(completed.get_custom_messages())
            out.rename(tmp_path / "two")
        assert not Path(folder).exists()
        return completed.get_materialize_result()

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([checkpoint], instance=instance)
        logged = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert run.success
    assert [message["kind"] for message in told] == ["validation"] * 2 + ["training_result"]
    assert sum(message.startswith("batch 1 of") for message in logged) == 1  # one process tells it
    [materialization] = run.asset_materializations_for_node("checkpoint")
    result = json.loads((tmp_path / "two" / MADE_BY).read_text())["result"]
    assert materialization.metadata["left_out_too_long"].value == result["left_out_too_long"] == 2
    assert materialization.metadata["last_loss"].value == result["last_loss"]
    curve = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    for one, two in zip(reported, curve, strict=True):
        for name in {"loss", "validation_loss", "tokens"} & set(one):
            assert one[name] == pytest.approx(two[name], rel=1e-3)
    one, two = (safetensors.torch.load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert set(one) == set(two)
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-2, atol=1e-3)
