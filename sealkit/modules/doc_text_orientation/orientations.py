"""What a classifier of orientations tells apart: pages and text lines differ in this alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.data.labels.orientation import ANGLES
from sealkit.modules.doc_text_orientation.models import LABELS, MODULE
from sealkit.modules.doc_text_orientation.preprocess import resize


@dataclass(frozen=True)
class Orientations:
    """The classes of a module.

    Attributes:
        module: its name.
        angles: degrees clockwise that an image of class id 0, 1, … lies turned.
        labels: class names of inference.yml and `label.txt`, by id.
        thing: what an image shows, as messages call it.
        turned_by: the augmentation that turns an image and its label.
        fit: (image (H, W, 3) uint8, the recipe's `resize`) → the image at the network's size, uint8.
    """

    module: str
    angles: tuple[int, ...]
    labels: tuple[str, ...]
    thing: str
    turned_by: str
    fit: Callable[[np.ndarray, Any], np.ndarray]

    @property
    def things(self) -> str:
        """`pages`."""
        return f"{self.thing}s"

    def after(self, label: int, turns: int) -> int:
        """The class of an image of class `label` that is turned by the angle of class `turns` on top."""
        return self.angles.index((self.angles[label] + self.angles[turns]) % 360)


PAGES = Orientations(MODULE, ANGLES, LABELS, "page", "rot90", resize)
