"""A Kubernetes API server on loopback that runs a pod's container as a process of this machine.

It knows what `dagster-k8s` asks for: pods are created, listed, followed in their log, and deleted. A pod's
body is checked against the Kubernetes schema, and its container gets no other variables than the body's.
"""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

VERSION = "1.33"


@dataclass
class RunningPod:
    """A pod and the process of its container."""

    body: dict[str, Any]
    child: "subprocess.Popen[bytes]"
    log: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Read what the process says until it ends, each line with its time."""
        assert self.child.stdout
        for line in self.child.stdout:
            time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
            self.log.append(f"{time} {line.decode(errors='replace')}")
        self.child.wait()
        self.ended.set()

    @property
    def state(self) -> dict[str, Any]:
        if not self.ended.is_set():
            return {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        code = self.child.returncode
        return {"terminated": {"exitCode": code if code >= 0 else 128 - code, "reason": "Ended"}}

    def as_json(self) -> dict[str, Any]:
        container = self.body["spec"]["containers"][0]
        status = {
            **{"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0},
            **{"ready": not self.ended.is_set(), "state": self.state},
        }
        return {**self.body, "status": {"phase": "Running", "containerStatuses": [status]}}


class KubernetesApi:
    """The server; its pods run in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pods: dict[str, RunningPod] = {}
        self.created: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.refuses: str | None = None
        """Why no pod is created."""
        self.kill_when_said: str | None = None
        """Once a pod's log holds this, its process is killed."""

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        from kubernetes_validate import validate

        validate({"apiVersion": "v1", "kind": "Pod", **body}, VERSION, strict=True)
        if self.refuses:
            raise PermissionError(self.refuses)
        self.created.append(body)
        container = body["spec"]["containers"][0]
        child = subprocess.Popen(
            container["command"],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", **{one["name"]: one.get("value", "") for one in container["env"]}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        pod = self.pods[body["metadata"]["name"]] = RunningPod(body, child)
        threading.Thread(target=pod.follow, daemon=True).start()
        return pod.as_json()

    def log(self, name: str) -> Iterator[str]:
        pod, sent = self.pods[name], 0
        while True:
            ended = pod.ended.wait(0.01)
            for line in pod.log[sent:]:
                if self.kill_when_said and self.kill_when_said in line:
                    pod.child.send_signal(signal.SIGKILL)
                yield line
                sent += 1
            if ended and sent == len(pod.log):
                return

    def delete(self, name: str) -> dict[str, Any]:
        self.deleted.append(name)
        pod = self.pods.pop(name)
        pod.child.kill()
        return pod.as_json()


class _Handler(BaseHTTPRequestHandler):
    api: KubernetesApi

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self._send(201, self.api.create(body))
        except Exception as error:
            self._send(422, {"kind": "Status", "message": f"{type(error).__name__}: {error}"})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        *_, name, last = parts.path.split("/")
        if last == "log":
            self.send_response(200)
            self.end_headers()
            for line in self.api.log(name):
                self.wfile.write(line.encode())
                self.wfile.flush()
            return
        [selector] = parse_qs(parts.query)["fieldSelector"]
        pod = self.api.pods.get(selector.removeprefix("metadata.name="))
        self._send(200, {"kind": "PodList", "apiVersion": "v1", "items": [pod.as_json()] if pod else []})

    def do_DELETE(self) -> None:
        self._send(200, self.api.delete(urlsplit(self.path).path.rpartition("/")[2]))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def _serving(api: KubernetesApi) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        for pod in api.pods.values():
            pod.child.kill()


@pytest.fixture
def kubernetes_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    """The server, to which the Kubernetes client is pointed meanwhile."""
    pytest.importorskip("dagster_k8s")
    from kubernetes.config import kube_config

    folder = tmp_path / "pod"
    folder.mkdir()
    api = KubernetesApi(folder)
    with _serving(api) as url:
        config = {
            **{"apiVersion": "v1", "kind": "Config", "current-context": "here"},
            "clusters": [{"name": "here", "cluster": {"server": url}}],
            "users": [{"name": "tester", "user": {}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "tester"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        # read from KUBECONFIG when the module is imported
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
        yield api
