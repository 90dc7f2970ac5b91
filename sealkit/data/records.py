"""Records of datasets (samples, text lines, boxes), each with its provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(slots=True)
class TextLine:
    """One labelled text of an image.

    Attributes:
        points: (N, 2) float32 pixels x, y, clockwise on screen. Where `direction` is set they are a line_poly: an even
            number of points, along the top of the characters from the text's start, back along their bottom edge.
        text: transcription; "" where unknown.
        ignore: neither trained on nor scored ("*" and "###" in label files).
        shape: a name of `sealkit.data.shapes`, or None where the label does not say.
        angle: degrees clockwise from upright of the seal's own up direction, or None.
        direction: one of `sealkit.geometry.directions`, or None where the point order means nothing.
        seal: index of the seal in the image the line belongs to, or None.
        key_cls: PPOCRLabel's class of a text in key information extraction, or None; kept, and not used.
    """

    points: np.ndarray
    text: str = ""
    ignore: bool = False
    shape: str | None = None
    angle: float | None = None
    direction: str | None = None
    seal: int | None = None
    key_cls: str | None = None


@dataclass(slots=True)
class DetSample:
    """One image with its text lines; `where` is "labels.txt:17" for messages."""

    image_path: Path
    lines: list[TextLine] = field(default_factory=list)
    where: str = ""

    def __str__(self) -> str:
        """The image's path, for messages."""
        return str(self.image_path)


@dataclass(slots=True)
class RecSample:
    """One strip with its text.

    Attributes:
        image_path: the image.
        text: what is written on it, never empty.
        where: "train.txt:17" for messages.
        shape, angle, direction: of the seal and the line it was cut from, as in `TextLine`; None where unknown.
    """

    image_path: Path
    text: str
    where: str = ""
    shape: str | None = None
    angle: float | None = None
    direction: str | None = None


@dataclass(slots=True)
class LayoutBox:
    """One labelled region of a page.

    Attributes:
        box: (4,) float32 x1, y1, x2, y2 in pixels.
        label: name of its class.
        crowd: a group of things in one box: not trained on, and never a wrong detection.
        where: "instance_train.json annotation 17" for messages.
    """

    box: np.ndarray
    label: str
    crowd: bool = False
    where: str = ""


@dataclass(slots=True)
class LayoutSample:
    """One page with its boxes; `size` is (width, height) as the label file says it, None where it does not."""

    image_path: Path
    boxes: list[LayoutBox] = field(default_factory=list)
    where: str = ""
    size: tuple[int, int] | None = None
