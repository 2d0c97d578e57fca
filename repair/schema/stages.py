"""The Arrow schemas of the tables that the stages write, one row per diagnostic.

Each stage adds columns to those of the stage before it. Units: lines and characters are 0-based;
`*_character` counts UTF-16 code units (LSP), `*_column` counts Unicode code points.

Tested by `tests/repair/store/test_text_columns.py`.
"""

import pyarrow as pa

from repair.schema.events import PUBLISHED_DIAGNOSTIC, TIMESTAMP


def extended(schema: pa.Schema, *fields: pa.Field) -> pa.Schema:
    """`schema` with `fields` after its own."""
    return pa.schema([*schema, *fields])


FILES = pa.list_(pa.struct([("path", pa.string()), ("text", pa.string())]))

# A later settled state of the file; `ghostwriter`: an AI's accepted text went into it on the way.
LATER_STATES = pa.list_(
    pa.struct([("timestamp", TIMESTAMP), ("text", pa.string()), ("ghostwriter", pa.bool_())])
)

# A diagnostic as the servers say it here (`repair.diagnostics.diagnostic.Diagnostic`).
DIAGNOSTIC = pa.struct(
    [
        ("path", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("severity", pa.string()),
        ("start_line", pa.int32()),
        ("start_column", pa.int32()),
        ("start_character", pa.int32()),
        ("end_line", pa.int32()),
        ("end_column", pa.int32()),
        ("end_character", pa.int32()),
        ("has_code_action", pa.bool_()),
    ]
)

# What tells right repairs from wrong ones (`repair.verification.confidence`).
SIGNALS = pa.struct(
    [
        ("needless", pa.int32()),
        ("code_as_text", pa.bool_()),
        ("spans", pa.int32()),
        ("missing_name", pa.bool_()),
    ]
)

# One episode of a diagnostic, chosen by the sampler, at its settled moment.
SAMPLED_EPISODES = pa.schema(
    [
        ("diagnostic_id", pa.string()),  # 32 hexadecimal digits, stable between runs
        ("project_id", pa.string()),
        ("session_id", pa.string()),
        ("path", pa.string()),
        ("moment", TIMESTAMP),  # a settled publication of the episode
        ("sequence", pa.int64()),  # that publication's index among the project's events
        ("first_seen", TIMESTAMP),
        ("gone", TIMESTAMP),  # null: still there at the end of the partition
        ("publications", pa.int64()),  # of this episode
        ("recorded", PUBLISHED_DIAGNOSTIC),  # as published at `moment`
    ]
)

ERROR_STATES = extended(
    SAMPLED_EPISODES,
    pa.field("licence", pa.string()),
    pa.field("purposes", pa.list_(pa.string())),  # that its project agreed to; null: of no recorded project
    pa.field("files", FILES),  # what the servers can read: *.py, *.pyi, their configuration
    pa.field("later_states", LATER_STATES),
    pa.field("workspace_sha256", pa.string()),  # of `files` as replayed, before any redaction
)

REPRODUCED_DIAGNOSTICS = extended(
    ERROR_STATES,
    pa.field("diagnostic", DIAGNOSTIC),  # the one that matches `recorded`
    pa.field("agreed", pa.list_(pa.string())),  # which of code, line, range, message agreed
    pa.field("before", pa.list_(DIAGNOSTIC)),  # every diagnostic that an edit of `path` may change
    pa.field("pyright_version", pa.string()),
    pa.field("ruff_version", pa.string()),
    pa.field("environment", pa.string()),  # `none`, or the name and id of that with the packages
    pa.field("python_version", pa.string()),  # that the workspace requires; null: the running one
    pa.field("ignored_settings", pa.list_(pa.string())),  # of the workspace, as `ruff.toml: extend`
)

REPAIR_CANDIDATES = extended(
    REPRODUCED_DIAGNOSTICS,
    pa.field("redactions", pa.int64()),  # secrets and personal data that were replaced
)

SYNTHESIZED_DIFFS = extended(
    REPAIR_CANDIDATES,
    pa.field("teacher", pa.string()),
    pa.field("answer", pa.string()),  # as the teacher wrote it
    pa.field("answer_format", pa.string()),  # how to read it: a name of `repair.prompt.answer_formats`
    pa.field("minimized", pa.bool_()),
    pa.field("candidates", pa.int64()),  # answers that were asked for; tokens and cost are of all of them
    pa.field("input_tokens", pa.int64()),
    pa.field("output_tokens", pa.int64()),
    pa.field("cost_usd", pa.float64()),
)

VERIFIED_DIFFS = extended(
    SYNTHESIZED_DIFFS,
    pa.field("tolerated", pa.list_(pa.string())),  # with what the answer was read: `line_diff.tolerant`
    pa.field("line_diff", pa.string()),  # `repair.line_diff.workspace`, in the fewest signed lines
    pa.field("repaired", pa.string()),  # the text of `path` after the diff
    pa.field("repaired_files", FILES),  # the other files that the diff changes, after it
    pa.field("after", pa.list_(DIAGNOSTIC)),  # as `before`, of the repaired workspace
    # The rest of the proof (`repair.verification.proof`), beside `before`, the licence, the teacher and its
    # cost.
    pa.field("after_pyright_version", pa.string()),  # of the servers that said `after`
    pa.field("after_ruff_version", pa.string()),
    pa.field("files_sha256", pa.string()),  # of `files`: `workspace_sha256` if nothing was redacted
    pa.field("prompt_version", pa.string()),
    pa.field("signals", SIGNALS),
    pa.field("confidence", pa.float64()),  # that the repair is right, in 0 to 1
    pa.field("calibration_sha256", pa.string()),  # of what made `confidence` of `signals`
    pa.field("judge", pa.string()),  # null: no judge was asked
    pa.field("judge_reason", pa.string()),
    pa.field("judge_cost_usd", pa.float64()),
)

REPAIR_EXAMPLES = pa.schema(
    [
        ("example_id", pa.string()),
        ("diagnostic_id", pa.string()),
        ("project_id", pa.string()),
        ("split", pa.string()),  # train, validation, test: by project
        ("code", pa.string()),
        ("path", pa.string()),
        ("response", pa.string()),
        ("teacher", pa.string()),
        ("licence", pa.string()),
        ("purposes", pa.list_(pa.string())),  # as in `ERROR_STATES`
        ("prompt_version", pa.string()),
        ("files", FILES),
        ("diagnostic", DIAGNOSTIC),
        ("before", pa.list_(DIAGNOSTIC)),
        ("line_diff", pa.string()),
        ("repaired", pa.string()),
        ("repaired_files", FILES),
        ("signals", SIGNALS),
        ("confidence", pa.float64()),  # as in `VERIFIED_DIFFS`
        ("calibration_sha256", pa.string()),
    ]
)

# A fix that an editor showed, and what became of it.
FIX_ACCEPTANCE = pa.schema(
    [
        ("fix_id", pa.string()),
        ("project_id", pa.string()),
        ("session_id", pa.string()),
        ("path", pa.string()),
        ("moment", TIMESTAMP),  # when it was shown
        ("sequence", pa.int64()),
        ("model", pa.string()),  # the version that it is counted by
        ("code", pa.string()),
        ("message", pa.string()),  # null where nothing may be learned, as the diff
        ("start_line", pa.int32()),
        ("line_diff", pa.string()),
        ("outcome", pa.string()),  # accepted, rejected, ignored
        ("decided", TIMESTAMP),  # null: the user decided nothing
        ("fate", pa.string()),  # of an accepted one after an hour: kept, edited, reverted, file_gone
        ("policy", pa.string()),  # why the project may not be used at all; null: it may
        ("licence", pa.string()),
        ("purposes", pa.list_(pa.string())),  # that its owner agreed to; null: not recorded
        ("files", FILES),  # the workspace as it was shown in; empty where nothing may be learned
        ("later_files", FILES),  # the diagnostic's file an hour after the decision; empty: not known
        ("ghostwriter", pa.bool_()),  # whether an AI's accepted text went into it from the showing to then
    ]
)

# Two answers to one prompt, of which the user preferred one.
PREFERENCE_PAIRS = pa.schema(
    [
        ("pair_id", pa.string()),
        ("fix_id", pa.string()),  # of the answer that was not preferred
        ("project_id", pa.string()),
        ("split", pa.string()),  # train, validation, test: by project
        ("path", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("moment", TIMESTAMP),
        ("asked", pa.string()),  # the prompt, redacted
        ("chosen", pa.string()),  # responses
        ("rejected", pa.string()),
        ("because", pa.string()),  # rejected, edited, reverted
        ("chosen_from", pa.string()),  # fix: another one that was accepted; user: the user's own text
        ("model", pa.string()),  # that answered `rejected`
        ("licence", pa.string()),
        ("prompt_version", pa.string()),
    ]
)
