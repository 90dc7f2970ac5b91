"""Crops and the fit to the network's input size.

Supports, all: outlines of any number of points (cut at the border, leftovers too small to read become ignored),
line_polys and fields (a cut line keeps its whole line_poly for them).
"""

from __future__ import annotations

import numpy as np

from sealkit.data.transforms.scene import Border, Scene


def fit(scene: Scene, rng: np.random.Generator, size: tuple[int, int], border: Border = "white") -> None:
    """Scale the image to just fit `size` (height, width) and pad; the place on the canvas is drawn."""
    height, width = scene.size
    factor = min(size[0] / height, size[1] / width)
    inner = (max(round(height * factor), 1), max(round(width * factor), 1))
    offset = (int(rng.integers(size[1] - inner[1] + 1)), int(rng.integers(size[0] - inner[0] + 1)))
    scene.crop((0, 0, width, height), factor, size, offset, border)


def window_crop(
    scene: Scene,
    rng: np.random.Generator,
    size: tuple[int, int],
    background: float = 0.1,
    border: Border = "white",
) -> None:
    """A window of `size` at the present scale around a drawn point of a text; anywhere in `background` of cases.

    The point lies at least a tenth of the window inside it where the image is large enough. A side smaller than
    the window is padded, the image's place on it drawn.
    """
    inner = (min(scene.size[0], size[0]), min(scene.size[1], size[1]))
    counted = [part.outline for part in scene.parts if not part.ignore]
    last = np.array([scene.size[1] - inner[1], scene.size[0] - inner[0]], float)  # largest corner x, y
    low, high = np.zeros(2), last
    if counted and rng.random() >= background:
        outline = counted[int(rng.integers(len(counted)))]
        point = outline[int(rng.integers(len(outline)))]
        reach = np.array([inner[1], inner[0]])
        low, high = np.clip(point - 0.9 * reach, low, high), np.clip(point - 0.1 * reach, low, high)
    x, y = np.minimum(np.floor(rng.uniform(low, high + 1)), last).astype(int).tolist()
    offset = (int(rng.integers(size[1] - inner[1] + 1)), int(rng.integers(size[0] - inner[0] + 1)))
    scene.crop((x, y, x + inner[1], y + inner[0]), 1.0, size, offset, border)


def random_crop(scene: Scene, rng: np.random.Generator, size: tuple[int, int], max_tries: int = 50) -> None:
    """PP-OCRv6's crop: sides drawn between a tenth of the image's and three times the target's; never enlarged.

    The crop is laid at a drawn place on a black canvas. Unlike the reference, a text cut by the border keeps as many
    points as it needs, and a leftover too small to learn from is ignored instead of becoming background.
    """
    height, width = scene.size
    boxes = [
        np.concatenate([part.outline.min(axis=0), part.outline.max(axis=0)]) for part in scene.parts if not part.ignore
    ]
    window = (0, 0, width, height)
    for _ in range(max_tries):
        w = _draw_side(width, size[1], rng)
        h = _draw_side(height, size[0], rng)
        x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        if not boxes or any(b[2] > x and b[0] < x + w and b[3] > y and b[1] < y + h for b in boxes):
            window = (x, y, x + w, y + h)
            break
    h, w = window[3] - window[1], window[2] - window[0]
    factor = min(1.0, size[0] / h, size[1] / w)
    inner = (max(round(h * factor), 1), max(round(w * factor), 1))
    offset = (int(rng.integers(size[1] - inner[1] + 1)), int(rng.integers(size[0] - inner[0] + 1)))
    scene.crop(window, factor, size, offset, "constant")


def _draw_side(side: int, target: int, rng: np.random.Generator) -> int:
    low = max(int(min(0.1 * side, target)), 1)
    return int(rng.integers(low, max(min(side, 3 * target), low) + 1))


def east_crop(
    scene: Scene, rng: np.random.Generator, size: tuple[int, int], max_tries: int = 50, min_side_ratio: float = 0.1
) -> None:
    """A crop whose borders cross no text that counts, scaled to fit `size`, padded black on the right and below.

    The random crop of EAST (Zhou et al., CVPR 2017) as the published seal detectors were trained with it.
    """
    height, width = scene.size
    counted = [part.outline for part in scene.parts if not part.ignore]
    window = (0, 0, width, height)
    columns = _free(counted, 0, width)
    rows = _free(counted, 1, height)
    if counted and columns and rows:
        for _ in range(max_tries):
            x0, x1 = _two_picks(columns, rng)
            y0, y1 = _two_picks(rows, rng)
            if x1 - x0 < min_side_ratio * width or y1 - y0 < min_side_ratio * height:
                continue
            lows = np.array([outline.min(axis=0) for outline in counted])
            highs = np.array([outline.max(axis=0) for outline in counted])
            if ((highs >= (x0, y0)) & (lows <= (x1, y1))).all(axis=1).any():
                window = (x0, y0, x1, y1)
                break
    factor = min(size[0] / (window[3] - window[1]), size[1] / (window[2] - window[0]))
    scene.crop(window, factor, size, (0, 0), "constant")


def _free(outlines: list[np.ndarray], axis: int, length: int) -> list[np.ndarray]:
    """Runs of rows or columns (0 … length - 1) that no outline's box covers."""
    covered = np.zeros(length, bool)
    for outline in outlines:
        low, high = int(outline[:, axis].min()), int(outline[:, axis].max())
        covered[max(low, 0) : max(high, 0)] = True
    free = np.nonzero(~covered)[0]
    return np.split(free, np.nonzero(np.diff(free) > 1)[0] + 1) if len(free) else []


def _two_picks(runs: list[np.ndarray], rng: np.random.Generator) -> tuple[int, int]:
    """Two places, from two different runs where there are several; the smaller first."""
    if len(runs) > 1:
        first, second = rng.choice(len(runs), 2, replace=False)
    else:
        first = second = 0
    a, b = int(rng.choice(runs[first])), int(rng.choice(runs[second]))
    return min(a, b), max(a, b)


__all__ = ["east_crop", "fit", "random_crop", "window_crop"]
