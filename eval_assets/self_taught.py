"""Rejection sampling (expert iteration) in the scaling study: a model's own answers become examples.

Tested by `tests/eval_assets/test_self_taught.py`.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pyarrow as pa
import pyarrow.compute

from partitions.keys import Key
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.model_confidence import K, ModelCalibration
from repair.fixing.chosen_model import SEARCHED, AfterFirst
from repair.fixing.fixer import FixModels
from repair.fixing.model_teacher import ModelTeacher
from repair.models.checkpoint import CheckpointModel, all_at_once
from repair.schema.outcomes import Reject
from repair.schema.rows import RepairCandidateRow
from repair.store.reader import PartitionStore
from repair.synthesis.rules.model import RulesModel
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage
from resources.trainer import TrainerResource

QUESTIONS, BENCHMARK = "daily_examples", "leetcode_benchmark"

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them


def questions_of(store: PartitionStore, mixture: Input) -> list[Input]:
    """The days that a mixture was made of.

    Raises:
        dagster.Failure: one of them was made again since.
    """
    manifest = store.manifest(mixture.asset, mixture.key.segments())
    found = [(Input(QUESTIONS, Key(date)), date) for date in (manifest.extra["dates"] if manifest else ())]
    for source, date in found:
        own = store.manifest(QUESTIONS, Key(date).segments())
        if manifest is None or own is None or manifest.inputs[str(source)] != own.data_version:
            raise dg.Failure(
                f"{mixture} was made of another {source} than is stored, whose workspaces its questions are"
                " answered in; materialize the mixture again first",
                allow_retries=False,
            )
    return [source for source, _ in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswers:
    """Asks a checkpoint the questions of training examples, and keeps what is likely right."""

    stage: Stage
    trainer: TrainerResource
    language_servers: LanguageServersResource

    def to(self, examples: pa.Table, checkpoint: Path, weights: str) -> tuple[pa.Table, dict[str, Any]]:
        """Those of `examples` with a kept answer, their responses replaced by it; and the counts.

        The checkpoint is calibrated first. `weights` name it in the log of answers.

        Raises:
            dagster.Failure: none of its answers to the problems that it is calibrated on verifies.
        """
        decode = partial(
            self.trainer.decode,
            self.stage.context,
            checkpoint=str(checkpoint),
            weights=weights,
            sampling=SEARCHED,
        )
        searched = CheckpointModel("self", all_at_once(decode, K))
        servers = self.language_servers.servers()
        problems = list(self.stage.records(BENCHMARK))
        found = ModelCalibration.of(problems, searched, RulesModel(servers), servers, judged)
        if found.calibration is None:
            raise dg.Failure(
                f"{self.stage.key}: no answer of its model to the problems for choosing verifies, so that it"
                " has nothing to teach: choose a larger size",
                allow_retries=False,
            )
        models = FixModels("self", searched, AfterFirst(searched), calibration=found.calibration)
        names = examples["example_id"].to_pylist()
        outcomes = list(ModelTeacher(models, servers, K).propose(self._workspaces(names)))
        kept = {
            name: outcome.answer
            for name, outcome in zip(names, outcomes, strict=True)
            if not isinstance(outcome, Reject)
        }
        theirs = dict(zip(names, examples["response"].to_pylist(), strict=True))
        rows = examples.filter(pc.is_in(examples["example_id"], pa.array(list(kept), pa.string())))
        answers = [kept[name] for name in rows["example_id"].to_pylist()]
        counts = {
            "asked": len(names),
            "kept": len(kept),
            "as_the_user": sum(theirs[name] == answer for name, answer in kept.items()),
            "rejects": dict(Counter(one.reason for one in outcomes if isinstance(one, Reject))),
            "calibration": {"threshold": found.calibration.threshold, **found.calibration.chosen_on},
        }
        column = rows.schema.get_field_index("response")
        return rows.set_column(column, "response", pa.array(answers, pa.string())), counts

    def _workspaces(self, examples: list[str]) -> list[RepairCandidateRow]:
        """Files and diagnostics of each example, in order."""
        wanted, found = pa.array(examples, pa.string()), dict[str, Any]()
        for batch in self.stage.rows(QUESTIONS, ["example_id", "path", "files", "diagnostic", "before"]):
            rows = batch.filter(pc.is_in(batch["example_id"], wanted)).to_pylist()
            found |= {row["example_id"]: row for row in rows}
        return [cast("RepairCandidateRow", found[name]) for name in examples]
