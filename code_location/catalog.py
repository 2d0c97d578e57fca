"""Asset catalog: group, owner, tags, columns and reject reasons of every asset, set in one place.

python -m code_location.catalog      # docs/columns.md, printed

The names of the groups are numbered, since the UI sorts them by name: they stand in the order of the data.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from repair.evaluation.benchmark import BENCHMARK_SAMPLES, PREDICTIONS, SCORES
from repair.evaluation.contamination import LEAKS
from repair.evaluation.judge.calibration import JUDGED_DIFFS
from repair.evaluation.leetcode.injection.samples import INJECTED_SAMPLES
from repair.evaluation.leetcode.injection.teacher import INJECTED_BUGS
from repair.evaluation.model_confidence import TESTED_REPAIRS
from repair.evaluation.release.selection import RELEASE_SAMPLES
from repair.evaluation.scaling import SCALING_POINTS, SCALING_RESULTS
from repair.evaluation.teachers import TEACHER_RESULTS
from repair.models.released import RELEASED
from repair.pipeline import BY_NAME, OTHER_REASONS
from repair.schema.descriptions import described, fields
from repair.schema.events import DECIDED_PROJECTS, PROJECT_ROWS
from repair.schema.outcomes import REJECTS
from repair.schema.stages import REPAIR_EXAMPLES
from repair.store.text_table import TEXTS
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES
from repair.training.accounting import TRAINED
from resources.reporting import column_schema, type_name

Asset = dg.AssetsDefinition | dg.AssetSpec

GROUPS = (
    "events",
    "diagnostics",
    "teacher",
    "synthesis",
    "benchmarks",
    "training",
    "evaluation",
    "release",
    "feedback",
)
"""The groups of the assets, in the order of the data."""

OWNERS: Mapping[str, str] = dict.fromkeys(("benchmarks", "training", "evaluation", "release"), "team:models")
"""Group -> who answers for its assets, where it is not `DATA_OWNER`."""
DATA_OWNER = "team:data-platform"

USES: Mapping[str, str] = {
    "language_servers": "language-servers",
    "language_model": "language-model",
    "trainer": "gpu",
    "engine": "spark",
}
"""Resource -> tag of the assets that use it, to select them by."""

SCHEMAS: Mapping[str, pa.Schema] = {
    **{name: spec.output for name, spec in BY_NAME.items()},
    "few_shot_examples": FEW_SHOT_EXAMPLES,
    "teacher_program": FEW_SHOT_EXAMPLES,
    "daily_examples": REPAIR_EXAMPLES,
    "checkpoint": TRAINED,
    "workspace_benchmark": BENCHMARK_SAMPLES,
    "leetcode_benchmark": INJECTED_SAMPLES,
    "injected_bugs": INJECTED_BUGS,
    "predictions": PREDICTIONS,
    "eval_results": SCORES,
    "scorecard": SCORES,
    "released_model": RELEASED,
    "model_calibration": TESTED_REPAIRS,
    "judge_calibration": JUDGED_DIFFS,
    "teacher_results": TEACHER_RESULTS,
    "teacher_page": TEACHER_RESULTS,
    "scaling_results": SCALING_RESULTS,
    "scaling_page": SCALING_POINTS,
}
"""Asset -> the columns of its rows."""

TABLES: Mapping[str, pa.Schema] = {
    "rejects": REJECTS,
    "projects": DECIDED_PROJECTS,
    "project_rows": PROJECT_ROWS,
    "leaks": LEAKS,
    "texts": TEXTS,
    "release": RELEASE_SAMPLES,
}
"""Further tables: rejects of every stage, two of `session_events`, one of `scorecard`, the texts, and what
`repair release` writes."""


def catalogued(assets: Iterable[Asset]) -> list[Asset]:
    """The assets as the UI shows them."""
    return [_catalogued(asset) for asset in assets]


def _catalogued(asset: Asset) -> Asset:
    if isinstance(asset, dg.AssetSpec):  # made elsewhere
        return _entry(asset, {})
    uses = {tag: "" for resource, tag in USES.items() if resource in asset.required_resource_keys}
    return asset.map_asset_specs(lambda spec: _entry(spec, uses))


def _entry(spec: dg.AssetSpec, uses: Mapping[str, str]) -> dg.AssetSpec:
    name, group = spec.key.path[-1], spec.group_name or ""
    shown = spec.replace_attributes(
        group_name=f"{GROUPS.index(group) + 1}_{group}" if group in GROUPS else group,
        description=f"{spec.description or ''}{_reasons(name)}",
    )
    metadata: dict[str, Any] = {}
    if schema := SCHEMAS.get(name):
        metadata["dagster/column_schema"] = column_schema(name, schema)
    return shown.merge_attributes(owners=[OWNERS.get(group, DATA_OWNER)], tags=uses, metadata=metadata)


def _reasons(name: str) -> str:
    """Why it rejects rows, in Markdown."""
    spec = BY_NAME.get(name)
    reasons = spec.reasons if spec else OTHER_REASONS.get(name, {})
    if not reasons:
        return ""
    return "\n\n**Why a row goes no further**\n\n" + _table(("reason", "meaning"), reasons.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| `{first}` | {' | '.join(rest)} |" for first, *rest in rows)])


def columns_page() -> str:
    """docs/columns.md: the columns of every stored table, in Markdown."""
    lines = [
        "# What each column is",
        "",
        "Made by `python -m code_location.catalog` of `repair/schema/descriptions.py`; the UI shows it",
        "under *Columns* of an asset. `a.b` is the field `b` of the struct `a`, or of the structs in the",
        "list `a`. A store keeps texts apart, by their SHA-256: [store.md](store.md).",
    ]
    shown: dict[str, pa.Schema] = {}
    for name, schema in {**SCHEMAS, **TABLES}.items():
        lines += ["", f"## {name}", ""]
        if same := next((other for other, known in shown.items() if known == schema), None):
            lines.append(f"As `{same}`.")
            continue
        first = [other for other, known in shown.items() if list(schema)[: len(known)] == list(known)]
        base = max(first, key=lambda other: len(shown[other]), default=None)
        own = list(fields(pa.schema(list(schema)[len(shown[base]) if base else 0 :])))
        if base:
            lines += [f"The columns of `{base}`, and:", ""]
        rows = [(column, f"`{type_name(kind)}`", described(name, column) or "") for column, kind in own]
        lines.append(_table(("column", "type", "what it is"), rows))
        shown[name] = schema
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(columns_page(), end="")  # noqa: T201
