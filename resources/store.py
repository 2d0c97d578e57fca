"""Partition store as a resource: a local folder or a bucket."""

import os
from typing import Any

import dagster as dg

from partitions.keys import DATE
from repair.store.reader import PartitionStore


class StoreResource(dg.ConfigurableResource[PartitionStore]):
    """A local folder, or a bucket: `StoreResource(base_uri="gs://bucket/repair", gcs=GCSResource())`.

    `gcs` is a `dagster_gcp.GCSResource`; its client's credentials and project are what the bucket is
    read and written with. Without it fsspec finds credentials its own way. `STORAGE_EMULATOR_HOST`
    sends both to an emulator.
    """

    base_uri: str
    gcs: dg.ResourceDependency[Any] = None  # pyright: ignore[reportAssignmentType]

    def store(self) -> PartitionStore:
        """The store, ready to use."""
        if "STORAGE_EMULATOR_HOST" in os.environ:
            # gcsfs asks over gRPC what kind of bucket it is; emulators speak JSON only, and it would wait.
            os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        return PartitionStore(self.base_uri, self._options())

    def _options(self) -> dict[str, Any]:
        if self.gcs is None or not self.base_uri.startswith(("gs://", "gcs://")):
            return {}
        client = self.gcs.get_client()
        # google-cloud-storage has no public accessor for the credentials that it has found.
        return {"token": client._credentials, "project": client.project}


def latest_date(store: PartitionStore, asset: str) -> str | None:
    """The latest date of which the store has an asset; None if there is none."""
    return max((partition[DATE] for partition in store.partitions(asset)), default=None)
