"""The page that compares teachers: one self-contained HTML file over all types of a date."""

from collections.abc import Mapping, Sequence
from typing import Any

from repair.evaluation.reports.html import render_page
from repair.evaluation.reports.plots import shares_svg
from repair.evaluation.teachers import figures


def render(date: str, by_type: Mapping[str, tuple[Sequence[Mapping[str, Any]], Mapping[str, int]]]) -> str:
    """The page; `by_type`: diagnostic type -> rows of `TEACHER_RESULTS` and the servers' checks by system."""
    rows = [row for held, _ in by_type.values() for row in held]
    checks: dict[str, int] = {}
    for _, counted in by_type.values():
        for system, count in counted.items():
            checks[system] = checks.get(system, 0) + count
    systems = figures(rows, checks)
    types = {name: figures(held, counted) for name, (held, counted) in sorted(by_type.items()) if held}
    return render_page(
        "teachers.html",
        date=date,
        systems=systems,
        types=types,
        models=[each for each in systems if each.output_tokens is not None],
        diagnostics=max((each.rows for each in systems), default=0),
        plots={
            "verified": shares_svg(
                {each.system: each.verified for each in systems},
                "per cent of diagnostics with a verified diff",
            )
        },
    )
