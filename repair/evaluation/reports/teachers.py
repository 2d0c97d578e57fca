"""Comparison of teachers over all types of a date: one self-contained HTML page.

Tested by `tests/eval_assets/test_teachers.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from repair.evaluation.reports.html import render_page
from repair.evaluation.reports.plots import shares_svg
from repair.evaluation.teachers import figures


def render(date: str, by_type: Mapping[str, tuple[Sequence[Mapping[str, Any]], Mapping[str, int]]]) -> str:
    """Render the page; `by_type`: type -> rows of `TEACHER_RESULTS` and the servers' checks by system."""
    rows = [row for of_type, _ in by_type.values() for row in of_type]
    checks: dict[str, int] = {}
    for _, counted in by_type.values():
        for system, count in counted.items():
            checks[system] = checks.get(system, 0) + count
    systems = figures(rows, checks)
    types = {name: figures(found, counted) for name, (found, counted) in sorted(by_type.items()) if found}
    return render_page(
        "teachers.html",
        date=date,
        systems=systems,
        types=types,
        models=[figure for figure in systems if figure.output_tokens is not None],
        diagnostics=max((figure.rows for figure in systems), default=0),
        plots={
            "verified": shares_svg(
                {figure.system: figure.verified for figure in systems},
                "per cent of diagnostics with a verified diff",
            )
        },
    )
