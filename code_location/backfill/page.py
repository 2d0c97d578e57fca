"""The plan of a backfill as a Markdown table.

Tested by `tests/code_location/backfill/test_job.py`.
"""

from collections.abc import Iterator

from code_location.backfill.costs import Cost
from code_location.backfill.plan import Plan, PlannedRun

MOST_CAUSES = 2


def markdown(plan: Plan) -> str:
    """The runs in their order with their causes and estimates, their sum, and what is left out and why."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield "| run | because | seconds | USD |"
    yield "|---|---|---:|---:|"
    for run in plan.runs:
        yield _row(run, _causes(run))
    yield f"| {len(plan.runs)} runs | | {_figures(plan.cost)} |"
    if not plan.left_out:
        return
    yield ""
    yield "| left out | because | seconds | USD | why |"
    yield "|---|---|---:|---:|---|"
    for left_out in plan.left_out:
        yield f"{_row(left_out.run, _causes(left_out.run))} {left_out.reason} |"


def _row(run: PlannedRun, causes: str) -> str:
    name = str(run).replace("|", "\\|")
    return f"| {name} | {causes} | {_figures(run.cost)} |"


def _causes(run: PlannedRun) -> str:
    more = len(run.causes) - MOST_CAUSES
    shown = "; ".join(run.causes[:MOST_CAUSES]) + (f"; {more} more" if more > 0 else "")
    return shown.replace("|", "\\|")


def _figures(cost: Cost) -> str:
    at_least = "" if cost.measured else "at least "
    return f"{at_least}{cost.seconds:.1f} | {cost.usd:.2f}"
