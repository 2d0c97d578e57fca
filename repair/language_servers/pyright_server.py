"""A warm pyright language server, which checks one workspace after another.

Each workspace is written to a fresh folder (a slot) below the server's root, its targets are opened, and
their diagnostics pulled. Why it is done this way (measured with pyright 1.1.414):

- Pyright resolves imports from the disk only, so files are really written.
- A slot is used once. Pyright caches the contents of a folder; invalidating that cache also drops the parsed
  standard library (0.2 to 0.4 s), and a fresh folder costs nothing.
- A slot stays on the disk until pyright has closed its files. If a file changes on the disk before it is
  closed, pyright drops every type, also those of the standard library's stubs: a third to a half more work
  for each workspace. The types that stay depend on the stubs alone, with one exception
  (`_remembers_version`).
- A workspace that differs from the one before in texts alone could stay in its slot and be sent as edits. It
  was tried: exact where no imports are circular; where they are, 1 result in 30 depended on earlier
  requests. Here a result depends on its workspace alone.
- How each slot is a project of its own, with the project's settings: `slots`.
- Diagnostics are pulled (`textDocument/diagnostic`): published ones are debounced.
- Every slot stays part of the project after it is closed. Otherwise (an `include` without the slots) pyright
  drops the standard library with each workspace: 3 times slower, and it crashed.
- Once some workspaces were checked, pyright is made to look into all slots at once (`slots`): a tenth of the
  time of each later workspace.

The server is replaced when its slots are used up or its memory, which grows by about 1.5 MB per workspace,
nears the limit.

Tested by `tests/repair/language_servers/test_robustness.py`.
"""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import child, slots
from repair.language_servers.configuration import PYRIGHT_FILE
from repair.language_servers.convert import from_pyright, without_folder
from repair.language_servers.environment import Installed
from repair.language_servers.errors import ServerCrashError, ServerTimeoutError
from repair.language_servers.memory_watch import MOST_MEGABYTES, MemoryWatch
from repair.language_servers.path_guard import write_guard
from repair.language_servers.programs import Programs, clean_variables
from repair.language_servers.rpc import Client
from repair.language_servers.scratch import temporary_folder
from repair.language_servers.workspace import PreparedWorkspace, write
from repair.sandbox.confinement import Confinement

SLOTS = 512
HEAP_MB = 3072
# Workspaces before `_scan_slots`, which costs what it saves for some 30 of them. By then pyright has also
# read its settings a second time, which would undo it.
_SCAN_AFTER = 16
_NEAR = 0.85  # of the memory limit: the rest is for the next workspace
# Measured on 600 workspaces. Most objects of a workspace are garbage after it: a larger nursery saves work;
# baseline machine code for all functions at once (sparkplug) pays off in a long-lived process, and optimized
# code for the hottest ones (turbofan) costs more than it saves: a seventh of the rate. It is compiled in the
# main thread, so that a worker takes one core, and two workers are nearly twice as fast as one.
_NODE = ("--max-semi-space-size=64", "--always-sparkplug", "--no-turbofan", "--no-concurrent-recompilation")
# The command line's name for a root that is a package; all other names are relative to the slot already.
_ROOT_PACKAGE = "__init__"
_DIAGNOSTIC = "textDocument/diagnostic"


@dataclass(frozen=True, slots=True)
class _Opened:
    """The workspace that was checked last: its files stay open until the next check."""

    slot: Path
    uris: tuple[str, ...]


class PyrightServer:
    """A running server below `folder`, which must not exist.

    `environment` holds the packages that are seen; `settings` are a project's own (`slots.poolable`);
    `timeout` the seconds that the server may take to start, and for one workspace; with more than `heap_mb`
    of objects it dies, with more than `most_mb` of resident memory it is killed. It takes `slots_of_a_kind`
    workspaces of each kind. Raises `ServerTimeoutError`, `ServerCrashError`.
    """

    def __init__(
        self,
        programs: Programs,
        folder: Path,
        environment: Installed,
        timeout: float,
        *,
        settings: Mapping[str, Any] = MappingProxyType({}),
        slots_of_a_kind: int = SLOTS,
        heap_mb: int = HEAP_MB,
        most_mb: float = MOST_MEGABYTES,
        confinement: Confinement | None = None,
    ) -> None:
        self._folder = folder
        self._slots = slots_of_a_kind
        self._timeout = timeout
        self._used = dict.fromkeys(slots.KINDS, 0)
        self._opened: _Opened | None = None
        self._forgets = _remembers_version(settings)
        self._make_slots(settings, outside=(programs.typeshed, *environment.roots))
        self._editor: dict[str, Any] = {
            "python": {"pythonPath": str(environment.python)},
            "python.analysis": {"diagnosticMode": "openFilesOnly"},
        }
        temporary, guard = temporary_folder(folder.parent), folder / "guard.cjs"
        option = write_guard(
            guard,
            trees=(folder / PYRIGHT_FILE, guard, temporary, *programs.files, *environment.visible),
            prefixes=[f"{folder}/{slots.PREFIX}"],
        )
        command = [
            programs.node,
            option,
            f"--max-old-space-size={heap_mb}",
            # nearly all old objects stay alive: collecting them earlier costs a twelfth of the rate
            f"--initial-old-space-size={heap_mb // 3}",
            *_NODE,
            programs.pyright_server,
            "--stdio",
        ]
        with (folder / "server.log").open("wb") as log:
            self._process = child.start(
                command,
                cwd=folder,
                env=clean_variables(temporary),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                confinement=confinement,
                folders=(folder,),
            )
        self._watch = MemoryWatch(self._process, most_mb)
        try:
            self._client = Client(self._process, self._answer)
            self._client.request("initialize", _initialize(folder.as_uri()), timeout)
            self._client.notify("initialized", {})
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.program_pid

    def has_room(self, memory_limit_mb: float) -> bool:
        """Whether it has a free slot, and memory for another workspace of the usual size."""
        resident = child.resident_megabytes(self.pid)
        return max(self._used.values()) < self._slots and resident < _NEAR * memory_limit_mb

    def check(self, workspace: PreparedWorkspace) -> list[Diagnostic]:
        """Pyright's diagnostics of the workspace's targets.

        Raises `ServerTimeoutError`, `ServerCrashError`; the server can't be used after that.
        """
        try:
            return self._check(workspace)
        except ServerCrashError:
            if self._watch.fault:
                raise ServerCrashError(f"pyright: {self._watch.fault}") from None
            raise

    def _check(self, workspace: PreparedWorkspace) -> list[Diagnostic]:
        if not workspace.pyright_targets:
            return []
        if sum(self._used.values()) == _SCAN_AFTER:
            self._scan_slots()
        deadline = time.monotonic() + self._timeout
        slot = self._next_slot(workspace)
        write(workspace.pyright_files, slot)
        base = slot.as_uri() + "/"
        uris = {path: base + quote(path) for path in workspace.pyright_targets}
        previous, self._opened = self._opened, _Opened(slot, tuple(uris.values()))
        if previous:
            self._close_files(previous)
        for path, uri in uris.items():
            self._open(uri, workspace.texts[path])
        sent = {
            path: self._client.send_request(_DIAGNOSTIC, {"textDocument": {"uri": uri}})
            for path, uri in uris.items()
        }
        result: list[Diagnostic] = []
        for path, future in sent.items():
            left = max(deadline - time.monotonic(), 0)
            try:
                report: Any = self._client.result(future, _DIAGNOSTIC, left)
            except ServerTimeoutError:
                raise ServerTimeoutError(
                    f"no answer to {_DIAGNOSTIC} of {path} {self._timeout:g} s after its workspace was opened"
                ) from None
            # the report of a file that is unknown to the server is empty and has no id
            if report.get("resultId") is None:
                raise ServerCrashError(f"no diagnostics for {path}, but {str(report)[:200]}")
            for item in report["items"]:
                message = without_folder(item["message"], slot)
                item["message"] = message.replace(slot.name, _ROOT_PACKAGE)
            result += from_pyright(path, workspace.texts[path], report["items"])
        if previous:
            # requests are handled in order: the files of the previous slot are closed by now
            shutil.rmtree(previous.slot, ignore_errors=True)
        return result

    def _scan_slots(self) -> None:
        """Lets pyright look for partial stub packages in all slots at once (`slots`)."""
        for name in (slots.SCAN, slots.FORGET):
            file = self._folder / name / "empty.py"
            file.parent.mkdir()
            file.touch()
            self._open(file.as_uri(), "")
            self._client.request(_DIAGNOSTIC, {"textDocument": {"uri": file.as_uri()}}, self._timeout)
            self._close(file.as_uri())

    def _open(self, uri: str, text: str) -> None:
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self._client.notify("textDocument/didOpen", {"textDocument": document})

    def _close(self, uri: str) -> None:
        self._client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def _close_files(self, opened: _Opened) -> None:
        if self._forgets:
            shutil.rmtree(opened.slot, ignore_errors=True)
        for uri in opened.uris:
            self._close(uri)

    def close(self) -> None:
        """Kills the process and removes its folder."""
        self._watch.close()
        child.kill(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # what was not yet sent
                    stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_slots(self, settings: Mapping[str, Any], *, outside: Sequence[Path]) -> None:
        for number in range(self._slots):
            for kind in slots.KINDS:
                (self._folder / slots.slot_name(kind, number)).mkdir(parents=True)
        text = json.dumps(slots.configuration(settings, self._slots, outside))
        (self._folder / PYRIGHT_FILE).write_text(text, encoding="utf-8")

    def _next_slot(self, workspace: PreparedWorkspace) -> Path:
        kind = slots.slot_kind(workspace.data)
        slot = self._folder / slots.slot_name(kind, self._used[kind])
        self._used[kind] += 1
        return slot

    def _answer(self, method: str, params: Any) -> Any:
        if method == "workspace/configuration":
            return [self._editor.get(item.get("section")) for item in params["items"]]
        return None


def _remembers_version(settings: Mapping[str, Any]) -> bool:
    """Whether pyright must drop its types after each workspace.

    The type of a template string is decided once, by the Python version of the first file that is checked.
    """
    return any("pythonVersion" in item for item in settings.get("executionEnvironments", ()))


def _initialize(root: str) -> dict[str, Any]:
    capabilities = {
        "workspace": {"configuration": True, "workspaceFolders": True},
        "textDocument": {
            "diagnostic": {"dynamicRegistration": True},
            # where a client knows the tag "unnecessary" (1), pyright also pulls hints on unreachable code
            "publishDiagnostics": {"tagSupport": {"valueSet": [1]}},
        },
    }
    folders = [{"uri": root, "name": "workspaces"}]
    return {"processId": None, "rootUri": root, "capabilities": capabilities, "workspaceFolders": folders}
