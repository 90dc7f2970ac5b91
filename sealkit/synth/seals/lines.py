"""Plain printed lines: what a recogniser must not forget while it learns seals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sealkit.errors import DataError
from sealkit.files import write_text
from sealkit.images import write_image
from sealkit.synth.common import texts
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import PRINT, FontBook
from sealkit.synth.common.paper import choose_look, make_paper, shade

Rng = np.random.Generator


def line_text(rng: Rng) -> str:
    """What is printed in documents: prose, names, numbers, dates, Latin words; 4 to 22 characters."""
    draw = rng.random()
    if draw < 0.45:
        text = texts.body_text(rng, int(rng.integers(5, 20)))
    elif draw < 0.65:
        text = texts.company(rng)
    elif draw < 0.75:
        text = texts.random_characters(rng, int(rng.integers(4, 14)))
    elif draw < 0.85:
        text = f"{texts.person(rng)} {texts.digits(rng, int(rng.integers(6, 12)))}"
    elif draw < 0.93:
        text = texts.latin_company(rng)
    else:
        text = f"{2000 + int(rng.integers(30))}年{int(rng.integers(1, 13))}月{int(rng.integers(1, 29))}日"
    return text[:22].strip()


def draw_line(rng: Rng, text: str, book: FontBook, pool: FieldPool) -> np.ndarray:
    """A strip (H, W, 3) uint8 BGR of one printed line, H 28 to 64, with the paper's margin around it."""
    face = book.choose(rng, text.replace(" ", ""), PRINT)
    size = int(rng.integers(22, 48))
    font = ImageFont.truetype(str(face.path), size, index=face.index)
    left, top, right, bottom = font.getbbox(text)
    pads = rng.integers(2, max(size // 4, 3), 4)
    width, height = int(right - left + pads[0] + pads[1]), int(bottom - top + pads[2] + pads[3])
    canvas = Image.new("L", (width, height), 0)
    ImageDraw.Draw(canvas).text((float(pads[0] - left), float(pads[2] - top)), text, font=font, fill=255)
    cover = (np.asarray(canvas, np.float32) / 255)[:, :, None] * np.float32(rng.uniform(0.7, 1.0))
    look = choose_look(rng)
    paper = make_paper(rng, pool, height, width, look)
    ink = np.full(3, rng.uniform(0, 70), np.float32) + rng.uniform(0, 20, 3).astype(np.float32)
    image = paper * (1 - cover) + ink * cover
    shade(image, rng, pool, look)
    out = image.clip(0, 255).astype(np.uint8)
    return cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 0.9))) if rng.random() < 0.5 else out


def write_line_set(
    folder: str | Path,
    count: int,
    seed: int,
    labels: str = "train.txt",
    fonts: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write a recognition set of printed lines: `images/…` and a label file.

    Args:
        folder: may hold other label files already.
        seed: line i depends on (seed, i) and the installed fonts only.

    Returns:
        Number of lines.

    Raises:
        DataError: the label file exists, or there is no Chinese font.
    """
    folder = Path(folder)
    if (folder / labels).exists():
        raise DataError("the label file exists", where=str(folder / labels), hint="give a new folder, or delete it")
    book, pool = FontBook(fonts), FieldPool(seed)
    rows = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        text = line_text(rng)
        path = f"images/{Path(labels).stem}_{index:06d}.jpg"
        write_image(folder / path, draw_line(rng, text, book, pool), quality=90)
        rows.append(f"{path}\t{text}\n")
        if progress is not None:
            progress(1)
    write_text(folder / labels, "".join(rows))
    return len(rows)


__all__ = ["draw_line", "line_text", "write_line_set"]
