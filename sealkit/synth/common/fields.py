"""Random fields, drawn once per process and cut at random: noise of several scales made anew costs more than a seal."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 1024
_SIGMAS = (0.6, 1.2, 2.5, 6.0, 20.0, 60.0)


class FieldPool:
    """Stationary noise of several grain sizes, values evenly spread over 0..1; wraps around at its edges."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0xF1E1D])
        self._fields = []
        for sigma in _SIGMAS:
            white = rng.standard_normal((SIDE, SIDE), dtype=np.float32)
            reach = int(3 * sigma) + 1
            wide = cv2.copyMakeBorder(white, reach, reach, reach, reach, cv2.BORDER_WRAP)
            field = cv2.GaussianBlur(wide, (0, 0), sigma)[reach:-reach, reach:-reach]
            # Through the normal distribution function (logistic approximation) values spread evenly.
            self._fields.append(1 / (1 + np.exp(-1.702 * field / field.std())))

    def cut(self, rng: np.random.Generator, height: int, width: int, grain: float) -> np.ndarray:
        """(height, width) float32 in 0..1 with structures of about `grain` pixels (Gaussian sigma)."""
        level = int(np.argmin([abs(np.log(grain / sigma)) for sigma in _SIGMAS]))
        zoom = grain / _SIGMAS[level]
        need_h, need_w = int(np.ceil(height / zoom)) + 2, int(np.ceil(width / zoom)) + 2
        if need_h > SIDE or need_w > SIDE or abs(zoom - 1) < 0.15:
            need_h, need_w, zoom = height, width, 1.0
        y, x = rng.integers(0, SIDE, 2)
        field = self._fields[level]
        if y + need_h <= SIDE and x + need_w <= SIDE:
            part = field[y : y + need_h, x : x + need_w]
        else:
            part = field.take(np.arange(y, y + need_h), 0, mode="wrap").take(np.arange(x, x + need_w), 1, mode="wrap")
        if zoom != 1.0:
            part = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        flip = int(rng.integers(4))
        return part[:: -1 if flip & 1 else 1, :: -1 if flip & 2 else 1]
