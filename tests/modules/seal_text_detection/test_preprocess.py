"""Input sizes, padding of tiny images, normalisation."""

from __future__ import annotations

import numpy as np
import pytest

from sealkit.errors import ImageError
from sealkit.modules.seal_text_detection.preprocess import MEAN, STD, input_size, normalise, preprocess, resize
from sealkit.modules.seal_text_detection.settings import DetResizeSettings


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        ((640, 640), {}, (736, 736)),
        ((1000, 700), {}, (1056, 736)),  # 1051.4 → 1051 → 32.8 → 33 · 32
        ((2200, 1500), {}, (2208, 1504)),  # short side above the limit: only rounded
        ((64, 3000), {}, (96, 4000)),  # 736 × 34500 capped at 4000
        ((735, 737), {"limit_type": "max", "limit_side_len": 960}, (736, 736)),
        ((333, 1777), {"limit_type": "max", "limit_side_len": 960}, (192, 960)),
        ((100, 80), {"limit_type": "resize_long", "limit_side_len": 640}, (640, 512)),
        ((20, 30), {"limit_type": "max", "limit_side_len": 960}, (32, 32)),
    ],
)
def test_sizes(source: tuple[int, int], settings: dict, expected: tuple[int, int]) -> None:
    assert input_size(*source, DetResizeSettings(**settings))[:2] == expected


def test_official_rule_rounds_up_to_128() -> None:
    assert input_size(1000, 700, rule="official")[:2] == (768, 640)
    assert input_size(64, 3000, rule="official")[:2] == (128, 768)


def test_half_rounds_to_even() -> None:
    # 80 / 32 = 2.5 → 2, 112 / 32 = 3.5 → 4
    settings = DetResizeSettings(limit_side_len=32, limit_type="min")
    assert input_size(80, 112, settings)[:2] == (64, 128)


def test_cap_is_told() -> None:
    assert input_size(100, 9000)[2] and not input_size(640, 640)[2]


def test_tiny_images_are_padded_below_and_right() -> None:
    image = np.full((20, 30, 3), 200, np.uint8)
    padded, info = resize(image, DetResizeSettings(limit_type="max", limit_side_len=960))
    assert info.source_hw == (20, 30) and info.padded_hw == (32, 32) == info.resized_hw
    assert (padded[:20, :30] == 200).all() and (padded[20:] == 0).all() and (padded[:, 30:] == 0).all()


def test_unchanged_size_is_not_copied() -> None:
    image = np.zeros((736, 736, 3), np.uint8)
    assert resize(image)[0] is image


def test_normalise_is_float32_arithmetic() -> None:
    """Within the rounding of a product and a sum in float32, as paddlex computes them."""
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, axis=2)
    found = normalise(image)
    expected = ((image / 255 - MEAN) / STD).transpose(2, 0, 1)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert np.abs(found - expected).max() < 5e-7


def test_channel_order_is_kept() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 0] = 255
    x, info = preprocess(image, DetResizeSettings(limit_side_len=32))
    assert x.shape == (3, 32, 32) and info.resized_hw == (32, 32)
    assert x[0, 0, 0] == pytest.approx((1 - MEAN[0]) / STD[0], abs=1e-6)
    assert x[2, 0, 0] == pytest.approx(-MEAN[2] / STD[2], abs=1e-6)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
def test_what_is_no_bgr_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError) as error:
        preprocess(np.zeros(shape, np.uint8))
    assert "read_image" in str(error.value)
