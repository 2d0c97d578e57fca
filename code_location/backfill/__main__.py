"""The scheduled backfill from a terminal: `python -m code_location.backfill --dry-run`.

Prints the plan: each run, why, and what it takes by the measured cost of a row; then what is left out, and
why.
Without `--dry-run` it also submits the plan; the daemon (`make dev`) starts its runs.

Tested by `tests/code_location/backfill/test_job.py`.
"""

import argparse
import sys
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from code_location.backfill.job import Backfill, submit, unfinished
from code_location.backfill.page import markdown
from code_location.backfill.sources import Sources, plan_of
from code_location.definitions import SETTINGS, defs
from code_location.partition_runs import open_instance


def main() -> None:
    """Print the plan, and submit it unless it is a dry run."""
    given = _arguments()
    config = Backfill.of(SETTINGS).model_copy(
        update={name: value for name, value in vars(given).items() if value is not None}
    )
    resources: dict[str, Any] = dict(defs.resources or {})
    sources = Sources.of(
        resources["store"].store(),
        resources["recordings"].recording(),
        resources["language_servers"],
        resources["language_model"],
        look_back=config.look_back,
    )
    with open_instance() as instance:
        plan = plan_of(sources, instance, config.budget(), code_changes=config.code_changes)
        page = markdown(plan)
        console = Console()
        console.print(Markdown(page) if console.is_terminal else page, markup=False, soft_wrap=True)
        if config.dry_run or not plan.runs:
            return
        if others := unfinished(instance):
            sys.exit(f"Nothing is started: {', '.join(others)} is still at work.")
        backfill = submit(plan, sources, instance)
        print(f"Submitted the backfill {backfill}; the daemon starts its runs.")  # noqa: T201


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m code_location.backfill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--dry-run", action="store_true", help="print the plan and start nothing")
    arguments.add_argument("--look-back", type=int, help="date partitions, the latest ones")
    arguments.add_argument("--hours", type=float, help="hours of work that the runs may take")
    arguments.add_argument("--usd", type=float, help="USD for answers of a language model")
    arguments.add_argument(
        "--code-changes",
        action="store_true",
        default=None,
        help="approve of what only this project's own code made stale",
    )
    return arguments.parse_args()


if __name__ == "__main__":
    main()
