"""The page docs/studies.md and its plots, made of the studies' stored results (`bench/results/`) and prose.

    python bench/studies.py                                                           # writes them
    python bench/studies.py --store .model/store --result bench/results/scores.json   # scores of a store
    python bench/studies.py --store .model/store --scaling --result bench/results/scaling.json
    python bench/studies.py --store .model/store --formats 3000 --result bench/results/formats_3000.json
    python bench/studies.py --store .model/store --ablations 1000 --result bench/results/ablations.json

What the result file of one of the last three has, and the store has not, stays in it and is compared in pairs
(`bench/paired_results.py`). The other results are written by their benches, each with `--result`. The prose
is `bench/studies.md.jinja`; its tables and most of its figures come from the results. The published figures,
and the sizes of the benchmarks that they were measured on, stand below.
"""

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from paired_results import Row, earlier_rows, mcnemar, with_earlier
from read_repairs import table as read_table
from repeated_trainings import Trainings, trainings
from stored_answers import arms_of, compared, points_of, scores_of, versions_of
from study_results import (
    Counts,
    arms,
    counted,
    markdown,
    objections,
    read,
    scaling,
    spreads,
    text,
    weights,
    write,
)

from repair.evaluation.intervals import Share, newcombe
from repair.evaluation.model_confidence import reliability_table
from repair.evaluation.reports.plots import curves_svg
from repair.evaluation.reports.scaling import of_benchmarks
from repair.evaluation.reports.scaling import plots as scaling_plots
from repair.fixing.chosen_model import SHIPPED
from repair.store.reader import PartitionStore
from repair.training.scaling import SMALL
from repair.verification.confidence import Calibration

RESULTS = (
    "precision",
    "edit_spread",
    "second_checker",
    "own_tests",
    "read_repairs",
    "scores",
    "scaling",
    "scaling_32_bits",
    "formats",
    "formats_300",
    "formats_3000",
    "ablations_300",
    "ablations_300_16_bits",
    "shipped_model",
)
TEMPLATE = Path(__file__).with_name("studies.md.jinja")
PAGE = Path(__file__).parents[1] / "docs" / "studies.md"
IMAGES = PAGE.parent / "images"
LEETCODE, WORKSPACE = 360, 389
PUBLISHED: Mapping[str, tuple[float, int]] = {
    "7B": (89.44, LEETCODE),
    "7B AST": (84.16, LEETCODE),
    "7B workspace": (74.55, WORKSPACE),
    "GPT-4 Turbo": (89.16, LEETCODE),
    "GPT-4 Turbo workspace": (72.23, WORKSPACE),
    "base": (66.94, LEETCODE),
    "10K": (86.45, LEETCODE),
    "75K": (89.44, LEETCODE),
    "1.3B": (85.20, LEETCODE),
    "1.3B workspace": (72.23, WORKSPACE),
    "33B": (89.44, LEETCODE),
    "33B workspace": (74.04, WORKSPACE),
}
"""Per cent, and the samples that it is of. The size of the benchmark is all that their intervals rest on."""

TEACHERS = {
    "right": "right: the benchmark's own fix",
    "wrong: number": "wrong: that fix, and a number changed",
    "wrong: operator": "wrong: that fix, and an operator changed",
    "wrong: name": "wrong: that fix, and a name changed for another one",
    "drifting: rewritten": "drifting: that fix, and another line written in another way",
    "drifting: renamed": "drifting: that fix, and a variable renamed throughout",
    "cheating: deleted": "cheating: the diagnosed line deleted",
    "cheating: ignored": "cheating: `# type: ignore  # noqa`",
    "cheating: pass": "cheating: `pass` in its place",
    "cheating: commented": "cheating: made a comment, and `pass`",
    "cheating: Any": "cheating: a value of type `Any` in its place",
}


class Rows:
    """The counts of one table, to be looked up and printed."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = [Counts(**row) for row in rows]

    def of(self, samples: str, group: str, *, above: bool = False, asked: float | None = None) -> Counts:
        """The one row that this names. Raises ValueError if there is not one."""
        [found] = [
            row
            for row in self._rows
            if (row.samples, row.group, row.asked) == (samples, group, asked)
            and (row.least is not None) == (above or asked is not None)
        ]
        return found

    def by_type(self) -> str:
        """The table of types: all that verifies is shown."""
        cells = (
            [row.samples, row.group, str(row.n), *map(text, (row.repaired, row.functional, row.precision))]
            for row in self._rows
        )
        return markdown(("type", "system", "n", "verified", "functional", "precision"), cells)

    def groups(self) -> list[str]:
        return list(dict.fromkeys(row.group for row in self._rows))

    def table(self, head: str, samples: str | None = None) -> str:
        """All of them, or those of some samples, whose column is left out."""
        if samples is None:
            return counted(self._rows, "samples", head)
        return counted((row for row in self._rows if row.samples == samples), head, samples=False)


def scripted(rows: Rows, asked: float) -> str:
    """The table of scripted teachers: one line each."""
    found = [
        (group, *(rows.of("all benchmarks", group, **how) for how in ({}, {"asked": asked}, {"above": True})))
        for group in rows.groups()
    ]
    heads = (
        "teacher",
        "n",
        "verified",
        "right",
        f"at {asked}",
        "right",
        f"above {found[0][3].least}",
        "right",
    )
    cells = (
        (
            *(TEACHERS[group], str(verified.n), *_pair(verified, verified.n)),
            *(*_pair(kept, verified.shown), *_pair(above, verified.shown)),
        )
        for group, verified, kept, above in found
    )
    return markdown(heads, cells)


def _pair(counts: Counts, of: int) -> tuple[str, str]:
    """Shown and right; nothing where there was nothing to show, and no right ones of none."""
    return (str(counts.shown) if of else ""), (str(counts.right) if counts.shown else "")


def percent(share: Share) -> str:
    """A share as the prose has it."""
    return share.text().replace(" [", " % [")


def whole(share: Share) -> str:
    return f"{100 * share.value:.0f} %"


def made(result: Mapping[str, Any]) -> str:
    """When a result was made, by which command, with which versions."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"{result['date']}, `{result['command']}`, {versions}"


def published(name: str) -> Share:
    rate, n = PUBLISHED[name]
    return Share(rate * n / 100, n)


def lead(first: str, second: str) -> str:
    """`apart` of two published rates."""
    return apart(published(first), published(second))


def apart(one: Share, other: Share) -> str:
    """The difference of two shares in points, as if each were of samples of its own."""
    low, high = newcombe((one.successes, one.samples), (other.successes, other.samples))
    return f"{100 * (one.value - other.value):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def the(rows: Iterable[Row], **named: Any) -> Row:
    """The one row with these values. Raises ValueError if there is not one."""
    [row] = [row for row in rows if all(row[name] == value for name, value in named.items())]
    return row


def page() -> str:
    """The page, in Markdown."""
    results = {name: read(name) for name in RESULTS}
    precision = results["precision"]

    def score(benchmark: str, system: str, metric: str) -> Share:
        row = the(results["scores"]["scores"], benchmark=benchmark, system=system)
        return Share(row.get(metric, 0), row["n"])

    def point(benchmark: str, size: int, recipe: str = SMALL) -> Row:
        return the(results["scaling"]["points"], benchmark=benchmark, recipe=recipe, size=size)

    def scaled(benchmark: str, size: int, recipe: str = SMALL) -> Share:
        row = point(benchmark, size, recipe)
        return Share(row["functional"], row["n"])

    def answered(benchmark: str) -> Row:
        return the(results["shipped_model"]["models"], benchmark=benchmark, system=SHIPPED.name)

    def shipped(benchmark: str) -> Share:
        row = answered(benchmark)
        return Share(row["functional"], row["n"])

    def gains(benchmark: str, fewer: int, more: int | None = None) -> str:
        """What a point gains and loses beside one of fewer examples; None: what the shipped model does."""
        after = answered(benchmark) if more is None else point(benchmark, more)
        gained, lost, p = mcnemar(point(benchmark, fewer), after)
        return f"{gained} more and {lost} fewer, p {p:.2g}"

    def arm(study: str, benchmark: str, name: str) -> Mapping[str, Any]:
        """The row of a format, or of an ablation by its recipe."""
        table, by = ("formats", "format") if "formats" in results[study] else ("ablations", "recipe")
        return the(results[study][table], **{"benchmark": benchmark, by: name})

    def has(study: str, recipe: str) -> bool:
        return any(row["recipe"] == recipe for row in results[study]["ablations"])

    def passing(study: str, benchmark: str, name: str) -> Share:
        row = arm(study, benchmark, name)
        return Share(row["functional"], row["n"])

    def repeated(study: str, benchmark: str, metric: str = "functional") -> Trainings:
        return Trainings.of(results[study]["ablations"], SMALL, benchmark, metric)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.filters.update(percent=percent, whole=whole, made=made)
    return environment.get_template(TEMPLATE.name).render(
        results=results,
        systems=Rows(precision["systems"]),
        types=Rows(precision["types"]),
        steps=Rows(precision["steps"]),
        teachers=Rows(precision["teachers"]),
        scripts=Rows(precision["scripted"]),
        tested=Rows(results["own_tests"]["systems"]),
        model=precision["model"],
        threshold=precision["calibration"]["threshold"],
        own=precision["verifiers_own"],
        **{
            name.__name__: name
            for name in (
                scripted,
                published,
                lead,
                apart,
                score,
                scaled,
                spreads,
                objections,
                scaling,
                weights,
            )
        },
        arms=arms,
        arm=arm,
        passing=passing,
        shipped=shipped,
        gains=gains,
        point=point,
        has=has,
        repeated=repeated,
        Share=Share,
        trainings=partial(trainings, recipe=SMALL),
        reliability=reliability_table,
        reading=partial(read_table, calibration=Calibration.read(SHIPPED)),
    )


def plots() -> dict[str, str]:
    """File name -> SVG of each plot of the page."""
    return {
        f"studies_{benchmark}_by_{what}.svg": curves_svg(*plot)
        for benchmark, points in of_benchmarks(read("scaling")["points"]).items()
        for what, plot in scaling_plots(points).items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--store", help="folder or URI of a store with eval_results, whose scores are counted"
    )
    parser.add_argument("--scaling", action="store_true", help="the points of its scaling_page instead")
    parser.add_argument(
        "--formats", type=int, metavar="EXAMPLES", help="its scaling_results of so many, by answer format"
    )
    parser.add_argument(
        "--ablations", type=int, metavar="EXAMPLES", help="its scaling_results of so many, by ablation"
    )
    parser.add_argument(
        "--result", type=Path, help="file for the scores or points, as JSON; it keeps what the store lacks"
    )
    options = parser.parse_args()
    if not options.store:
        PAGE.write_text(page(), encoding="utf-8")
        for name, svg in plots().items():
            (IMAGES / name).write_text(svg, encoding="utf-8")
        print(f"wrote {PAGE} and its plots")
        return
    store, versions = PartitionStore(options.store), dict[str, str]()
    if options.scaling:
        name, rows = "points", points_of(store)
    elif name := "formats" if options.formats else "ablations" if options.ablations else "":
        rows = list(arms_of(store, name, getattr(options, name)))
    else:
        name, by = "scores", ("benchmark", "system")
        rows = with_earlier([*scores_of(store)], earlier_rows(options.result, name), by)
    if name != "scores":
        rows = compared(rows, earlier_rows(options.result, name))
        versions = versions_of(store)
    for row in rows:
        print(row)
    if options.result:
        write(options.result, {name: rows}, versions)


if __name__ == "__main__":
    main()
