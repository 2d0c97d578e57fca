"""The model that is served: an atomic pointer to a checkpoint whose gates passed."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from eval_assets.model_calibration import model_calibration
from eval_assets.scorecard import scorecard
from partitions.keys import Key
from repair.errors import InputError
from repair.evaluation.release_gates import (
    CONFIDENT,
    GOLDEN,
    IN_FORM,
    SCORES,
    Gate,
    confidence_gate,
    evaluated_gate,
    golden_gate,
    in_form,
    leaks_gate,
    prompt_gate,
    released_scores,
    scores_gate,
    scores_of,
    scores_table,
)
from repair.models.golden import EXAMPLES, MOST_TOKENS
from repair.models.made_by import read_made_by
from repair.models.model import Sampling
from repair.models.released import (
    RELEASE,
    RELEASED,
    RELEASES,
    WEIGHTS,
    Release,
    find,
    history,
    partition_of,
    version_of,
)
from repair.prompt.sentinels import PROMPT_VERSION, render_prompt
from repair.store.manifest import Manifest, fingerprint
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from resources.checks import check_specs
from resources.pools import GPU
from resources.stages import Input, Stage
from resources.store import StoreResource, latest_date
from resources.stored_checkpoint import CALIBRATION, CHECKPOINT, calibration_of, local_checkpoint
from resources.trainer import DECODING, TrainerResource
from training_assets.checkpoint import checkpoint


class Releasing(dg.Config):
    """What is to be served: a checkpoint, or an earlier release."""

    checkpoint: str = ""
    """The date of the checkpoint; empty: the latest one with a scorecard."""
    version: str = ""
    """Rollback: the version of an earlier release, as its row and the health page tell it."""


@dg.asset(
    deps=[
        dg.AssetDep(checkpoint, partition_mapping=dg.LastPartitionMapping()),
        dg.AssetDep(scorecard, partition_mapping=dg.LastPartitionMapping()),
        dg.AssetDep(model_calibration, partition_mapping=dg.LastPartitionMapping()),
    ],
    check_specs=check_specs("released_model", None),
    group_name="release",
    kinds={"huggingface"},
    pool=GPU,
)
def released_model(
    context: dg.AssetExecutionContext, config: Releasing, store: StoreResource, trainer: TrainerResource
) -> dg.MaterializeResult:
    """The pointer that `repair serve --model released` follows, and the history of all releases.

    A checkpoint is released if it passes all gates: evaluated, prompt, scores, leaks, golden answers,
    confidence. If one refuses, the run fails, says which and why, and what is served stays. Its weights and
    their calibration are copied: a release outlives its checkpoint's partition. Rollback: materialize it
    with the `version` of an earlier one.
    """
    opened = store.store()
    if config.checkpoint and config.version:
        raise dg.Failure("give the date of a checkpoint or the version of a release, not both")
    known = history(opened)
    if config.version:
        return _roll_back(context, opened, known, config)
    date = config.checkpoint or _latest_scored(opened)
    inputs = {name: Input(name, Key(date)) for name in ("checkpoint", "predictions", "scorecard")}
    if opened.manifest(CALIBRATION, Key(date).segments()) is not None:
        inputs[CALIBRATION] = Input(CALIBRATION, Key(date))
    stage = Stage(
        context=context,
        store=opened,
        inputs=list(inputs.values()),
        schema=RELEASED,
        configuration={"checkpoint": date},
        versions={"prompt": PROMPT_VERSION},
        runs=[DECODING],
    )
    manifests = {name: stage.manifests()[str(source)] for name, source in inputs.items()}

    def work(writer: PartitionWriter) -> dict[str, Any]:
        candidate = _Candidate(context, opened, trainer, date, manifests)
        return _write(writer, [*known, candidate.released(known)])

    return stage.materialize(work, rows_in=len(known) + 1, metadata=_metadata)


def _roll_back(
    context: dg.AssetExecutionContext, store: PartitionStore, known: list[Release], config: Releasing
) -> dg.MaterializeResult:
    try:
        target = find(known, config.version)
    except InputError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    weights = store.manifest(RELEASES, partition_of(target.version))
    if weights is None:
        raise dg.Failure(f"the weights of the release {target.version} are gone", allow_retries=False)
    store.check(weights)
    stage = Stage(
        context=context, store=store, inputs=[], schema=RELEASED, configuration={"version": target.version}
    )
    back = replace(target, number=len(known) + 1, released=datetime.now(UTC), rollback=True)
    return stage.materialize(
        lambda writer: _write(writer, [*known, back]), rows_in=len(known) + 1, metadata=_metadata
    )


class _Candidate:
    """A checkpoint before its gates."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        store: PartitionStore,
        trainer: TrainerResource,
        date: str,
        manifests: dict[str, Manifest],
    ) -> None:
        self._context, self._store, self._trainer = context, store, trainer
        self._date, self._manifests = date, manifests
        self._confidence = calibration_of(store, manifests[CHECKPOINT])
        self.version = version_of(date, manifests[CHECKPOINT], self._confidence)

    def released(self, known: list[Release]) -> Release:
        """Its release, with stored weights.

        Raises:
            dagster.Failure: a gate refuses.
        """
        last = known[-1] if known else None
        with local_checkpoint(self._store, self._manifests[CHECKPOINT], self._trainer) as weights:
            made_by = read_made_by(weights)
            answers = self._golden_answers(weights)
            gates = self._gates(last, made_by, [well for *_, well in answers])
            self._refuse(gates)
            self._keep(weights, answers, gates)
        return Release(
            number=len(known) + 1,
            version=self.version,
            checkpoint=self._date,
            checkpoint_version=self._manifests["checkpoint"].data_version,
            recipe=made_by["recipe"]["name"],
            prompt_version=made_by["prompt_version"],
            released=datetime.now(UTC),
            rollback=False,
            gates="\n".join(map(str, gates)),
        )

    def _golden_answers(self, weights: Path) -> list[tuple[str, str, bool]]:
        """Prompt, greedy answer and whether it is in form, decoded by a child process."""
        prompts = [render_prompt(example) for example in EXAMPLES]
        greedy = Sampling(temperature=0, max_new_tokens=MOST_TOKENS)
        answered = self._trainer.decode(
            self._context,
            prompts,
            1,
            checkpoint=str(weights),
            weights=self._manifests["checkpoint"].data_version,
            sampling=greedy,
        )
        return [
            (prompt, answer.text, in_form(answer.text, example))
            for prompt, [answer], example in zip(prompts, answered, EXAMPLES, strict=True)
        ]

    def _gates(self, last: Release | None, made_by: dict[str, Any], well: list[bool]) -> list[Gate]:
        evaluated = {name: self._manifests[name] for name in ("predictions", "scorecard")}
        stored = self._store.manifest(RELEASES, partition_of(last.version)) if last else None
        return [
            evaluated_gate(self._manifests["checkpoint"], evaluated),
            prompt_gate(made_by),
            scores_gate(
                scores_of(self._store, self._date),
                released_scores(self._store, last) if last else None,
                last.version if last else "",
            ),
            leaks_gate(self._manifests["scorecard"]),
            golden_gate(sum(well), len(well), stored.extra[IN_FORM] if stored else None),
            confidence_gate(self._threshold(), bool(stored and stored.extra.get(CONFIDENT))),
        ]

    def _threshold(self) -> float | None:
        """From which confidence on its fixes are shown; None: these weights have no calibration."""
        if self._confidence is None:
            return None
        return self._manifests[CALIBRATION].extra["calibration"]["threshold"]

    def _refuse(self, gates: list[Gate]) -> None:
        refused = [gate for gate in gates if not gate.passed]
        if not refused:
            return
        raise dg.Failure(
            f"checkpoint[{self._date}] is not released, and what is served stays: "
            + "; ".join(f"{gate.name}: {gate.said}" for gate in refused),
            metadata={f"{gate.name} (refused)": dict(gate.figures) or gate.said for gate in refused}
            | {gate.name: gate.said for gate in gates if gate.passed},
            allow_retries=False,
        )

    def _keep(self, weights: Path, answers: list[tuple[str, str, bool]], gates: list[Gate]) -> None:
        """Store the weights with their scores and golden answers, once."""
        partition = partition_of(self.version)
        checkpoint_version = self._manifests["checkpoint"].data_version
        made_of: dict[str, Any] = {
            "inputs": {f"checkpoint[{self._date}]": checkpoint_version},
            "configuration": {},
            "versions": {},
        }
        lines = [
            json.dumps({"prompt": prompt, "answer": answer, "in_form": well})
            for prompt, answer, well in answers
        ]
        with self._store.writer(RELEASES, partition) as writer:
            writer.write(SCORES, scores_table(scores_of(self._store, self._date)))
            writer.write_bytes(f"{GOLDEN}.jsonl", ("\n".join(lines) + "\n").encode())
            writer.write_tree(weights, WEIGHTS)
            writer.commit(
                fingerprint=fingerprint(**made_of),
                rows_in=0,
                extra={
                    IN_FORM: sum(well for *_, well in answers),
                    CONFIDENT: self._threshold() is not None,
                    "gates": [asdict(gate) for gate in gates],
                },
                **made_of,
            )


def _write(writer: PartitionWriter, releases: list[Release]) -> dict[str, Any]:
    rows = [{name: getattr(release, name) for name in RELEASED.names} for release in releases]
    writer.write("data", pa.Table.from_pylist(rows, schema=RELEASED))
    return {RELEASE: releases[-1].as_json()}


def _latest_scored(store: PartitionStore) -> str:
    date = latest_date(store, "scorecard")
    if date is None:
        raise dg.Failure("no checkpoint has a scorecard: materialize scorecard first", allow_retries=False)
    return date


def _metadata(manifest: Manifest) -> dict[str, Any]:
    release = Release.from_json(manifest.extra[RELEASE])
    gates = "\n".join(f"- {line}" for line in release.gates.split("\n"))
    return {"release": release.version, "rollback": release.rollback, "gates": dg.MetadataValue.md(gates)}
