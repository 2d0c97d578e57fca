"""Rejection sampling: a local model as a teacher, of whose answers the likely right ones are kept.

Of up to `k` answers to a row the first that verifies and has the confidence of the model's calibration is
its diff; a row without one is rejected. A model that is trained on both its data and these learns from what
the servers accepted of it (expert iteration).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from repair.errors import ConfigurationError
from repair.fixing.fix import STAR_IMPORT, UNMEASURED, UNSURE, Fix, Task
from repair.fixing.fixer import Fixer, FixModels
from repair.language_servers import errors
from repair.language_servers.scheduler import Servers
from repair.messages import shown
from repair.prompt.sentinels import render_response
from repair.schema.outcomes import Reject
from repair.schema.rows import RepairCandidateRow
from repair.synthesis.teacher import Proposal
from repair.unexpected import UNEXPECTED

UNREPAIRED, FILE_ABSENT = "unrepaired", "file_absent"
REASONS = {
    UNREPAIRED: "no answer of the local model verifies; the detail says what the nearest one lacks",
    UNSURE: "an answer of the local model verifies, and its confidence is not known, or below the threshold",
    UNMEASURED: "how often the local model's repairs of such diagnostics are right was never measured",
    STAR_IMPORT: "the name may come of a star import that the servers do not resolve",
    FILE_ABSENT: "the diagnostic's file is not in the workspace",
    **errors.REASONS,
}
ROWS_AT_ONCE = 64
"""Rows whose answers are decoded together."""


class ModelTeacher:
    """Asks `models` for up to `k` answers to a row, and verifies them with `servers`.

    Raises:
        ConfigurationError: the model was never calibrated.
    """

    def __init__(self, models: FixModels, servers: Servers, k: int) -> None:
        if models.calibration is None:
            raise ConfigurationError(
                f"the model {models.name} has no confidence.json, so that nothing tells which of its answers"
                " are likely right: materialize model_calibration of its checkpoint first"
            )
        self.name = models.name
        self._k = k
        self._fixer = Fixer(replace(models, rules=False), servers)

    def propose(self, rows: Iterable[RepairCandidateRow]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order; rows are read ahead by `ROWS_AT_ONCE`."""
        waiting = iter(rows)
        while chunk := list(islice(waiting, ROWS_AT_ONCE)):
            yield from self._outcomes(chunk)

    def _outcomes(self, rows: Sequence[RepairCandidateRow]) -> Iterator[Proposal | Reject]:
        tasks = {
            number: task
            for number, row in enumerate(rows)
            if row["path"] in (task := Task.of_row(row, self._k)).files
        }
        fixes = dict(zip(tasks, self._fixer.fix(list(tasks.values())), strict=True))
        for number, row in enumerate(rows):
            fix = fixes.get(number)
            if fix is None:
                yield Reject(row, FILE_ABSENT, f"{shown(row['path'])} is not among the files")
            elif fix.line_diff is not None:
                yield Proposal(
                    render_response(fix.line_diff),
                    candidates=len(fix.rejected) + 1,
                    input_tokens=None,
                    output_tokens=None,
                )
            else:
                yield _reject(row, fix)


def _reject(row: RepairCandidateRow, fix: Fix) -> Reject:
    nearest = fix.nearest
    if nearest is None:
        return Reject(row, UNREPAIRED, "no answer")
    if nearest.reason in (UNSURE, UNMEASURED, STAR_IMPORT):
        return Reject(row, nearest.reason, nearest.detail)
    failed = next((one for one in fix.rejected if one.reason in (*errors.REASONS, UNEXPECTED)), None)
    if failed is not None:  # nothing about the answers
        return Reject(row, failed.reason, failed.detail)
    return Reject(row, UNREPAIRED, f"{nearest.reason}: {nearest.detail}")
