"""The diffs that repair: they extract, apply, the servers agree, they are no cheats, and a judge agrees.

Tested by `tests/code_location/test_graph.py`.
"""

from collections import Counter
from contextlib import ExitStack
from typing import Any

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.pipeline import BY_NAME
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.outcomes import join_outcomes
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair.synthesis.lm.judge import INSTRUCTIONS, QUESTIONS, SHOWN, LmJudge, judged
from repair.verification.confidence import verifiers_own
from repair.verification.stage import count_cheats, count_tolerated
from repair_assets.synthesized_diffs import synthesized_diffs
from resources.checks import Checked, CheckVerdict, PartitionCheck, at_most, check_specs, yield_check
from resources.engine import EngineResource
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_SERVERS
from resources.stages import Input, Stage
from resources.store import StoreResource

SPEC = BY_NAME["verified_diffs"]
CHEATS, TOLERATED = "cheats", "tolerated"


def _cheat_rate(checked: Checked) -> CheckVerdict:
    manifest = checked.manifest
    rates = {kind: f"{count / manifest.rows_in:.1%}" for kind, count in manifest.extra[CHEATS].items()}
    worst, count = max(manifest.extra[CHEATS].items(), key=lambda item: item[1], default=("no cheat", 0))
    return at_most(
        f"are cheats of the commonest kind, {worst}", count, manifest.rows_in, checked.limit, kinds=rates
    )


def _cost(checked: Checked) -> CheckVerdict:
    """The teacher's cost, of rejected rows too, and the judge's, by verified row."""
    manifest = checked.manifest
    made = checked.store.manifest("synthesized_diffs", manifest.partition)
    if made is None or made.data_version not in manifest.inputs.values():
        return CheckVerdict(True, "the teacher's cost is not known: synthesized_diffs was made again since")
    columns = ["judge_cost_usd"]
    costs = checked.store.table(manifest.asset, manifest.partition, columns=columns, manifest=manifest)
    judge = sum(cost or 0.0 for cost in costs["judge_cost_usd"].to_pylist())
    usd = made.extra["usage"]["cost_usd"] + judge
    per_diff = usd / max(1, manifest.rows_out)
    said = f"{usd:.4f} USD for {manifest.rows_out} verified diffs, {per_diff:.4f} each"
    return CheckVerdict(per_diff <= checked.limit, said, {"usd": usd, "usd_per_verified_diff": per_diff})


CHECKS = (
    yield_check("verified_share", "verify"),
    PartitionCheck("cheat_rate", _cheat_rate),
    PartitionCheck("cost_per_verified_diff", _cost),
)


class Verification(dg.Config):
    """Whether the LLM judge decides on accepted diffs."""

    judge: bool = False
    """Ask the language model whether an accepted diff is a repair; its accuracy is in `judge_calibration`."""


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[synthesized_diffs],
    check_specs=check_specs("verified_diffs", DATE_AND_TYPE, CHECKS),
    group_name="synthesis",
    kinds={"parquet", "python"},
    pool=LANGUAGE_SERVERS,
)
def verified_diffs(
    context: dg.AssetExecutionContext,
    config: Verification,
    store: StoreResource,
    engine: EngineResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dg.MaterializeResult:
    """Diffs after which the target diagnostic is gone and no new error stands in the workspace.

    Each row carries its proof: `repair prove` replays it. Cheats are counted by kind, and by name
    the tolerances with which answers were read.
    """
    synthesized = Input("synthesized_diffs", Key.of(context))
    versions = {
        "prompt": PROMPT_VERSION,
        "calibration": verifiers_own().sha256,
        **language_servers.versions(),
    }
    if config.judge:
        versions |= {"model": language_model.fingerprint_settings(), "judge": INSTRUCTIONS}
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[synthesized],
        schema=SPEC.output,
        configuration=config.model_dump(),
        versions=versions,
        runs=[LmJudge] if config.judge else [],
        checks=CHECKS,
        engine=engine.engine(),
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        cheats: Counter[str] = Counter()
        tolerated: Counter[str] = Counter()
        outcomes = stage.on_engine(language_servers.with_servers(SPEC.function), stage.tasks(SPEC.reads))
        with ExitStack() as held:
            if config.judge:
                shown = stage.rows(synthesized.asset, list(SHOWN))
                judge = held.enter_context(language_model.judge())
                outcomes = judged(join_outcomes(shown, outcomes, QUESTIONS), judge)
            stage.write(writer, SPEC, count_tolerated(count_cheats(outcomes, cheats), tolerated))
        return {CHEATS: dict(sorted(cheats.items())), TOLERATED: dict(sorted(tolerated.items()))}

    return stage.materialize(work, metadata=_counts)


def _counts(manifest: Manifest) -> dict[str, Any]:
    return {name: manifest.extra[name] for name in (CHEATS, TOLERATED)}
