"""Result files of the studies: counts as JSON, with date, command and versions; and tables in Markdown.

The benches of `bench/studies.py`'s page write them by `--result`; it is no program of its own.
"""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from repair.evaluation.intervals import Share

FOLDER = Path(__file__).with_name("results")
COUNTS = ("n", "verified", "shown", "right", "precision", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of some samples: those with a verified answer, those of which one is shown, and shown right ones."""

    samples: str
    group: str
    """A system, a step or a teacher."""
    least: float | None = None
    """The threshold that the shown ones have."""
    asked: float | None = None
    """The precision that was asked for, whose threshold that is."""
    n: int
    verified: int
    shown: int
    right: int

    @property
    def precision(self) -> Share | None:
        return Share.of(self.right, self.shown)

    @property
    def coverage(self) -> Share | None:
        return Share.of(self.shown, self.verified)

    @property
    def functional(self) -> Share | None:
        """Of all samples."""
        return Share.of(self.right, self.n)

    @property
    def repaired(self) -> Share | None:
        """Of all samples those with a verified answer."""
        return Share.of(self.verified, self.n)

    @property
    def title(self) -> str:
        if self.asked is not None:
            return f"precision {self.asked} asked for"
        return self.group if self.least is None else f"above {self.least}"

    def cells(self) -> list[str]:
        counts = (self.n, self.verified, self.shown, self.right)
        return [self.title, *map(str, counts), text(self.precision), text(self.coverage)]


def text(share: Share | None) -> str:
    return share.text() if share else "-"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in line) for line in (heads, *rows)]
    return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]])


def counted(rows: Iterable[Counts], *group: str, samples: bool = True) -> str:
    """The table of counts; `group`: the heads of its first columns."""
    cells = [[*([row.samples] if samples else []), *row.cells()] for row in rows]
    return markdown([*group, *COUNTS], cells)


def spreads(rows: Iterable[Mapping[str, Any]]) -> str:
    """The table of `bench/edit_spread.py`."""
    heads = ("system", "type", "n", "kinds: system, users", "entropy: system, users", "difference [95 %]")
    return markdown([*heads, "commonest: system, users", "same kind"], map(_spread, rows))


def _spread(row: Mapping[str, Any]) -> tuple[str, ...]:
    (one, other), (low, high) = row["entropy"], row["interval"]
    return (
        row["system"],
        row["type"],
        str(row["samples"]),
        f"{row['distinct'][0]}, {row['distinct'][1]}",
        f"{one:.2f}, {other:.2f}",
        f"{one - other:+.2f} [{low:+.2f}, {high:+.2f}]",
        f"{row['commonest'][0]:.0%}, {row['commonest'][1]:.0%}",
        f"{row['same'] / row['samples']:.0%}",
    )


def objections(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of `bench/second_checker.py`: what each objection meets, and what the first leaves."""
    names = list(rows[0]["objections"])
    cells = (
        (
            *(row["samples"], row["system"], str(row["shown"]), text(Share.of(row["right"], row["shown"]))),
            *(f"{right}, {wrong}" for right, wrong in row["objections"].values()),
            text(Share.of(row["right"] - right, row["shown"] - right - wrong)),
        )
        for row in rows
        for right, wrong in [row["objections"][names[0]]]
    )
    return markdown(
        ["samples", "system", "shown", "precision", *names, f"precision without {names[0]}"], cells
    )


def scaling(points: Iterable[Mapping[str, Any]]) -> str:
    """The table of `scaling_page`, each size compared with the one before."""
    heads = ("benchmark", "model", "examples", "trained on", "tokens read", "n", "functional", "verified")
    more = ("AST match", "gained, lost", "p", "p, Holm")
    return markdown([*heads, *more], map(_point, points))


def _point(point: Mapping[str, Any]) -> tuple[str, ...]:
    compared = ("-",) * 3
    if point["p"] is not None:
        compared = (f"{point['gained']}, {point['lost']}", f"{point['p']:.2g}", f"{point['p_adjusted']:.2g}")
    return (
        *(point["benchmark"], f"{point['recipe']}{', pretrained' if point['pretrained'] else ''}"),
        *(f"{point[name]:,}" for name in ("size", "examples", "tokens", "n")),
        *(text(Share(point[name], point["n"])) for name in ("functional", "repaired", "ast_match")),
        *compared,
    )


def weights(points: Iterable[Mapping[str, Any]], size: int) -> str:
    """The table of the models from scratch after so many examples, by their weights."""
    heads = ("benchmark", "weights", "loss", "n", "malformed", "wrong line", "verified", "functional")
    chosen = [point for point in points if point["size"] == size and not point["pretrained"]]
    chosen.sort(key=lambda point: (point["benchmark"], point["parameters"]))
    return markdown(heads, map(_from_scratch, chosen))


def _from_scratch(point: Mapping[str, Any]) -> tuple[str, ...]:
    shares = ("malformed", "wrong line", "repaired", "functional")
    return (
        *(point["benchmark"], f"{point['parameters'] / 1e6:.0f} M", f"{point['loss']:.2f}", str(point["n"])),
        *(text(Share(point[name], point["n"])) for name in shares),
    )


def arms(rows: Iterable[Mapping[str, Any]], by: str) -> str:
    """The table of formats or ablations after training, each compared with what it differs from; `by`: the
    column that names them."""
    heads = ("benchmark", by, "trained on", "tokens read", "n", "functional", "verified")
    more = ("malformed", "wrong line", "unchanged", "output tokens", "gained, lost", "p")
    return markdown([*heads, *more], (_arm(row, by) for row in rows))


def _arm(row: Mapping[str, Any], by: str) -> tuple[str, ...]:
    compared = ("-", "-")
    if row["gained"] or row["lost"]:
        compared = (f"{row['gained']}, {row['lost']}", f"{row['p']:.2g}")
    shares = ("functional", "repaired", "malformed", "wrong line", "unchanged")
    return (
        *(row["benchmark"], f"`{row[by]}`"),
        *(f"{row[name]:,}" for name in ("examples", "tokens", "n")),
        *(text(Share(row[name], row["n"])) for name in shares),
        f"{row['output_tokens'] / row['n']:.1f}",
        *compared,
    )


def write(path: Path, result: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Write a study's figures, with the day, the command and the versions that made them."""
    words = [word.rpartition("/")[2] if word.startswith("/") else word for word in sys.argv[1:]]
    made = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *words]),
        "versions": {"python": sys.version.split()[0], **versions},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**made, **result}, indent=1) + "\n", encoding="utf-8")


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The figures of a study."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
