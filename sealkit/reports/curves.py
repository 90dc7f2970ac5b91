"""Curves of a run as SVG, drawn by matplotlib from metrics.jsonl."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# SVG text stays text (searchable, small); ids are fixed so that equal runs give equal files
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "sealkit", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """Records of a metrics.jsonl; a last line cut by a killed run is left out."""
    records = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def line_chart(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    x_label: str,
    title: str,
    log_y: bool = False,
    rates: bool = False,
) -> str:
    """An SVG element with one line per series of (x, y) points; series without points are left out.

    Args:
        series: points by name, which the legend has.
        x_label, title: of the axis and of the chart.
        log_y: a logarithmic scale.
        rates: both axes are shares, from 0 to 1 whatever the points are.
    """
    with _figure(8.6, 2.6) as figure:
        axes = figure.add_subplot()
        for name, points in series.items():
            if points:
                axes.plot(*zip(*points), label=name, linewidth=1.2, marker="." if len(points) < 40 else None)
        axes.set_xlabel(x_label)
        axes.set_title(title, loc="left")
        if log_y:
            axes.set_yscale("log")
        if rates:
            axes.set(xlim=(0, 1.02), ylim=(0, 1.05))
        if len(axes.lines) > 1:
            axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside the lines
        return _svg(figure)


def scatter_chart(
    series: Mapping[str, Mapping[str, tuple[float, float]]], *, x_label: str, y_label: str, title: str = ""
) -> str:
    """An SVG element with a point per name of each series; x is logarithmic, and the names are numbered.

    Args:
        series: series → name → (x, y), x > 0. A name is the same thing in every series and has one number.
    """
    names = list(dict.fromkeys(name for points in series.values() for name in points))
    numbers = {name: number for number, name in enumerate(names, 1)}
    from matplotlib.ticker import LogFormatter

    with _figure(8.6, max(3.4, 0.8 + 0.16 * len(names))) as figure:
        axes = figure.add_subplot()
        for (label, points), (marker, filled) in zip(series.items(), _MARKERS):
            if not points:
                continue
            x, y = zip(*points.values())
            drawn = axes.scatter(x, y, s=26, marker=marker, label=label)
            colour = drawn.get_facecolor()
            if not filled:
                drawn.set_facecolor("none")
                drawn.set_edgecolor(colour)
            for name, place in points.items():
                axes.annotate(
                    str(numbers[name]), place, xytext=(4, 3), textcoords="offset points", fontsize=7, color=colour[0]
                )
        axes.set_xscale("log")
        for formatted in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            formatted(LogFormatter(minor_thresholds=(2, 1)))  # plain numbers; in between where there is room
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if y_label == "%":  # around a single point the axis would go on beyond what there is
            axes.set_ylim(top=min(axes.get_ylim()[1], 101.0))
        axes.set_title(title, loc="left")
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(_MARKERS))
        listed = "\n".join(f"{number} {name}" for name, number in numbers.items())
        axes.text(1.02, 1.0, listed, transform=axes.transAxes, fontsize=7, va="top", linespacing=1.4)
        return _svg(figure)


def bar_chart(series: Mapping[str, Mapping[str, float]], *, x_label: str, title: str = "") -> str:
    """An SVG element with horizontal bars: a group per label, in it a bar per series that has it, with its value."""
    labels = list(dict.fromkeys(label for bars in series.values() for label in bars))
    height = 0.8 / max(len(series), 1)
    with _figure(8.6, 0.9 + 0.24 * len(labels) * max(len(series), 1)) as figure:
        axes = figure.add_subplot()
        for number, (name, bars) in enumerate(series.items()):
            places = [labels.index(label) + number * height for label in bars]
            drawn = axes.barh(places, list(bars.values()), height=0.9 * height, label=name)
            axes.bar_label(drawn, fmt="%.2f", padding=3, fontsize=7)
        axes.set_yticks([place + 0.4 - height / 2 for place in range(len(labels))], labels, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(x_label)
        axes.set_title(title, loc="left")
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4)
        return _svg(figure)


_MARKERS = (("o", False), ("s", False), ("D", True))
"""Shape of a series' points, and whether they are filled."""


@contextmanager
def _figure(width: float, height: float) -> Iterator[Any]:
    """A figure of so many inches, in the house's style."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue().replace("stroke: #000000", "stroke: currentColor")  # axes: readable on dark pages, too
    return text[text.index("<svg") :]
