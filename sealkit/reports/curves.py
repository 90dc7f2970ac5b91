"""Curves of a run as SVG, drawn by matplotlib from metrics.jsonl."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
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
    series: Mapping[str, Sequence[tuple[float, float]]], *, x_label: str, title: str, log_y: bool = False
) -> str:
    """An SVG element with one line per series of (x, y) points; series without points are left out."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8.6, 2.6), layout="constrained")
        axes = figure.add_subplot()
        for name, points in series.items():
            if points:
                axes.plot(*zip(*points), label=name, linewidth=1.2, marker="." if len(points) < 40 else None)
        axes.set_xlabel(x_label)
        axes.set_title(title, loc="left")
        if log_y:
            axes.set_yscale("log")
        if axes.lines:
            axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside the lines
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
