"""Selection of the samples that may be released: licensed for it, and proved by the servers that are here.

Rejected for the first of `REASONS` that holds.

Tested by `tests/repair/evaluation/release/test_release.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.curation.licence_expressions import permitted_expression
from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.language_servers import LanguageServerError, Request, errors
from repair.language_servers.scheduler import CheckCoroutine, VersionedServers, run_stream
from repair.line_diff.numbered import LineDiffError
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.schema.outcomes import Reject
from repair.text.files import files_of
from repair.verification.verifier import examine

RELEASE_SAMPLES = pa.schema(
    [
        *BENCHMARK_SAMPLES,
        ("pyright_version", pa.string()),  # of the servers that reported `before`
        ("ruff_version", pa.string()),
        ("reference_outcome", pa.string()),  # of the same servers on the reference: `PROVED`
    ]
)
"""A sample and its proof: these servers report the diagnostic, and after the reference they do not."""

REPAIRED = "repaired"
TESTED = ("new_error", "cheat")
PROVED = (REPAIRED, *TESTED)
"""What verification says of a released reference. The diagnostic is gone in each case; what verification
objects to beside it is let pass where the sample's own tests say that the target is right."""

REASONS = {
    "repeated_sample": "the same sample is in the partition of another type",
    "unknown_licence": "the licence of the sample's project is not recorded",
    "licence_not_permitted": "its licence does not permit to pass the texts on to anybody",
    **errors.REASONS,
    "not_confirmed": "the servers here don't report the diagnostic, or report it after the reference too",
    "reference_rejected": "verification refuses the reference, and there are no tests that say it is right",
    "other_target": "the reference does not give the target",
}
"""Why a sample is not released, in the order in which it is decided: reject reason -> meaning."""

_AT_ONCE = 64


def released(
    samples: Iterable[Mapping[str, Any]], servers: VersionedServers
) -> Iterator[dict[str, Any] | Reject]:
    """A row of `RELEASE_SAMPLES` or a reject for each row of `BENCHMARK_SAMPLES`, in order.

    `before` is what the servers say now, so that all of a row is of the same versions.
    """
    seen: set[str] = set()
    coroutines = (_examined(sample, seen, servers.versions) for sample in samples)
    yield from run_stream(coroutines, servers, at_once=_AT_ONCE)


def _examined(
    sample: Mapping[str, Any], seen: set[str], versions: Mapping[str, str]
) -> CheckCoroutine[dict[str, Any] | Reject]:
    if sample["sample_id"] in seen:
        return Reject(sample, "repeated_sample", sample["sample_id"])
    seen.add(sample["sample_id"])
    licence = sample.get("licence")
    if not licence:
        return Reject(sample, "unknown_licence", "no licence is recorded")
    if (permitted := permitted_expression(licence)) is None:
        return Reject(sample, "licence_not_permitted", licence)
    files, path = files_of(sample), sample["path"]
    diagnostic = Diagnostic.from_row(sample["diagnostic"])
    try:
        diff = answer_format(LINE_DIFF).read_in(sample["reference"], files, path).line_diff
    except LineDiffError as error:
        return Reject(sample, "not_confirmed", f"{error.reason}: {error}")
    try:
        before = yield Request(files, edited=(path,))
    except LanguageServerError as error:
        return Reject(sample, error.reason, str(error))
    verdict = yield from examine(files, diagnostic, diff, before, anywhere=True)
    outcome = REPAIRED if verdict.accepted else str(verdict.reason)
    if outcome not in PROVED:
        reason = outcome if outcome in errors.REASONS else "not_confirmed"
        return Reject(sample, reason, f"{outcome}: {verdict.evidence}")
    if outcome in TESTED and sample["tests"] is None:
        return Reject(sample, "reference_rejected", f"{outcome}: {verdict.evidence}")
    target = {**files_of(sample, "target_files"), path: sample["target"]}
    if target != {**verdict.repaired_files, path: verdict.repaired}:
        return Reject(sample, "other_target", "the texts after the reference are others")
    return {
        **{name: sample.get(name) for name in BENCHMARK_SAMPLES.names},
        "licence": permitted,
        "target_files": sample.get("target_files") or [],
        "before": [reported.as_row() for reported in before],
        "pyright_version": versions.get("pyright"),
        "ruff_version": versions.get("ruff"),
        "reference_outcome": outcome,
    }
