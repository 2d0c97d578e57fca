"""Resource of the recordings folder.

Tested by `tests/code_location/test_graph.py`.
"""

import dagster as dg
import fsspec

from repair.recording.reader import Recording


class RecordingsResource(dg.ConfigurableResource[None]):
    """A folder that `repair import` wrote: `projects.parquet` and `events/date=.../`."""

    uri: str
    """A local path or a URI that fsspec knows (`gs://bucket/recordings`)."""

    def recording(self) -> Recording:
        """The recording at `uri`."""
        filesystem, path = fsspec.core.url_to_fs(self.uri)
        return Recording(path, filesystem=filesystem)
