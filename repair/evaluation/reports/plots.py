"""Matplotlib plots as SVG text or PNG bytes, without a display.

Tested by `tests/eval_assets/test_eval_results.py`, `tests/eval_assets/test_model_calibration.py` and
`tests/resources/test_day_overview.py`.
"""

import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.evaluation.intervals import Share
from repair.evaluation.summary import SystemScore
from repair.extras import extra

INK, ACCENT, MUTED = "#1f2933", "#2f6f9f", "#9fb3c8"
PALETTE = {"model": ACCENT, "base": "#805ad5", "history": "#7b9e6b", "rules": "#b7791f", "empty": MUTED}
OTHERS = ("#c05621", "#319795", "#97266d", "#4a5568")
"""Colours of further systems, in their order."""


def _figure(width: float, height: float) -> tuple[Any, Any]:
    with extra("pipeline"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    # A fixed salt and no date: equal figures give equal text.
    with mpl.rc_context({"svg.hashsalt": "repair", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def loss_curve(records: Sequence[Mapping[str, Any]]) -> bytes:
    """PNG of the training and validation loss by batch, from a training's metrics."""
    return _png(_loss_figure(records))


def loss_svg(records: Sequence[Mapping[str, Any]]) -> str:
    """`loss_curve` as SVG."""
    return _svg(_loss_figure(records))


def _loss_figure(records: Sequence[Mapping[str, Any]]) -> Any:
    figure, axes = _figure(6.4, 3.0)
    training = [record for record in records if "loss" in record]
    held_out = [record for record in records if "validation_loss" in record]
    axes.plot(
        [record["batch"] for record in training],
        [record["loss"] for record in training],
        color=ACCENT,
        linewidth=1.2,
        label="training",
    )
    if held_out:
        axes.plot(
            [record["batch"] for record in held_out],
            [record["validation_loss"] for record in held_out],
            color="#c05621",
            marker="o",
            markersize=4,
            label="validation",
        )
    axes.set_xlabel("batch")
    axes.set_ylabel("loss (nats per response token)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    return figure


def funnel_svg(steps: Mapping[str, int]) -> str:
    """Rows left after each step, on a logarithmic scale."""
    return _svg(_funnel_figure(steps))


def funnel_png(steps: Mapping[str, int]) -> bytes:
    """`funnel_svg` as PNG."""
    return _png(_funnel_figure(steps))


def _funnel_figure(steps: Mapping[str, int]) -> Any:
    figure, axes = _figure(6.4, 0.34 * len(steps) + 0.6)
    names = list(steps)
    counts = [steps[name] for name in names]
    bars = axes.barh(names, [max(count, 0.8) for count in counts], color=ACCENT, height=0.7)
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=4, fontsize=9, color=INK)
    axes.set_xscale("log")
    axes.set_xlim(0.8, max([*counts, 1]) * 4)
    axes.invert_yaxis()
    axes.set_xlabel("diagnostics (logarithmic)")
    return figure


def type_mix_png(days: Mapping[str, Mapping[str, int]], most: int = 8) -> bytes:
    """Share of each diagnostic type by date, as stacked bars; beyond the `most` commonest they share one."""
    totals: Counter[str] = Counter()
    for counts in days.values():
        totals.update(counts)
    shown = [name for name, _ in totals.most_common(most)]
    figure, axes = _figure(6.4, 3.2)
    below = [0.0] * len(days)
    colours = (ACCENT, *OTHERS, "#7b9e6b", "#b7791f", "#805ad5", MUTED)
    for index, name in enumerate([*shown, None]):
        heights: list[float] = []
        for counts in days.values():
            rest = sum(rows for other, rows in counts.items() if other not in shown)
            rows = rest if name is None else counts.get(name, 0)
            heights.append(100 * rows / max(1, sum(counts.values())))
        if any(heights):
            axes.bar(range(len(days)), heights, 0.85, below, color=colours[index], label=name or "the others")
            below = [low + height for low, height in zip(below, heights, strict=True)]
    step = max(1, len(days) // 6)
    axes.set_xticks(range(0, len(days), step), list(days)[::step])
    axes.set_ylim(0, 100)
    axes.set_ylabel("per cent of examples")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _png(figure)


def shares_svg(shares: Mapping[str, Share], label: str) -> str:
    """Shares by name, each with its 95 % interval."""
    figure, axes = _figure(6.4, 0.3 * max(1, len(shares)) + 0.8)
    for y, (name, share) in enumerate(shares.items()):
        low, high = share.interval
        axes.plot([100 * low, 100 * high], [y, y], color=MUTED, linewidth=4, solid_capstyle="round")
        axes.plot(100 * share.value, y, "o", color=ACCENT, markersize=6)
        axes.annotate(
            f"{share.successes}/{share.samples}", (101, y), va="center", fontsize=8, annotation_clip=False
        )
        axes.text(-2, y, name, ha="right", va="center", fontsize=9, color=INK)
    axes.set_yticks([])
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.7, max(1, len(shares)) - 0.3)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    return _svg(figure)


@dataclass(frozen=True, slots=True)
class Curve:
    """Shares over a size of at least 0; `apart`: shown as another thing than the curves beside it."""

    name: str
    points: list[tuple[int, Share]]
    apart: bool = False


def curves_svg(curves: Sequence[Curve], label: str) -> str:
    """Shares over a size on a logarithmic axis, with 95 % intervals; `label` says what the size is."""
    return _svg(_curves_figure(curves, label))


def curves_png(curves: Sequence[Curve], label: str) -> bytes:
    """`curves_svg` as PNG."""
    return _png(_curves_figure(curves, label))


def _curves_figure(curves: Sequence[Curve], label: str) -> Any:
    figure, axes = _figure(6.4, 3.4)
    sizes = sorted({size for curve in curves for size, _ in curve.points})
    above_0 = [size for size in sizes if size]
    # linear below a third of the smallest size, so that 0 has a place
    axes.set_xscale("symlog", linthresh=max(1, min(above_0, default=3) // 3))
    for curve, colour in zip(curves, _colours(len(curves)), strict=True):
        style = "--" if curve.apart else "-"
        xs, shares = [size for size, _ in curve.points], [share for _, share in curve.points]
        for x, share in curve.points:
            low, high = share.interval
            axes.plot([x, x], [100 * low, 100 * high], color=colour, linewidth=1)
        axes.plot(
            xs,
            [100 * share.value for share in shares],
            style,
            color=colour,
            linewidth=1.2,
            marker="D" if curve.apart else "o",
            markerfacecolor="none" if curve.apart else colour,
            markersize=5,
            label=curve.name,
        )
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30, ha="right")
    axes.minorticks_off()
    highest = max((share.interval[1] for curve in curves for _, share in curve.points), default=1.0)
    axes.set_ylim(0, 20 * math.ceil(5 * highest))
    axes.set_xlabel(label)
    axes.set_ylabel("per cent that pass the tests")
    if curves:
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0))
    return figure


def reliability_png(ranges: Sequence[Mapping[str, float]], threshold: float) -> bytes:
    """Reliability diagram: the share of right repairs over their mean confidence, with 95 % intervals.

    `ranges` as `repair.evaluation.model_confidence.reliability` gives them; on the diagonal confidence is
    what it says, and right of the line at `threshold` a repair is shown.
    """
    figure, axes = _figure(4.4, 3.8)
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1)
    axes.axvline(100 * threshold, color=OTHERS[0], linewidth=1, linestyle="--", label="shown from here on")
    for row in ranges:
        share, x = Share(int(row["right"]), int(row["repairs"])), 100 * row["mean"]
        low, high = share.interval
        axes.plot([x, x], [100 * low, 100 * high], color=ACCENT, linewidth=1)
        axes.plot(x, 100 * share.value, "o", color=ACCENT, markersize=5)
        axes.annotate(
            f"{share.samples}", (x, 100 * share.value), (4, -10), textcoords="offset points", fontsize=8
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel("confidence, per cent")
    axes.set_ylabel("per cent that pass the tests")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return _png(figure)


def _colours(count: int) -> list[str]:
    known = (ACCENT, *OTHERS, *list(PALETTE.values())[1:])
    return [known[index % len(known)] for index in range(count)]


def scores_svg(scores: Sequence[SystemScore], metrics: Sequence[str]) -> str:
    """Metrics of each system side by side, with 95 % intervals."""
    figure, axes = _figure(6.4, 3.2)
    width = 0.8 / max(1, len(scores))
    for index, score in enumerate(scores):
        for column, metric in enumerate(metrics):
            share = score.metrics[metric]
            if share is None:
                continue
            low, high = share.interval
            x = column + (index - (len(scores) - 1) / 2) * width
            axes.bar(
                x,
                100 * share.value,
                width * 0.9,
                color=PALETTE.get(score.system, OTHERS[index % len(OTHERS)]),
                label=score.system if column == 0 else None,
            )
            axes.plot([x, x], [100 * low, 100 * high], color=INK, linewidth=1)
    axes.set_xticks(range(len(metrics)), [metric.replace("_", " ") for metric in metrics])
    axes.set_ylim(0, 100)
    axes.set_ylabel("per cent of samples")
    axes.legend(frameon=False, fontsize=9, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return _svg(figure)
