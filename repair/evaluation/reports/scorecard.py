"""Scorecard of one checkpoint: one self-contained HTML page.

Tested by `tests/repair/evaluation/reports/test_scorecard.py` and `tests/eval_assets/test_eval_results.py`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.evaluation.benchmark import ASSETS, LEETCODE, REPORTED, TITLES, WORKSPACE
from repair.evaluation.contamination import KINDS as LEAK_KINDS
from repair.evaluation.groups import category, edit_bucket
from repair.evaluation.intervals import Share, newcombe, quantile, quantile_interval, wilson
from repair.evaluation.outcomes import ABSTAINED, KINDS, NO_CHANGE
from repair.evaluation.paired import comparisons, deciding_metrics
from repair.evaluation.regression import CHECKPOINT, Regression
from repair.evaluation.reports.funnel import Funnel, Stages, funnels, steps_of, total
from repair.evaluation.reports.html import render_page
from repair.evaluation.reports.plots import funnel_svg, loss_svg, scores_svg, shares_svg
from repair.evaluation.reports.sample_browser import embed
from repair.evaluation.scored import Scored, key_of
from repair.evaluation.scored import scored as scored_of
from repair.evaluation.summary import (
    METRICS,
    Row,
    answer_index,
    by_benchmark_and_system,
    first_answers,
    pass_at,
    scores_by,
    share_of,
    system_scores,
    verifier_precisions,
)
from repair.models.made_by import MADE_BY
from repair.store.reader import PartitionStore
from repair.training.export import METRICS as CURVE

# The reference system's figures, 0-shot, in per cent: LeetCode functional and AST, workspace AST or string.
PUBLISHED = (
    ("the 7B repair model", 89.44, 84.16, 74.55),
    ("GPT-4 Turbo", 89.16, 83.88, 72.23),
    ("Claude 3 Opus", 88.61, 85.00, 65.81),
    ("GPT-3.5 Turbo", 78.88, 73.33, 57.0),
    ("Claude 3 Haiku", 74.44, 69.44, 53.98),
    ("its base model", 66.94, 61.66, 41.31),
)
PUBLISHED_SAMPLES = (360, 360, 389)

SCRIPT = "sample_browser.js"
_GAP_METRICS = ("ast_or_string_match", "repaired")
_MEASURES = (("output_tokens", "output tokens", "%.0f"), ("seconds", "seconds", "%.2f"))


def render(
    store: PartitionStore,
    stages: Stages,
    date: str,
    dates: list[str],
    *,
    scored: Scored | None = None,
    regression: Regression | None = None,
) -> str:
    """The scorecard of the checkpoint of `date`, trained on data of `dates`, as HTML.

    `scored` is what is stored of the date; it is read where it is not given.
    """
    facts = _facts(store, stages, date, dates, scored or scored_of(store, date))
    return render_page("scorecard.html", script=SCRIPT, regression=regression, **facts)


def _facts(
    store: PartitionStore, stages: Stages, date: str, dates: list[str], scored: Scored
) -> Mapping[str, Any]:
    by_type = funnels(store, stages, dates)
    trained = {"date": date}
    version = store.manifest("checkpoint", trained)
    made_by = json.loads(store.read_bytes("checkpoint", trained, f"checkpoint/{MADE_BY}", manifest=version))
    curve = store.read_bytes("checkpoint", trained, f"checkpoint/{CURVE}", manifest=version).splitlines()
    reproduction = {
        funnel.diagnostic_type: Share(funnel.steps["reproduced"], funnel.steps["replayed"])
        for funnel in by_type
        if funnel.steps["replayed"]
    }
    return {
        "date": date,
        "dates": dates,
        "steps": steps_of(stages),
        "funnels": by_type,
        "total": total(by_type, stages),
        "rejected": _rejected(by_type, stages),
        "made_by": made_by,
        "result": made_by["result"],
        "published": [
            (name, [_published(value, n) for value, n in zip(values, PUBLISHED_SAMPLES, strict=True)])
            for name, *values in PUBLISHED
        ],
        "plots": {
            "funnel": funnel_svg(total(by_type, stages)),
            "reproduction": shares_svg(reproduction, "per cent of replayed diagnostics that are reproduced"),
            "loss": loss_svg([json.loads(line) for line in curve]),
        },
        **_score_facts(scored),
    }


def _score_facts(scored: Scored) -> dict[str, Any]:
    clean = scored.clean_rows()
    found = {row["benchmark"] for row in scored.rows}
    benchmarks = [name for name in ASSETS if name in found]
    reported = [row for row in clean if row["benchmark"] in REPORTED]
    return {
        "scored": scored,
        "kinds": KINDS,
        "apart": [NO_CHANGE, ABSTAINED],
        "benchmarks": [_benchmark(name, scored, clean) for name in benchmarks],
        "headlines": [
            headline
            for name in benchmarks
            if name in REPORTED and (headline := _headline(name, scored.rows, clean)) is not None
        ],
        "comparisons": comparisons(reported),
        "gaps": _gaps(clean),
        "speeds": _speeds(scored.rows),
        "leak_kinds": LEAK_KINDS,
        "leak_counts": Counter(leak["kind"] for leak in scored.leaks),
        "counts": scored.counts(),
        "embedded": embed(scored),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The checkpoint's first deciding metric on one benchmark."""

    benchmark: str
    metric: str
    clean: Share | None
    """Without contaminated samples; None: none is left."""
    all: Share


def _headline(benchmark: str, rows: Sequence[Row], clean: Sequence[Row]) -> Headline | None:
    def own(rows: Sequence[Row]) -> list[Row]:
        return [row for row in first_answers(rows) if (row["benchmark"], row["system"]) == wanted]

    wanted = benchmark, CHECKPOINT
    metric = deciding_metrics(row for row in rows if row["benchmark"] == benchmark)[0]
    whole = share_of(own(rows), metric)
    if whole is None:
        return None
    return Headline(benchmark=benchmark, metric=metric, clean=share_of(own(clean), metric), all=whole)


def _benchmark(name: str, scored: Scored, clean: Sequence[Row]) -> dict[str, Any]:
    rows = [row for row in scored.rows if row["benchmark"] == name]
    kept = [row for row in clean if row["benchmark"] == name]
    scores = system_scores(kept)
    metric = deciding_metrics(rows)[0]
    systems = {system: own for (_, system), own in by_benchmark_and_system(kept).items()}
    passes = {system: pass_at(own, metric) for system, own in systems.items() if any(map(answer_index, own))}
    everywhere = system_scores(rows)
    shown = [one for one in METRICS if any(score.metrics[one] for score in everywhere)]
    return {
        "name": name,
        "title": TITLES[name],
        "metric": metric,
        "clean": scores,
        "all": everywhere,
        "left_out": len({key_of(row) for row in rows} - {key_of(row) for row in kept}),
        "metrics": shown,
        "plot": scores_svg(scores, shown) if scores else "",
        "precisions": verifier_precisions(kept),
        "passes": {system: by_k for system, by_k in passes.items() if by_k},
        "ks": sorted({k for by_k in passes.values() for k in by_k}),
        "by_category": _sorted(scores_by(kept, lambda row: category(row["code"]))),
        "by_size": _by_size(kept, scored),
        "by_type": _sorted(scores_by(kept, lambda row: row["diagnostic_type"])),
    }


def _by_size(rows: Sequence[Row], scored: Scored) -> dict[str, Any]:
    buckets = {key: edit_bucket(sample) for key, sample in scored.samples.items()}
    groups = scores_by(rows, lambda row: buckets[key_of(row)])
    return dict(sorted(groups.items(), key=lambda item: int(item[0].rstrip("+").partition("-")[0])))


def _sorted(groups: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(groups.items()))


def _gaps(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each system's difference between the academic and the real benchmark, where it answered both."""
    scores = {(score.benchmark, score.system): score for score in system_scores(rows)}
    found: list[dict[str, Any]] = []
    for system in dict.fromkeys(system for _, system in scores):
        if (LEETCODE, system) not in scores or (WORKSPACE, system) not in scores:
            continue
        for metric in _GAP_METRICS:
            academic = scores[LEETCODE, system].metrics[metric]
            real = scores[WORKSPACE, system].metrics[metric]
            if academic and real:
                pair = (academic.successes, academic.samples), (real.successes, real.samples)
                found.append(
                    {
                        "system": system,
                        "metric": metric,
                        LEETCODE: academic,
                        WORKSPACE: real,
                        "difference": academic.value - real.value,
                        "interval": newcombe(*pair),
                    }
                )
    return found


def _speeds(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Median and 95th percentile of what is known of the answers, by system and benchmark."""
    found: list[dict[str, Any]] = []
    for (benchmark, system), own in by_benchmark_and_system(rows).items():
        for column, measure, form in _MEASURES:
            values = [row[column] for row in own if row.get(column) is not None]
            if values:
                found.append(
                    {
                        **{"benchmark": benchmark, "system": system, "measure": measure, "form": form},
                        "n": len(values),
                        "median": _measured(values, 0.5),
                        "p95": _measured(values, 0.95),
                    }
                )
    return found


def _measured(values: Sequence[float], q: float) -> dict[str, float | None]:
    low, high = quantile_interval(values, q)
    return {"value": quantile(values, q), "low": low, "high": high}


def _published(value: float, n: int) -> tuple[float, float, float]:
    low, high = wilson(value / 100 * n, n)
    return value, 100 * low, 100 * high


def _rejected(by_type: list[Funnel], stages: Stages) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    for funnel in by_type:
        for stage, reasons in funnel.rejects.items():
            for reason, rows in reasons.items():
                counts[stage, reason] += rows
    order = [stage.name for stage in stages]
    ranked = sorted(counts.items(), key=lambda item: (order.index(item[0][0]), -item[1]))
    return [{"stage": stage, "reason": reason, "rows": rows} for (stage, reason), rows in ranked]
