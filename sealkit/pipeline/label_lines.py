"""The pipeline's own lines at the places of labels: strips cut as a recogniser will meet them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sealkit.data.directions import Found, packed_line, unpacked_line
from sealkit.data.records import DetSample
from sealkit.errors import EngineError
from sealkit.geometry.lines import LinePoly
from sealkit.modules.seal_text_detection.metric import match
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.workers.journal import Journal, resumed
from sealkit.workers.pool import Workers


def detected_lines(
    make: Callable[[], SealRecognitionPipeline],
    samples: Sequence[DetSample],
    directions: Sequence[Mapping[int, Found]],
    progress: Callable[[int], object] | None = None,
    *,
    workers: Workers | None = None,
    journal: Journal | None = None,
    name: str = "lines",
) -> list[dict[int, Found]]:
    """The detected line of every label that the pipeline finds (IoU above 0.5), running the way the label runs.

    Args:
        make: makes the pipeline that finds the lines, in each worker; picklable.
        samples: labelled images.
        directions: how their texts run, of `find_directions`.
        progress: called with 1 after each image.
        workers: who detects; None: this process.
        journal: what an earlier run found, under `name`.

    Returns:
        As `directions`, with the lines of the texts that were found; the others are left out.
    """
    jobs = [_Labelled(sample, known) for sample, known in zip(samples, directions)]
    every = []
    results = resumed(
        None, jobs, workers or Workers(1), journal or Journal(None, {}), name,
        make=partial(_make_finder, make), lost=_lost,
    )  # fmt: skip
    for job, found in zip(jobs, results):
        every.append({index: replace(job.known[index], line=unpacked_line(line)) for index, line in found})
        if progress is not None:
            progress(1)
    return every


@dataclass(frozen=True)
class _Labelled:
    """An image and how its texts run."""

    sample: DetSample
    known: Mapping[int, Found]

    def __str__(self) -> str:
        return str(self.sample)


def _make_finder(
    make: Callable[[], SealRecognitionPipeline], number: int
) -> tuple[Callable[[_Labelled], list[Any]], None]:
    return partial(_find, make()), None


def _find(pipeline: SealRecognitionPipeline, job: _Labelled) -> list[Any]:
    """[index of the text, its line as JSON holds it] of the texts that are found."""
    lines: list[LinePoly] = []
    if job.known:
        for result in pipeline.predict(str(job.sample.image_path)):
            lines += [one.line for seal in getattr(result, "parts", ()) for one in seal.read]
    return [[index, packed_line(found.line)] for index, found in _matched(job.known, lines).items()]


def _lost(job: _Labelled, error: EngineError) -> list[Any]:
    return []


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
