"""Kubernetes pod of a training or decoding program: its manifest, and a run in it through Dagster Pipes.

The manifest is a file of the deployment (`docker/trainer_pod.yaml` is one to begin with), checked here
against the Kubernetes client's model, without a cluster. The program's messages come back in the pod's log.

Tested by `tests/resources/test_trainer.py`.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dagster as dg
import yaml

from repair.errors import ConfigurationError
from repair.extras import extra


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerPod:
    """A manifest in parts; `launcher` is its container's command, to which the program's module is added."""

    namespace: str | None
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    launcher: list[str]

    def run(
        self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, Any]
    ) -> dg.PipesClientCompletedInvocation:
        """Runs `module` in a pod, which is deleted at the end; if the program fails, the run fails."""
        with extra("deployment"):
            from dagster_k8s import PipesK8sClient

        return PipesK8sClient().run(
            context=context,
            command=[*self.launcher, module],
            extras=dict(extras),
            namespace=self.namespace,
            base_pod_meta={
                **self.metadata,
                "labels": {**(self.metadata.get("labels") or {}), "dagster/run-id": context.run_id},
            },
            base_pod_spec=copy.deepcopy(dict(self.spec)),  # the client adds to it
            pod_wait_timeout=0,  # `activeDeadlineSeconds` of the manifest bounds it
        )


def read_pod(path: Path) -> TrainerPod:
    """The pod that a YAML file describes.

    Raises:
        ConfigurationError: it is no manifest of a pod with one container that runs once.
    """
    try:
        manifest = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _wrong(path, f"it can't be read: {error}") from error
    if not isinstance(manifest, dict) or (manifest.get("apiVersion"), manifest.get("kind")) != ("v1", "Pod"):
        raise _wrong(path, "expected a manifest with apiVersion: v1 and kind: Pod")
    manifest = cast("dict[str, Any]", manifest)
    _check_names(path, manifest)
    metadata, spec = dict(manifest.get("metadata") or {}), manifest["spec"]
    containers = spec.get("containers") or []
    if len(containers) != 1 or spec.get("initContainers"):
        raise _wrong(path, "expected one container, which runs the program, and no other")
    if not containers[0].get("image") or not containers[0].get("command"):
        raise _wrong(path, "expected the container's image, and as its command what starts a Python module")
    if spec.get("restartPolicy") != "Never":
        raise _wrong(path, "expected restartPolicy: Never, since Dagster starts a failed run again")
    return TrainerPod(
        namespace=metadata.pop("namespace", None),
        metadata=metadata,
        spec=spec,
        launcher=list(containers[0]["command"]),
    )


def _check_names(path: Path, manifest: Mapping[str, Any]) -> None:
    """By the client's model: a name that Kubernetes does not know is a mistake, and it would be dropped."""
    with extra("deployment"):
        from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
        from kubernetes.client import V1Pod

    try:
        k8s_model_from_dict(V1Pod, k8s_snake_case_dict(V1Pod, manifest))
    except Exception as error:  # the client raises plain ones
        raise _wrong(path, str(error)) from error


def _wrong(path: Path, said: str) -> ConfigurationError:
    return ConfigurationError(f"{path} (REPAIR_TRAINER_POD): {said}")
