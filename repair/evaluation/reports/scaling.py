"""Scaling study as a self-contained HTML page: two plots and a table for each benchmark.

Tested by `tests/eval_assets/test_scaling.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from repair.evaluation.benchmark import TITLES
from repair.evaluation.reports.html import render_page
from repair.evaluation.reports.plots import Curve, curves_png, curves_svg
from repair.evaluation.scaling import share

Point = Mapping[str, Any]
"""A row of `SCALING_POINTS`."""

BY_DATA = "training examples"
NONE = "0: the base, asked with instructions and a worked example"
BY_PARAMETERS = "parameters"


def by_data(points: Sequence[Point]) -> list[Curve]:
    """One curve for each model, over the numbers of training examples."""
    curves: dict[str, Curve] = {}
    for point in points:
        name = f"{point['recipe']}{', pretrained' if point['pretrained'] else ''}"
        curve = curves.setdefault(name, Curve(name, [], apart=point["pretrained"]))
        curve.points.append((point["size"], share(point, "functional")))
    return list(curves.values())


def by_parameters(points: Sequence[Point]) -> list[Curve]:
    """One curve for each number of training examples, over models from scratch; none has a pretrained one."""
    curves: dict[str, Curve] = {}
    for point in sorted(points, key=lambda point: (point["size"], point["parameters"] or 0)):
        if point["size"]:
            model = f"{point['recipe']}, pretrained" if point["pretrained"] else "from scratch"
            name = f"{model}, {point['size']:,}"
            curve = curves.setdefault(name, Curve(name, [], apart=point["pretrained"]))
            curve.points.append((point["parameters"], share(point, "functional")))
    return list(curves.values())


def of_benchmarks(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Benchmark -> its points."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point["benchmark"], []).append(point)
    return found


def plots(points: Sequence[Point]) -> dict[str, tuple[list[Curve], str]]:
    """`data` and, with models of several sizes, `parameters` -> the curves, and what they are over."""
    over = BY_DATA if all(point["size"] for point in points) else f"{BY_DATA} ({NONE})"
    found = {"data": (by_data(points), over)}
    if len({point["parameters"] for point in points if point["size"]}) > 1:
        found["parameters"] = by_parameters(points), BY_PARAMETERS
    return found


def pictures(points: Sequence[Point]) -> dict[str, bytes]:
    """What is shown -> the plot as PNG."""
    return {
        f"{benchmark}, by {what}": curves_png(*plot)
        for benchmark, own in of_benchmarks(points).items()
        for what, plot in plots(own).items()
    }


def render(points: Sequence[Point]) -> str:
    """Render the page of rows of `SCALING_POINTS`."""
    return render_page(
        "scaling.html",
        titles=TITLES,
        share=share,
        benchmarks={
            benchmark: {
                "points": own,
                "plots": {what: curves_svg(*plot) for what, plot in plots(own).items()},
            }
            for benchmark, own in of_benchmarks(points).items()
        },
    )
