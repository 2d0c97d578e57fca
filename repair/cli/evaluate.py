"""`repair evaluate`: anybody's predictions on a released benchmark.

Tested by `tests/repair/evaluation/release/test_evaluate.py`.
"""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from repair.evaluation.release.loader import Release
    from repair.evaluation.scoring import Functional


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("predictions", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The scores, as JSON Lines.")
def evaluate(folder: Path, predictions: Path, out: Path | None) -> None:
    """Score predictions on a released benchmark, with 95 % intervals; nothing but this package is needed.

    FOLDER is a release, as `repair release` writes it. A line of PREDICTIONS is

    \b
      {"sample_id": "...", "answer": "<diff>\\n-3 old text\\n+3 new text\\n</diff>"}

    with "answer_index" 0, 1, ... where a model answers several times. A null or empty answer abstains. A
    sample without a line is counted as missing, and is wrong. Tests of samples run in the sandbox
    (bubblewrap), or not at all.

    \b
    Example:
      repair evaluate workspace-benchmark predictions.jsonl --out scores.jsonl
    """
    from repair.evaluation.release.evaluation import evaluate
    from repair.evaluation.release.loader import load_release
    from repair.evaluation.release.predictions import read_predictions
    from repair.evaluation.release.results import results_text
    from repair.language_servers import LanguageServers
    from repair.store.atomic import whole_file

    release = load_release(folder)
    answers = read_predictions(predictions, {sample["sample_id"] for sample in release.samples})
    tests = _tests(release)
    with ExitStack() as stack:
        pending = stack.enter_context(whole_file(out)) if out else None
        file = stack.enter_context(pending.open("w", encoding="utf-8")) if pending else None
        servers = stack.enter_context(LanguageServers(os.cpu_count() or 1))
        _say_other_servers(release, servers.versions)
        rows = list(evaluate(release, answers, servers, *tests))
        if file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    click.echo(f"{release.manifest.benchmark} {release.manifest.version}")
    click.echo(results_text(rows), nl=False)


def _tests(release: "Release") -> "tuple[Functional, ...]":
    """What runs the tests of the samples; nothing if there are none, or no sandbox to run them in."""
    from repair import sandbox
    from repair.errors import ConfigurationError
    from repair.evaluation.leetcode.functional import judged, judged_strictly

    if all(sample["tests"] is None for sample in release.samples):
        return ()
    try:
        sandbox.require()
    except ConfigurationError as error:
        click.echo(f"no test is run, whether the answers work is unknown: {error}", err=True)
        return ()
    return judged, judged_strictly


def _say_other_servers(release: "Release", here: Any) -> None:
    for name, version in sorted(release.manifest.servers.items()):
        if here.get(name) != version:
            click.echo(
                f"{name} is {here.get(name)} here, and {version} proved the release: scores may differ",
                err=True,
            )
