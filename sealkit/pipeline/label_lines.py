"""The pipeline's own lines at the places of labels: strips cut as a recogniser will meet them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sealkit.data.directions import Found
from sealkit.data.records import DetSample
from sealkit.geometry.lines import LinePoly
from sealkit.modules.seal_text_detection.metric import match
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline


def detected_lines(
    pipeline: SealRecognitionPipeline,
    samples: Sequence[DetSample],
    directions: Sequence[Mapping[int, Found]],
    progress: Callable[[int], object] | None = None,
) -> list[dict[int, Found]]:
    """The detected line of every label that the pipeline finds (IoU above 0.5), running the way the label runs.

    Args:
        pipeline: finds the lines.
        samples: labelled images.
        directions: how their texts run, of `find_directions`.
        progress: called with 1 after each image.

    Returns:
        As `directions`, with the lines of the texts that were found; the others are left out.
    """
    every = []
    for sample, known in zip(samples, directions):
        lines: list[LinePoly] = []
        if known:
            for result in pipeline.predict(str(sample.image_path)):
                lines += [one.line for seal in getattr(result, "parts", ()) for one in seal.read]
        every.append(_matched(known, lines))
        if progress is not None:
            progress(1)
    return every


def _matched(known: Mapping[int, Found], lines: Sequence[LinePoly]) -> dict[int, Found]:
    indices = list(known)
    labels = [known[index].line.points for index in indices]
    pairs = match(labels, [False] * len(labels), [line.points for line in lines], None, [True] * len(labels)).pairs
    return {
        indices[g]: replace(known[indices[g]], line=_as_labelled(lines[p], known[indices[g]].line)) for g, p, _ in pairs
    }


def _as_labelled(line: LinePoly, label: LinePoly) -> LinePoly:
    """The detected line in the orientation of the label."""
    lying = line.as_line() if line.direction == "vertical" else line
    options = [lying, lying.turned()]
    if lying.direction == "line":
        options += [lying.quarter_turned(), lying.quarter_turned().turned()]
        if label.direction == "vertical":
            options = [one.as_column() for one in options]
    ends = np.stack([label.points[0], label.points[-1]])
    return min(options, key=lambda one: float(np.hypot(*(np.stack([one.points[0], one.points[-1]]) - ends).T).sum()))


__all__ = ["detected_lines"]
