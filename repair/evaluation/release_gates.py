"""Release gates: what a checkpoint has to pass before it is served.

| gate | passes if |
|---|---|
| `evaluated` | predictions and scorecard are those of these very weights |
| `prompt` | the checkpoint knows the version of the prompt that this code asks with |
| `scores` | no regression against the last release: McNemar's test, as in `repair.evaluation.regression` |
| `leaks` | no sample of a benchmark is in the training mixture, and all could be compared |
| `golden` | no fewer golden answers are in form than the last release's, beyond its interval |
| `confidence` | likely wrong fixes can be withheld, if they are of the last release |

The scores of a release are stored with it, so that the next one is compared with what was released, whatever
became of its checkpoint since.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from repair.errors import InputError
from repair.evaluation.intervals import wilson
from repair.evaluation.regression import Cell, Comparable, comparable_cells, regression_tests
from repair.evaluation.summary import METRICS, Row, by_benchmark_and_system, first_answers, share_of
from repair.line_diff import workspace as workspace_diff
from repair.models.released import RELEASES, Release, partition_of
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.prompt.sentinels import PROMPT_VERSION, Example
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore

SCORES, GOLDEN = "scores", "golden"
IN_FORM = "golden_in_form"
"""The key of the number of golden answers in form, in the `extra` of a release."""
CONFIDENT = "confident"
"""The key of whether the confidence of a release was calibrated, in its `extra`."""

RELEASED_SCORES = pa.schema(
    [
        ("diagnostic_type", pa.string()),
        ("comparable", pa.string()),  # JSON: data version of the samples, versions of the servers
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),
        ("system", pa.string()),
        ("answer_index", pa.int64()),
        *((metric, pa.bool_()) for metric in METRICS),
    ]
)

Scored = Mapping[Cell, tuple[Comparable, Sequence[Row]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one gate found."""

    name: str
    passed: bool
    said: str
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return f"{self.name} {'passed' if self.passed else 'refused'}: {self.said}"


def scores_of(store: PartitionStore, date: str) -> Scored:
    """The scores of the checkpoint of `date`, by benchmark and type."""
    partitions = [known for known in store.partitions("eval_results") if known["date"] == date]
    found = [store.manifest("eval_results", partition) for partition in partitions]
    return comparable_cells(store, [manifest for manifest in found if manifest])


def scores_table(scored: Scored) -> pa.Table:
    """Rows of `RELEASED_SCORES`, to be stored with a release."""
    rows = [
        {name: row.get(name) for name in RELEASED_SCORES.names}
        | {"diagnostic_type": diagnostic_type, "comparable": json.dumps(comparable)}
        for (_, diagnostic_type), (comparable, own) in scored.items()
        for row in own
    ]
    return pa.Table.from_pylist(rows, schema=RELEASED_SCORES)


def released_scores(store: PartitionStore, release: Release) -> Scored:
    """The inverse of `scores_table`, of a stored release."""
    cells: dict[Cell, tuple[Comparable, list[Row]]] = {}
    for row in store.table(RELEASES, partition_of(release.version), SCORES).to_pylist():
        comparable = tuple((name, value) for name, value in json.loads(row["comparable"]))
        cells.setdefault((row["benchmark"], row["diagnostic_type"]), (comparable, []))[1].append(row)
    return cells


def evaluated_gate(checkpoint: Manifest, inputs: Mapping[str, Manifest]) -> Gate:
    """`inputs`: the manifests of predictions and scorecard by their names."""
    date = checkpoint.partition["date"]
    name = f"checkpoint[{date}]"
    other = [
        known for known, manifest in inputs.items() if manifest.inputs.get(name) != checkpoint.data_version
    ]
    said = (
        f"{', '.join(other)} are of another {name} than the one that is stored: materialize them again"
        if other
        else f"predictions and scorecard are of {name} with the data version {checkpoint.data_version[:12]}"
    )
    return Gate(name="evaluated", passed=not other, said=said)


def prompt_gate(made_by: Mapping[str, Any]) -> Gate:
    """`made_by`: the checkpoint's own record."""
    found = made_by["prompt_version"]
    said = f"the checkpoint knows version {found} of the prompt, this code asks with {PROMPT_VERSION}"
    return Gate(name="prompt", passed=found == PROMPT_VERSION, said=said)


def scores_gate(own: Scored, earlier: Scored | None, against: str = "") -> Gate:
    """`earlier`: the scores of the last release, whose version is `against`; None: there is none."""
    rows = [row for _, found in own.values() for row in found]
    figures: dict[str, Any] = {
        f"{benchmark} {metric}": share.text()
        for (benchmark, _), group in by_benchmark_and_system(first_answers(rows)).items()
        for metric in METRICS
        if (share := share_of(group, metric))
    }
    if not rows:
        said = "the checkpoint has no score: materialize predictions and eval_results of its date first"
        return Gate(name="scores", passed=False, said=said)
    shown = "; ".join(f"{name} {text}" for name, text in figures.items())
    if earlier is None:
        return Gate(name="scores", passed=True, said=f"the first release; {shown}", figures=figures)
    common = [cell for cell in own if cell in earlier and earlier[cell][0] == own[cell][0]]
    if not common:
        said = (
            f"the release {against} was scored on other samples, or by other servers, so that nothing can be"
            f" compared: materialize eval_results on the benchmarks of {against}, or release from a new store"
        )
        return Gate(name="scores", passed=False, said=said, figures=figures)
    tests = regression_tests(
        {cell: earlier[cell][1] for cell in common}, {cell: own[cell][1] for cell in common}
    )
    worse = [str(test) for test in tests if test.regressed]
    said = (
        f"worse than the release {against}: {'; '.join(worse)}"
        if worse
        else f"no worse than the release {against}, beyond chance, in {len(tests)} tests; {shown}"
    )
    return Gate(name="scores", passed=not worse, said=said, figures=figures)


def leaks_gate(scorecard: Manifest) -> Gate:
    """`scorecard`: the manifest of the date's."""
    found: dict[str, int] = scorecard.extra["contamination"]
    said = (
        f"{found['contaminated']} of {found['samples']} samples of the benchmarks are in the training mixture"
        f" or nearly so, {found['unchecked']} could not be compared"
    )
    return Gate(
        name="leaks", passed=not found["contaminated"] and not found["unchecked"], said=said, figures=found
    )


def in_form(answer: str, example: Example) -> bool:
    """Whether an answer is a diff that can be read, and applies to the example's file."""
    files = {example.path: example.text}
    try:
        line_diff = answer_format(LINE_DIFF).read_in(answer, files, example.path).line_diff
        return workspace_diff.apply(files, line_diff, example.path) != files
    except InputError:
        return False


def golden_gate(count: int, of: int, earlier: int | None) -> Gate:
    """`count`: golden answers in form, `of` so many prompts; `earlier`: those of the last release."""
    least = 1 if earlier is None else max(1, wilson(earlier, of)[0] * of)
    said = f"{count} of {of} golden answers are diffs that apply, expected at least {least:.1f}"
    if earlier is not None:
        said += f": the last release had {earlier}"
    return Gate(name="golden", passed=count >= least, said=said, figures={"in_form": count, "of": of})


def confidence_gate(threshold: float | None, earlier: bool) -> Gate:
    """`threshold`: the confidence from which on fixes are shown; None: the checkpoint was not calibrated.
    `earlier`: whether the last release was."""
    if threshold is not None:
        said = f"fixes with a confidence below {threshold} are withheld"
        return Gate(name="confidence", passed=True, said=said, figures={"threshold": threshold})
    said = "the checkpoint was not calibrated: every fix that verifies is shown"
    if earlier:
        said += ", where the last release withholds what is likely wrong: materialize model_calibration first"
    return Gate(name="confidence", passed=not earlier, said=said)
