"""Scorecard of one checkpoint: one self-contained HTML page.

Tested by `tests/eval_assets/test_eval_results.py`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from repair.evaluation.benchmark import LEETCODE, WORKSPACE
from repair.evaluation.reports.funnel import Funnel, Stages, funnels, steps_of, total
from repair.evaluation.reports.html import render_page
from repair.evaluation.reports.plots import funnel_svg, loss_svg, scores_svg, shares_svg
from repair.evaluation.summary import METRICS, Share, score_rows, system_scores
from repair.store.reader import PartitionStore
from repair.training.export import MADE_BY
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


def render(store: PartitionStore, stages: Stages, date: str, dates: list[str]) -> str:
    """The scorecard of the checkpoint of `date`, trained on data of `dates`, as HTML."""
    return render_page("scorecard.html", **_facts(store, stages, date, dates))


def _facts(store: PartitionStore, stages: Stages, date: str, dates: list[str]) -> Mapping[str, Any]:
    by_type = funnels(store, stages, dates)
    rows = score_rows(store, date)
    overall = system_scores(row for of_type in rows.values() for row in of_type)
    trained = {"date": date}
    version = store.manifest("checkpoint", trained)
    made_by = json.loads(store.read_bytes("checkpoint", trained, f"checkpoint/{MADE_BY}", manifest=version))
    curve = store.read_bytes("checkpoint", trained, f"checkpoint/{CURVE}", manifest=version).splitlines()
    reproduction = {
        funnel.diagnostic_type: Share(funnel.steps["reproduced"], funnel.steps["replayed"])
        for funnel in by_type
        if funnel.steps["replayed"]
    }
    benchmarks = {
        name: [score for score in overall if score.benchmark == name] for name in (WORKSPACE, LEETCODE)
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
        "benchmarks": benchmarks,
        "metrics": METRICS,
        "type_scores": {name: system_scores(of_type) for name, of_type in sorted(rows.items()) if of_type},
        "published": PUBLISHED,
        "plots": {
            "funnel": funnel_svg(total(by_type, stages)),
            "reproduction": shares_svg(reproduction, "per cent of replayed diagnostics that are reproduced"),
            "loss": loss_svg([json.loads(line) for line in curve]),
            "scores": {
                name: scores_svg(systems, [metric for metric in METRICS if systems[0].metrics[metric]])
                for name, systems in benchmarks.items()
                if systems
            },
        },
    }


def _rejected(by_type: list[Funnel], stages: Stages) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    for funnel in by_type:
        for stage, reasons in funnel.rejects.items():
            for reason, rows in reasons.items():
                counts[stage, reason] += rows
    order = [stage.name for stage in stages]
    ranked = sorted(counts.items(), key=lambda item: (order.index(item[0][0]), -item[1]))
    return [{"stage": stage, "reason": reason, "rows": rows} for (stage, reason), rows in ranked]
