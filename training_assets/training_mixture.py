"""Training mixture over a window of days."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from partitions.dates import DATES, last_dates
from partitions.keys import Key
from partitions.mappings import dates_up_to
from partitions.types import DIAGNOSTIC_TYPES
from repair.dataset.card import MixtureCard
from repair.dataset.mixture import MIXTURE, mixture
from repair.dataset.splits import TEST
from repair.schema.outcomes import beside
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.verification.confidence import verifiers_own
from repair_assets.benchmarks import BENCHMARKS, leetcode_benchmark, workspace_benchmark
from repair_assets.example_checks import DUPLICATES
from repair_assets.repair_examples import daily_examples
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.reporting import page
from resources.stages import STORED_COLUMNS, Input, Stage
from resources.store import StoreResource

CARD = "card.md"

WINDOW = 30
"""Date partitions that a mixture reads, its own among them."""


def _no_split_leaks(checked: Checked) -> CheckVerdict:
    """Projects on two sides of the split, for tests, or in a benchmark that the mixture is made against."""
    manifest = checked.manifest
    columns = ["project_id", "split"]
    rows = checked.store.table(manifest.asset, manifest.partition, columns=columns, manifest=manifest)
    sides: dict[str, set[str]] = {}
    for project, split in zip(*(rows[column].to_pylist() for column in columns), strict=True):
        sides.setdefault(project, set()).add(split)
    for diagnostic_type in DIAGNOSTIC_TYPES.get_partition_keys():
        for name in BENCHMARKS:
            key = Key(None, diagnostic_type)
            frozen = checked.store.manifest(name, key.segments())
            if frozen is None or manifest.inputs.get(f"{name}[{key}]") != frozen.data_version:
                continue
            held = checked.store.table(name, key.segments(), columns=["project_id"], manifest=frozen)
            for project in set(held["project_id"].to_pylist()) & sides.keys():
                sides[project].add(name)
    leaks = {project: sorted(on) for project, on in sides.items() if len(on) > 1 or TEST in on}
    said = f"{len(leaks)} of {len(sides)} projects are on two sides, or for tests"
    return CheckVerdict(len(leaks) <= checked.limit, said, {"projects": dict(sorted(leaks.items())[:10])})


CHECKS = (DUPLICATES, PartitionCheck("no_split_leaks", _no_split_leaks))


class Mixing(dg.Config):
    """Seed, caps and the bound of the mixture."""

    seed: int = 17
    cap_per_code: int = 20_000
    cap_per_repair: int = 1_000
    """Diagnostics of one text with the same repair."""
    share_per_kind: float = 1.0
    """The largest part of the mixture that one kind of diagnostic may be."""
    least_precision: float = 0.0
    """Share of right repairs that is asked for; 0: all that verify. Kept is what has the lowest confidence at
    which the verifier's calibration has this precision on the LeetCode problems that it was chosen on."""


@dg.asset(
    partitions_def=DATES,
    deps=[
        dg.AssetDep(
            daily_examples,
            partition_mapping=dates_up_to(WINDOW),
        ),
        dg.AssetDep(workspace_benchmark, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(leetcode_benchmark, partition_mapping=dg.AllPartitionMapping()),
    ],
    check_specs=check_specs("training_mixture", DATES, CHECKS),
    group_name="training",
    kinds={"parquet"},
)
def training_mixture(
    context: dg.AssetExecutionContext, config: Mixing, store: StoreResource
) -> dg.MaterializeResult:
    """The examples of the window without near-duplicates, test projects and benchmark samples.

    Days of the window that were never materialized are left out, and named in the metadata; a day that
    lost rows is refused. The mixture is decontaminated against the frozen benchmarks: they are materialized
    first.
    """
    opened = store.store()
    own = Key.of(context).date or ""
    days = [
        date
        for date in last_dates(own, WINDOW)
        if date == own or opened.manifest("daily_examples", Key(date).segments())
    ]
    examples = [Input("daily_examples", Key(date)) for date in days]
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    benchmarks = [Input(name, Key(None, diagnostic_type)) for name in BENCHMARKS for diagnostic_type in types]
    settings, calibration = config.model_dump(), verifiers_own()
    if precision := settings.pop("least_precision"):
        settings["least_confidence"] = calibration.threshold_for(precision)
    stage = Stage(
        context=context,
        store=opened,
        inputs=[*examples, *benchmarks],
        schema=MIXTURE,
        configuration=settings | {"least_precision": precision},
        versions={"calibration": calibration.sha256},
        checks=CHECKS,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        frozen = (batch for name in BENCHMARKS for batch in stage.rows(name))
        card = MixtureCard(calibration.measured, precision, settings.get("least_confidence", 0.0))
        incoming = card.count_incoming(_dated(stage, examples))
        for outcome in card.count_outcomes(mixture(incoming, frozen, **settings)):
            writer.write_outcomes(outcome)
        writer.write_bytes(CARD, card.markdown(days).encode())
        return {"dates": days}

    return stage.materialize(
        work,
        rows_in=stage.count("daily_examples"),
        metadata=partial(_metadata, opened),
    )


def _metadata(store: PartitionStore, manifest: Manifest) -> dict[str, Any]:
    card = store.read_bytes(manifest.asset, manifest.partition, CARD, manifest=manifest).decode()
    return {
        "dates": manifest.extra["dates"],
        "data_card": dg.MetadataValue.md(card),
        "page": page(store.file_uri(manifest.asset, manifest.partition, CARD)),
    }


def _dated(stage: Stage, days: Sequence[Input]) -> Iterator[pa.RecordBatch]:
    """The examples of the days, each with its date."""
    for day in days:
        manifest = stage.manifests()[str(day)]
        columns = STORED_COLUMNS[day.asset]
        for batch in stage.store.read(day.asset, day.key.segments(), columns=columns, manifest=manifest):
            dates = pa.array([day.key.date] * batch.num_rows, pa.string())
            yield beside(batch, pa.RecordBatch.from_arrays([dates], ["date"]))
