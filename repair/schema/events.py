"""The session event: one timeline for every kind of thing that an IDE records.

A recording is a table of events and a table of projects, both in the schemas below. Events of a
project are ordered by (`timestamp`, `sequence`). On disk, a recording is a folder:

```
RECORDING/
    projects.parquet                       PROJECTS
    events/date=YYYY-MM-DD/*.parquet       EVENTS, by the UTC date of `timestamp`
```

A project that is active on a day has a snapshot (one event per file) at midnight UTC before its
first event of that day and at midnight after its last one, so that each day is complete and its
replay can be proved against a stored copy.

Tested by `tests/repair/replay/test_timeline.py`.
"""

import hashlib
from enum import StrEnum

import pyarrow as pa

from repair.errors import InputError


class EventError(InputError):
    """A recorded row is not an event."""

    reason = "malformed_event"


class EventKind(StrEnum):
    """What happened. The columns that each kind fills are beside it; the rest are null."""

    OT = "ot"  # path, packet
    FILE = "file"  # operation, path, destination (move), content (create, modify)
    SNAPSHOT = "snapshot"  # path, content, version; a null path: the project has no file
    DIAGNOSTICS = "diagnostics"  # path, diagnostics (empty: the file is clean)
    CODE_ACTIONS = "code_actions"  # path, payload: offered actions
    FIX_SHOWN = "fix_shown"  # path, payload
    FIX_ACCEPTED = "fix_accepted"  # path, payload
    FIX_REJECTED = "fix_rejected"  # path, payload
    EDITOR_ACTION = "editor_action"  # path, payload
    PACKAGE_INSTALL = "package_install"  # payload
    EXECUTION = "execution"  # payload
    SHELL_COMMAND = "shell_command"  # payload
    CONSENT_REVOKED = "consent_revoked"  # payload: {"purposes": [...]}; null or without them: all purposes


class FileOperation(StrEnum):
    CREATE = "create"
    MOVE = "move"
    REMOVE = "remove"
    MODIFY = "modify"


class Purpose(StrEnum):
    """What a project's owner agrees to."""

    TRAINING = "training"  # a model learns from its repairs
    EVALUATION = "evaluation"  # its diagnostics are in a benchmark
    SYNTHESIS = "synthesis"  # the language model of a third party is shown its texts, redacted


class Visibility(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    UNKNOWN = "unknown"


TIMESTAMP = pa.timestamp("us", tz="UTC")

# A published diagnostic as the editor saw it. Lines and characters are LSP's: 0-based, characters
# in UTF-16 code units. `code_action`: whether a fix was offered; null: not recorded.
PUBLISHED_DIAGNOSTIC = pa.struct(
    [
        pa.field("code", pa.string(), nullable=False),  # ruff[E703], pyright[reportX], pyright
        pa.field("message", pa.string(), nullable=False),
        pa.field("severity", pa.string()),  # error, warning, information, hint
        pa.field("start_line", pa.int32(), nullable=False),
        pa.field("start_character", pa.int32(), nullable=False),
        pa.field("end_line", pa.int32(), nullable=False),
        pa.field("end_character", pa.int32(), nullable=False),
        pa.field("code_action", pa.bool_()),
    ]
)

EVENTS = pa.schema(
    [
        pa.field("project_id", pa.string(), nullable=False),
        pa.field("session_id", pa.string()),
        pa.field("timestamp", TIMESTAMP, nullable=False),
        pa.field("sequence", pa.int64(), nullable=False),  # rises within a project, never repeats
        pa.field("kind", pa.string(), nullable=False),
        pa.field("path", pa.string()),  # relative, POSIX separators
        pa.field("packet", pa.binary()),  # OTPacket, protobuf
        pa.field("operation", pa.string()),
        pa.field("destination", pa.string()),
        pa.field("content", pa.binary()),
        pa.field("version", pa.uint32()),  # of the last packet that is in `content`
        pa.field("diagnostics", pa.list_(PUBLISHED_DIAGNOSTIC)),
        pa.field("payload", pa.string()),  # a JSON object
    ]
)

# Where the rows of a project are in a day's `session_events`, and the codes of its published diagnostics.
PROJECT_ROWS = pa.schema(
    [
        pa.field("project_id", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("stop", pa.int64(), nullable=False),  # the row after the last one
        pa.field("codes", pa.list_(pa.string()), nullable=False),
    ]
)

# A consent to one purpose. All moments but `given` may lie in the future.
CONSENT = pa.struct(
    [
        pa.field("purpose", pa.string(), nullable=False),  # one of `Purpose`
        pa.field("given", TIMESTAMP),  # counts from then on; null: since ever
        pa.field("by", pa.string()),  # who gave it: owner, ...; `licence`: the project's licence alone
        pa.field("until", TIMESTAMP),  # null: no end
        pa.field("revoked", TIMESTAMP),  # null: it was not
    ]
)

PROJECTS = pa.schema(
    [
        pa.field("project_id", pa.string(), nullable=False),
        pa.field("visibility", pa.string()),  # public, private, unknown
        pa.field("language", pa.string()),  # python, or another language's name
        pa.field("licence", pa.string()),  # SPDX expression
        pa.field("consent", pa.bool_()),  # the owner's plain answer; null: not known
        pa.field("consents", pa.list_(CONSENT)),  # for what, until when; null: the plain answer counts
    ]
)

# A project's record in a day's `session_events`, with what `repair.curation.policy` decided that day.
DECIDED_PROJECTS = pa.schema(
    [
        *PROJECTS,
        pa.field("purposes", pa.list_(pa.string()), nullable=False),  # that it may be used for
        pa.field("refused", pa.string()),  # why it may not be used at all; null: it may
    ]
)


def project_digest(project_id: str) -> str:
    """SHA-256 under which a project is known where its name is not to be: in tombstones and the audit log."""
    return hashlib.sha256(project_id.encode(errors="surrogatepass")).hexdigest()
