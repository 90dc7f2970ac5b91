"""Strips to inputs: sizes as the reference's goldens say (compact copy of rec_resize), padding, order."""

import numpy as np
import pytest

from sealkit.errors import ImageError
from sealkit.modules.text_recognition.preprocess import batches_by_width, collate, preprocess, resize
from sealkit.modules.text_recognition.settings import RecResizeSettings


@pytest.mark.parametrize(
    ("hw", "input_width", "strip_width"),
    [
        ((48, 320), 320, 320),
        ((30, 500), 800, 800),
        ((100, 100), 320, 48),
        ((20, 1400), 3200, 3200),
        ((48, 1), 320, 1),
        ((1, 48), 2304, 2304),
        ((85, 54), 320, 31),
        ((59, 388), 320, 316),
        ((94, 830), 423, 423),
        ((397, 90), 320, 11),
        ((48, 3201), 3200, 3200),
    ],
)
def test_sizes_of_the_reference(hw: tuple[int, int], input_width: int, strip_width: int) -> None:
    resized, width = resize(np.zeros((*hw, 3), np.uint8))
    assert resized.shape == (48, strip_width, 3) and width == input_width


def test_values_and_padding() -> None:
    strip = np.zeros((48, 10, 3), np.uint8)
    strip[:, :, 2] = 255  # red in BGR: the channel order must stay
    x = preprocess(strip)
    assert x.shape == (3, 48, 320) and x.dtype == np.float32
    assert (x[2, :, :10] == 1).all() and (x[0, :, :10] == -1).all() and not x[:, :, 10:].any()


def test_batch_is_padded_to_the_widest() -> None:
    sizes = [(48, 100), (48, 400), (48, 700), (30, 90), (60, 900)]
    inputs = [preprocess(np.zeros((h, w, 3), np.uint8)) for h, w in sizes]
    assert collate(inputs).shape == (5, 3, 48, 720)
    assert collate(inputs, width_step=64).shape == (5, 3, 48, 768)
    assert collate(
        [preprocess(np.zeros((48, 10, 3), np.uint8), RecResizeSettings(image_shape=(3, 32, 100)))]
    ).shape == (
        1,
        3,
        32,
        100,
    )


def test_batches_hold_strips_of_similar_ratio() -> None:
    strips = [np.zeros((10, w, 3)) for w in (50, 10, 40, 20, 30)]
    assert batches_by_width(strips, 2) == [[1, 3], [4, 2], [0]]


@pytest.mark.parametrize("step", [1, 32])
def test_batches_of_one_input_width_read_as_one_by_one(step: int) -> None:
    settings = RecResizeSettings(width_step=step)
    strips = [np.full((48, w, 3), w % 255, np.uint8) for w in (500, 100, 511, 90, 500, 700, 320, 7000, 9000)]
    batches = batches_by_width(strips, 3, settings)
    assert sorted(i for batch in batches for i in batch) == list(range(len(strips)))
    assert [1, 3] in [sorted(batch) for batch in batches] or [1, 3, 6] in [sorted(batch) for batch in batches]
    assert any(len(batch) > 1 and 0 in batch and 4 in batch for batch in batches)
    assert any((2 in batch and 0 in batch) == (step == 32) for batch in batches if 2 in batch)
    for batch in batches:
        together = collate([preprocess(strips[i], settings) for i in batch], step)
        for row, index in zip(together, batch):
            assert np.array_equal(row, collate([preprocess(strips[index], settings)], step)[0])


@pytest.mark.parametrize("shape", [(10, 10), (0, 5, 3), (5, 0, 3), (5, 5, 4)])
def test_bad_strips_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="strip of shape"):
        preprocess(np.zeros(shape, np.uint8))
