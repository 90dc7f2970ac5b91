"""What the toolkit knows about a named model. Each module's models.py is a literal table of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelSpec:
    """A named model.

    Attributes:
        name: the official name (PaddleX's).
        module: PaddleX's module name.
        build: makes the training network (a paddle.nn.Layer); imports paddle only when called. Keyword arguments
            depend on the module; all accept `form`: "official" (state_dict equals the published checkpoint's) or
            "fused".
        params: trainable values of the official form.
        size_mb: published size of the inference model, None where none is published.
        figure: published main figure, e.g. {"name": "Hmean", "value": 98.21, "source": …}; None where none is
            published.
        recipes: recipes that train it, as file names of `recipes/`.
        weights: weights tags that have it: `official`, `sealkit`, or a wheel's.
        about: one line for lists.
    """

    name: str
    module: str
    build: Callable[..., Any]
    params: int
    size_mb: float | None = None
    figure: Mapping[str, Any] | None = None
    recipes: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    about: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)
