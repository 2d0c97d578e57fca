"""Hot reload: follows the released model of a store, and swaps it under a running service.

A thread looks at the pointer every few seconds. A new release is loaded beside the model that answers, and
takes its place between two batches. One that can't be loaded leaves the old one in place; the health page
says why, and the next look tries again.
"""

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from repair.closing import Closing
from repair.errors import ConfigurationError, RepairError
from repair.fixing.batcher import Batcher
from repair.fixing.fixer import Fixer, FixModels
from repair.language_servers.scheduler import Servers
from repair.messages import printable
from repair.models.released import POINTER, Release, released, weights_in
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.reader import PartitionStore
from repair.unexpected import detail_of

LOOK_S = 5.0

Load = Callable[[Path], FixModels]
"""Loads the checkpoint in a local folder."""


def released_models(store: PartitionStore, load: Load) -> FixModels:
    """The released model of `store`, loaded.

    Raises:
        ConfigurationError: nothing was released yet, or by another version of the prompt.
    """
    release = released(store)
    if release is None:
        raise ConfigurationError(f"no model is released in {store.base_uri}: materialize {POINTER}")
    return loaded(store, release, load)


def loaded(store: PartitionStore, release: Release, load: Load) -> FixModels:
    """The model of one release. Raises ConfigurationError, StoreError and what `load` raises."""
    if release.prompt_version != PROMPT_VERSION:
        raise ConfigurationError(
            f"the release {release.version} knows version {release.prompt_version} of the prompt, and this"
            f" code asks with version {PROMPT_VERSION}: release a checkpoint that this code has trained"
        )
    with tempfile.TemporaryDirectory(prefix="repair-release-") as folder:
        models = load(weights_in(store, release, Path(folder)))
    versions = {**models.versions, "release": release.version, "checkpoint": release.checkpoint}
    return replace(models, name=release.version, versions=versions)


class Follower(Closing):
    """Keeps `batcher` at the released model of `store`, from `serving` on. A context manager."""

    def __init__(
        self,
        store: PartitionStore,
        batcher: Batcher,
        servers: Servers,
        load: Load,
        *,
        serving: str,
        tell: Callable[[str], None],
        look_s: float = LOOK_S,
    ) -> None:
        self._store, self._batcher, self._servers, self._load = store, batcher, servers, load
        self._serving, self._tell, self._look_s = serving, tell, look_s
        self._failure: str | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def status(self) -> Mapping[str, Any]:
        """For the health page: the release that answers, and why a newer one does not."""
        return {"release": self._serving, "release_failure": self._failure}

    def close(self) -> None:
        """Looks no more; a model that is being loaded is waited for."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._look_s):
            self.look()

    def look(self) -> None:
        """Swap the model if another one is released."""
        try:
            release = released(self._store)
            if release is not None and release.version != self._serving:
                models = loaded(self._store, release, self._load)
                self._batcher.replace(Fixer(models, self._servers))
                self._serving = release.version
                self._tell(f"the release {release.version} answers from now on")
            failure = None
        except Exception as error:  # whatever it is: the old model goes on
            failure = printable(str(error) if isinstance(error, RepairError) else detail_of(error))
        if failure is not None and failure != self._failure:
            self._tell(f"the release {self._serving} goes on: {failure}")
        self._failure = failure
