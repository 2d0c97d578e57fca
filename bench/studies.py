"""The page docs/studies.md, made of the studies' stored results (`bench/results/`) and its prose.

    python bench/studies.py > docs/studies.md
    python bench/studies.py --store .model/store --result bench/results/scores.json   # scores of a store
    python bench/studies.py --store .model/store --scaling --result bench/results/scaling.json
    python bench/studies.py --store .model/store --formats 1000 --result bench/results/formats.json
    python bench/studies.py --store .model/store --ablations 1000 --result bench/results/ablations.json

What the result file of one of the last three has, and the store has not, stays in it and is compared in pairs
(`bench/paired_results.py`). The other results are written by their benches, each with `--result`. The prose
is `bench/studies.md.jinja`; its tables and most of its figures come from the results. The published figures,
and the sizes of the benchmarks that they were measured on, stand below.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from paired_results import Row, compare, earlier_rows, made_of, mcnemar, outcomes, with_earlier
from read_repairs import table as read_table
from repeated_trainings import Trainings, trainings
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
    write,
)

from repair.evaluation.intervals import Share, newcombe
from repair.evaluation.model_confidence import reliability_table
from repair.evaluation.outcomes import NO_CHANGE
from repair.fixing.chosen_model import SHIPPED
from repair.prompt.answer_formats import LINE_DIFF
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.training.scaling import SCALED, SMALL, Scaled
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
    "ablations_300",
    "ablations_300_16_bits",
    "shipped_model",
)
TEMPLATE = Path(__file__).with_name("studies.md.jinja")
PAGE = Path(__file__).parents[1] / "docs" / "studies.md"
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


def scores_of(store: PartitionStore) -> Iterator[dict[str, Any]]:
    """Of each benchmark and system that a store has scored: samples, and how many first answers are what."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for partition in store.partitions("eval_results"):
        for row in store.table("eval_results", partition).to_pylist():
            if not row["answer_index"]:
                counts = found.setdefault((row["benchmark"], row["system"]), Counter())
                counts["n"] += 1
                counts.update(
                    name for name in ("functional", "ast_match", "ast_or_string_match") if row[name]
                )
    for (benchmark, system), counts in sorted(found.items()):
        yield {"benchmark": benchmark, "system": system, **counts}


def points_of(store: PartitionStore) -> list[dict[str, Any]]:
    """The points of a store's `scaling_page`, each with the outcomes of its samples."""
    points = store.table("scaling_page", {}).to_pylist()
    for point in points:
        partition = {"recipe": point["recipe"], "size": str(point["size"])}
        rows = store.table("scaling_results", partition).to_pylist()
        own = [row for row in rows if row["benchmark"] == point["benchmark"]]
        point.update({**made_of(_manifest(store, partition)), **unreadable(own), **outcomes(own)})
    return points


def _versions(store: PartitionStore) -> dict[str, str]:
    """Those that trained the last of the stored models."""
    if not (stored := store.partitions("scaling_results")):
        raise SystemExit("there are no scaling_results in the store; materialize some (docs/training.md)")
    return dict(_manifest(store, stored[-1]).versions)


def _manifest(store: PartitionStore, partition: Mapping[str, str]) -> Manifest:
    if (found := store.manifest("scaling_results", partition)) is None:
        raise SystemExit(f"{partition} was taken away meanwhile; make the page again")
    return found


UNREADABLE = {
    "malformed": {"no_diff", "malformed", "not_rising"},
    "wrong line": {"wrong_line", "content_mismatch", "outside_excerpt"},
}
"""What the studies of formats and ablations count -> the outcomes of such answers."""


TAUGHT = ("asked", "kept", "as_the_user", "rejects", "calibration")
"""What is known of a round of rejection sampling."""

ARMS: Mapping[str, Callable[[Scaled], bool]] = {
    "formats": lambda scaled: scaled.answer_format != LINE_DIFF,
    "ablations": lambda scaled: scaled.answer_format == LINE_DIFF,
}


def arms_of(store: PartitionStore, study: str, size: int) -> Iterator[dict[str, Any]]:
    """A study's `scaling_results` of a number of examples, and those that they are compared with."""
    chosen = {name for name in SCALED if SCALED[name].beside and ARMS[study](SCALED[name])}
    chosen |= {SCALED[name].beside for name in chosen}
    for partition in store.partitions("scaling_results"):
        if partition["recipe"] not in chosen or int(partition["size"]) != size:
            continue
        rows = store.table("scaling_results", partition).to_pylist()
        manifest = _manifest(store, partition)
        training = manifest.extra["training"] or {}
        taught = {name: training[name] for name in TAUGHT if name in training}
        for row in counted_by_benchmark(rows, partition["recipe"]):
            yield {**row, **made_of(manifest), **taught}


def unreadable(rows: Sequence[Row]) -> dict[str, int]:
    """How many of the scored answers are no diff of the file."""
    found = Counter(row["outcome"] for row in rows)
    return {name: sum(found[each] for each in those) for name, those in UNREADABLE.items()}


def counted_by_benchmark(rows: Sequence[Row], recipe: str) -> Iterator[dict[str, Any]]:
    """Counts of the scored answers of one model, for each benchmark."""
    for benchmark in sorted({row["benchmark"] for row in rows}):
        own = [row for row in rows if row["benchmark"] == benchmark]
        yield {
            **{"benchmark": benchmark, "format": SCALED[recipe].answer_format, "n": len(own)},
            **{name: own[0][name] for name in ("recipe", "size", "examples", "tokens")},
            **{name: sum(bool(row[name]) for row in own) for name in ("functional", "repaired")},
            **unreadable(own),
            "unchanged": sum(row["outcome"] == NO_CHANGE for row in own),
            "output_tokens": sum(row["output_tokens"] or 0 for row in own),
            **dict.fromkeys(("gained", "lost", "p")),
            **outcomes(own),
        }


def compared(rows: Sequence[Row], earlier: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of both results, each compared with the one that it stands beside, or with its size before."""
    found = with_earlier(rows, earlier)

    def other(row: Row) -> Row | None:
        beside = SCALED[row["recipe"]].beside
        others = [
            each
            for each in found
            if (each["benchmark"], each["recipe"]) == (row["benchmark"], beside or row["recipe"])
            and (each["size"] == row["size"] if beside else each["size"] < row["size"])
        ]
        return max(others, key=lambda each: each["size"], default=None)

    compare(found, other)
    return found


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
        print(page(), end="")
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
        versions = _versions(store)
    for row in rows:
        print(row)
    if options.result:
        write(options.result, {name: rows}, versions)


if __name__ == "__main__":
    main()
