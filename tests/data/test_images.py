"""The survey of images: each oddity of a file is one message with the label line that names it."""

from __future__ import annotations

import gc
import io
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from sealkit.data import images
from sealkit.data.duplicates import SignatureStore
from sealkit.data.images import image_problems, look_at, survey
from sealkit.images import write_image
from tests.data.sets import draw_image


def problems(path: Path) -> list[tuple[str, str]]:
    found = image_problems(look_at(path), "train.txt:5")
    assert all(p.where == "train.txt:5" and p.hint and path.name in p.message for p in found)
    return [(p.code, p.severity) for p in found]


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def rgb() -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(draw_image(3)[:, :, ::-1]))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.webp", "a.tif", "a.ppm"])
def test_sound_images_are_silent(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / name.replace(".tif", ".tiff"), draw_image(1))
    assert problems(tmp_path / name.replace(".tif", ".tiff")) == []


def test_unreadable_images(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.jpg") == [("missing-image", "error")]
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert problems(tmp_path / "empty.jpg") == [("empty-image", "error")]
    (tmp_path / "text.jpg").write_bytes(b"hello")
    assert problems(tmp_path / "text.jpg") == [("broken-image", "error")]
    data = cv2.imencode(".jpg", draw_image(1))[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    assert problems(tmp_path / "cut.jpg") == [("truncated-image", "error")]


def test_huge_image_is_refused_by_its_header(tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".bmp", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    (tmp_path / "huge.bmp").write_bytes(bytes(data))
    assert [kind for kind, _ in problems(tmp_path / "huge.bmp")] in (["huge-image"], ["broken-image"])


def test_exif_rotated(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", rgb(), exif=exif)
    assert problems(path) == [("exif-rotated", "warning")]
    assert look_at(path).size == (120, 160)


def test_cmyk_deep_alpha_frames(tmp_path: Path) -> None:
    assert problems(save(tmp_path / "a.jpg", rgb().convert("CMYK"))) == [("cmyk", "warning")]
    deep = (draw_image(1)[:, :, 0].astype(np.uint16)) * 257
    (tmp_path / "b.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    assert problems(tmp_path / "b.png") == [("deep", "warning")]
    assert problems(save(tmp_path / "c.png", rgb().convert("RGBA"))) == [("alpha", "warning")]
    pages = save(tmp_path / "d.tif", rgb(), save_all=True, append_images=[rgb()])
    assert problems(pages) == [("frames", "warning")]


def test_suffix_size_and_contrast(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    rgb().save(buffer, "PNG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    assert problems(tmp_path / "a.jpg") == [("wrong-suffix", "info")]
    write_image(tmp_path / "small.png", draw_image(1, 60, 20))
    assert problems(tmp_path / "small.png") == [("small-image", "warning")]
    write_image(tmp_path / "large.png", draw_image(1, 4100, 40))
    assert problems(tmp_path / "large.png") == [("large-image", "info")]
    write_image(tmp_path / "flat.png", np.full((50, 60, 3), 255, np.uint8))
    assert problems(tmp_path / "flat.png") == [("blank-image", "warning")]


def test_pixel_hash_ignores_metadata_and_lossless_compression(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    write_image(tmp_path / "b.bmp", draw_image(1))
    write_image(tmp_path / "c.png", draw_image(2))
    a, b, c = survey([tmp_path / name for name in ("a.png", "b.bmp", "c.png")])
    assert a.pixel_hash == b.pixel_hash != c.pixel_hash
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.bmp").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_survey_keeps_the_order_and_reports_progress(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "IMAGES_PER_WORKER", 4)
    paths = []
    for seed in range(9):
        paths.append(write_image(tmp_path / f"{seed}.png", draw_image(seed, 100 + seed)))
    done: list[int] = []
    facts = survey(paths, workers=workers, progress=done.append, compare=False)
    assert [fact.path for fact in facts] == paths
    assert [fact.size for fact in facts] == [(100 + seed, 120) for seed in range(9)]
    assert sum(done) == 9
    assert all(fact.signature is None for fact in facts)


def test_a_survey_holds_little_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature alone has 3 KB; 10,000 images are checked on small machines too."""
    monkeypatch.setattr(SignatureStore, "_IN_MEMORY", 1)
    paths = [write_image(tmp_path / f"{seed}.png", draw_image(seed)) for seed in range(60)]
    survey(paths[:2])  # what is imported and cached the first time
    tracemalloc.start()
    try:
        facts = survey(paths)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(fact.signature is not None for fact in facts)
    assert held < 60 * 1000
