"""A recipe's `augment` list as one callable, refused on creation where its steps cannot keep what the module needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sealkit.data.transforms.copy_paste import copy_paste
from sealkit.data.transforms.crops import east_crop, fit, random_crop, window_crop
from sealkit.data.transforms.geometric import flip, perspective, rotate, scale
from sealkit.data.transforms.photometric import photometric
from sealkit.data.transforms.resized_crop import random_resized_crop
from sealkit.data.transforms.scene import Scene
from sealkit.data.transforms.seal_crop import seal_crop
from sealkit.errors import ConfigError

OUTLINES = "outlines"  # polygons of any number of points stay valid
LINE_POLY = "line_poly"  # the order of points stays: top of the characters first
FIELDS = "fields"  # up direction and seal area can be drawn afterwards
READING = "reading"  # the characters can still be read

_OPERATIONS: dict[str, tuple[Callable[..., None], frozenset[str]]] = {
    "flip": (flip, frozenset({OUTLINES, LINE_POLY, FIELDS})),
    "rotate": (rotate, frozenset({OUTLINES, LINE_POLY, FIELDS, READING})),
    "scale": (scale, frozenset({OUTLINES, LINE_POLY, FIELDS, READING})),
    "perspective": (perspective, frozenset({OUTLINES, LINE_POLY, FIELDS, READING})),
    "east_crop": (east_crop, frozenset({OUTLINES, LINE_POLY, FIELDS})),
    "random_crop": (random_crop, frozenset({OUTLINES, LINE_POLY, FIELDS})),
    "window_crop": (window_crop, frozenset({OUTLINES, LINE_POLY, FIELDS})),
    "seal_crop": (seal_crop, frozenset({OUTLINES, LINE_POLY, FIELDS})),
    "fit": (fit, frozenset({OUTLINES, LINE_POLY, FIELDS, READING})),
    "copy_paste": (copy_paste, frozenset({OUTLINES, LINE_POLY, READING})),
    "photometric": (photometric, frozenset({OUTLINES, LINE_POLY, FIELDS, READING})),
    "random_resized_crop": (random_resized_crop, frozenset({READING})),
}
_SIZED = frozenset({"east_crop", "random_crop", "window_crop", "seal_crop", "fit", "random_resized_crop"})
_OF_TWO = frozenset({"copy_paste", "seal_crop"})  # they get a second scene
_RESIZING = frozenset({"rotate", "scale", "perspective"})


class AugmentChain:
    """Steps in the recipe's order. Call it with a scene and the sample's own rng; the scene is changed and rendered."""

    def __init__(self, steps: Sequence[Any], needs: frozenset[str], side_multiple: int | None = 32) -> None:
        """Args:
            steps: settings objects with `op`, optional `p`, and the operation's own keys.
            needs: what has to survive (OUTLINES, LINE_POLY, FIELDS, READING).
            side_multiple: the output has one fixed size whose sides are multiples of this; None: sizes may differ.

        Raises:
            ConfigError: a step cannot keep what is needed, or the output size is open or wrong.
        """
        problems = []
        self.size: tuple[int, int] | None = None
        for i, step in enumerate(steps):
            lost = needs - _OPERATIONS[step.op][1]
            if lost:
                problems.append(f"augment.{i} ({step.op}) cannot keep {', '.join(sorted(lost))}")
            if step.op in _SIZED:
                self.size = tuple(step.size)
            elif step.op in _RESIZING:
                self.size = None
        if side_multiple is not None:
            if self.size is None:
                fitting = sorted(op for op in _SIZED if needs <= _OPERATIONS[op][1])
                problems.append(f"the last step that changes the size must be one of {', '.join(fitting)}")
            elif any(side % side_multiple for side in self.size):
                problems.append(f"the output size {list(self.size)} is not a multiple of {side_multiple}")
        if problems:
            raise ConfigError(
                "the augmentations cannot be used: " + "; ".join(problems),
                where="augment",
                hint="remove or reorder the steps named; each step's docstring says what it keeps",
            )
        self._steps = list(steps)

    def __call__(
        self, scene: Scene, rng: np.random.Generator, other: Callable[[np.random.Generator], Scene | None] | None = None
    ) -> Scene:
        """Apply all steps; `other` draws a second scene for the steps that want one."""
        for step in self._steps:
            if rng.random() >= getattr(step, "p", 1.0):
                continue
            values = {key: getattr(step, key) for key in type(step).model_fields if key not in ("op", "p")}
            operation = _OPERATIONS[step.op][0]
            if step.op in _OF_TWO:
                values["other"] = other(rng) if other is not None else None
            operation(scene, rng, **values)
        scene.render()
        return scene


__all__ = ["FIELDS", "LINE_POLY", "OUTLINES", "READING", "AugmentChain"]
