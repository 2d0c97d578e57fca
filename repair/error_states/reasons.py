"""Reject reasons of error states: reason -> meaning.

Tested by `tests/repair/test_pipeline.py`.
"""

from repair import unexpected
from repair.curation import policy
from repair.error_states import sampling

BROKEN_FILE = {
    "malformed_packet": "a packet does not decode",
    "bad_utf8": "a packet holds a text that is not UTF-8",
    "version_gap": "the packets of the file skip a version",
    "skip_past_end": "a packet skips beyond the end of the file",
    "delete_past_end": "a packet deletes beyond the end of the file",
    "bad_crc": "the file after a packet has another CRC-32 than the packet says",
    "not_text": "the file, or one that a packet edits, is not UTF-8",
    "no_content": "an event says that the file changed but not to what",
    "unknown_source": "a file was moved here that is not known",
    "unsafe_path": "the path could lead out of the project's folder",
    "too_large": "the file, or the workspace that the servers read, is too large to replay",
    "snapshot_mismatch": "the replay came to another text than the next stored copy",
}
"""The file can't be replayed to the moment (`repair.replay.workspace`)."""

NO_WORKSPACE = {
    "no_base": "no snapshot lies before the moment",
    "file_absent": "the diagnostic's file does not exist at the moment",
    "not_python": "the project's recorded language is another one, or the servers don't check the file",
    "range_outside_file": "the diagnostic's line is after the last one of the file",
    "malformed_event": "a row of the project is not an event",
    **BROKEN_FILE,
}
"""The workspace at the moment is not known, or the diagnostic has no place in it."""

REASONS = {**policy.REASONS, **sampling.REASONS, **NO_WORKSPACE, **unexpected.REASONS}
