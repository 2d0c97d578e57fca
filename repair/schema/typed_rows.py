"""Code generator of `repair/schema/rows.py`: one `TypedDict` for each table and each struct in it.

python -m repair.schema.typed_rows      # after a change of a schema; a test holds the file to it
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.types as kinds

from repair.schema import events, outcomes, stages

ROWS = Path(__file__).with_name("rows.py")

STRUCTS = {
    "FileRow": stages.FILES.value_type,
    "LaterStateRow": stages.LATER_STATES.value_type,
    "DiagnosticRow": stages.DIAGNOSTIC,
    "SignalsRow": stages.SIGNALS,
    "PublishedDiagnosticRow": events.PUBLISHED_DIAGNOSTIC,
    "ConsentRow": events.CONSENT,
}
TABLES = {
    "EventRow": events.EVENTS,
    "ProjectRow": events.PROJECTS,
    "DecidedProjectRow": events.DECIDED_PROJECTS,
    "RejectRow": outcomes.REJECTS,
    "SampledEpisodeRow": stages.SAMPLED_EPISODES,
    "ErrorStateRow": stages.ERROR_STATES,
    "ReproducedDiagnosticRow": stages.REPRODUCED_DIAGNOSTICS,
    "RepairCandidateRow": stages.REPAIR_CANDIDATES,
    "SynthesizedDiffRow": stages.SYNTHESIZED_DIFFS,
    "VerifiedDiffRow": stages.VERIFIED_DIFFS,
    "RepairExampleRow": stages.REPAIR_EXAMPLES,
    "FixAcceptanceRow": stages.FIX_ACCEPTANCE,
    "PreferencePairRow": stages.PREFERENCE_PAIRS,
}
MAY_BE_NULL = frozenset(
    {
        *("session_id", "gone", "licence", "purposes", "code_action", "python_version"),
        *("decided", "fate", "policy", "FixAcceptanceRow.message", "FixAcceptanceRow.line_diff"),
        "LaterStateRow.text",  # the file is gone
        "confidence",  # of a type of diagnostic that the verifier's calibration was not measured on
        *("input_tokens", "output_tokens", "cost_usd", "judge", "judge_reason", "judge_cost_usd"),
    }
)
"""Columns of the stages that are null in some kept rows. Arrow lets all of them be null, for a rejected row
lacks what was not found out about it."""

_SCALARS = ((kinds.is_string, "str"), (kinds.is_integer, "int"), (kinds.is_floating, "float"))
_OTHERS = ((kinds.is_boolean, "bool"), (kinds.is_timestamp, "datetime"), (kinds.is_binary, "bytes"))


def source() -> str:
    """The text of `rows.py`."""
    blocks = [_head(), *(_class(name, None, struct) for name, struct in STRUCTS.items())]
    earlier: dict[str, pa.Schema] = {}
    for name, schema in TABLES.items():
        bases = [base for base, other in earlier.items() if list(schema)[: len(other)] == list(other)]
        base = max(bases, key=lambda base: len(earlier[base]), default=None)
        blocks.append(_class(name, base, list(schema)[len(earlier[base]) if base else 0 :]))
        earlier[name] = schema
    return "\n\n\n".join(blocks) + "\n"


def _head() -> str:
    docstring = (
        '"""Rows of the tables as `to_pylist` gives them. Made by `repair.schema.typed_rows`.\n\n'
        'Tested by `tests/repair/schema/test_typed_rows.py`.\n"""'
    )
    return f"{docstring}\n\nfrom datetime import datetime\nfrom typing import TypedDict"


def _class(name: str, base: str | None, fields: pa.StructType | list[pa.Field]) -> str:
    declared = any(not field.nullable for field in fields)  # the schema says itself what may be null
    null = {
        field.name
        for field in fields
        if (field.nullable if declared else {field.name, f"{name}.{field.name}"} & MAY_BE_NULL)
    }
    lines = [
        f"    {field.name}: {_name(field.type)}{' | None' if field.name in null else ''}" for field in fields
    ]
    return "\n".join((f"class {name}({base or 'TypedDict'}):", *lines))


def _name(kind: pa.DataType) -> str:
    if kinds.is_list(kind):
        return f"list[{_name(kind.value_type)}]"
    if kinds.is_struct(kind):
        return next(name for name, struct in STRUCTS.items() if struct == kind)
    return next(name for fits, name in (*_SCALARS, *_OTHERS) if fits(kind))


if __name__ == "__main__":
    ROWS.write_text(source())
