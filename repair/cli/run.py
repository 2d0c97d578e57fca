"""`repair run`: any stage on any Parquet file of its input, without Dagster."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repair.errors import ConfigurationError
from repair.messages import shown

if TYPE_CHECKING:
    from repair.pipeline import Settings, StageSpec

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("stage")
@click.argument("rows", type=FILE)
@click.option("--out", required=True, type=FILE, help="The Parquet file of the rows that go on.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the stage.")
def run(stage: str, rows: Path, out: Path, settings: tuple[str, ...]) -> None:
    """Run a stage on the rows of a Parquet file; what it rejects goes to OUT with .rejects before its suffix.

    `repair export` writes such a file from a store.

    \b
    Example:
      repair run verified_diffs rows.parquet --out verified.parquet
      repair run synthesized_diffs rows.parquet --out diffs.parquet --set teacher=rules
    """
    from repair.cli.parquet_files import read_rows, written_whole
    from repair.language_servers import LanguageServers
    from repair.schema.outcomes import REASON, REJECTS, ROWS, split_outcomes

    spec = _spec(stage)
    chosen = _settings(spec, settings)
    batches = read_rows(rows, spec.input, f"rows that {stage} can read", spec.reads)
    rejected: Counter[str] = Counter()
    kept_rows = 0
    with ExitStack() as stack:
        servers = stack.enter_context(LanguageServers(os.cpu_count() or 1)) if spec.needs_servers else None
        data = stack.enter_context(written_whole(out, spec.output))
        rejects_file = out.with_name(f"{out.stem}.rejects{out.suffix}")
        rejects_data = stack.enter_context(written_whole(rejects_file, REJECTS))
        for outcome in spec.run(batches, servers, **chosen):
            kept, rejects = split_outcomes(outcome)
            data.write_batch(kept)
            rejects_data.write_batch(rejects)
            kept_rows += kept.num_rows
            for reason, count in zip(rejects[REASON].to_pylist(), rejects[ROWS].to_pylist(), strict=True):
                rejected[reason] += count
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejected.most_common())
    total = rejected.total()
    shown = f" ({reasons})" if reasons else ""
    click.echo(f"{kept_rows + total} rows, {kept_rows} kept, {total} rejected{shown}", err=True)


def _spec(name: str) -> "StageSpec":
    from repair.pipeline import BY_NAME

    if name not in BY_NAME:
        raise ConfigurationError(f"there is no stage {shown(name)}: expected one of {', '.join(BY_NAME)}")
    return BY_NAME[name]


def _settings(spec: "StageSpec", given: Iterable[str]) -> Mapping[str, Any]:
    known = spec.settings
    chosen: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in known:
            raise ConfigurationError(f"{spec.name} has no setting {shown(name)}: {_shown(known)}")
        try:
            chosen[name] = known[name].annotation(value)
        except ValueError as error:
            kind = known[name].annotation.__name__
            raise ConfigurationError(f"{name} is {shown(value)}: expected a value of type {kind}") from error
    return chosen


def _shown(known: "Settings") -> str:
    shown = ", ".join(f"{name}={parameter.default}" for name, parameter in known.items())
    return f"it has {shown}" if shown else "it has none"
