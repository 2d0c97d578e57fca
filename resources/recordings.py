"""Resource of the recordings folder.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from repair.curation.consent import Terms
from repair.curation.licence_expressions import consenting_licences
from repair.recording.reader import Recording


class RecordingsResource(dg.ConfigurableResource[None]):
    """A folder that `repair import` wrote: `projects.parquet` and `events/date=.../`."""

    uri: str
    """A local path or a URI that fsspec knows (`gs://bucket/recordings`)."""

    licences: str = "permissive"
    """SPDX identifiers of the licences that are consent by themselves, as `REPAIR_CONSENTING_LICENCES`."""

    def terms(self, forgotten: Mapping[str, datetime]) -> Terms:
        """What consent is decided by now; `forgotten` as in `Terms`."""
        return Terms(now=datetime.now(UTC), licences=consenting_licences(self.licences), forgotten=forgotten)

    def recording(self) -> Recording:
        """The recording at `uri`."""
        return Recording(self.uri)
