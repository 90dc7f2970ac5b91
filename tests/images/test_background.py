"""What lies outside a box loses contrast; what lies inside is not touched."""

import numpy as np
import pytest

from sealkit.images.background import dim_background


def draw_image() -> np.ndarray:
    image = np.full((40, 60, 3), (200, 210, 220), np.uint8)
    image[::3, ::4] = (20, 0, 250)
    return image


def test_a_share_of_the_distance_to_the_paper_is_left_outside() -> None:
    image = draw_image()
    dimmed = dim_background(image, [10.4, 5.2, 30.6, 20.1], 0.5)
    assert dimmed.dtype == np.uint8 and dimmed.shape == image.shape
    assert np.array_equal(dimmed[5:21, 10:31], image[5:21, 10:31])
    assert dimmed[0, 0].tolist() == [110, 105, 235] and dimmed[1, 1].tolist() == [200, 210, 220]
    assert np.array_equal(image, draw_image()), "the image itself stays"


@pytest.mark.parametrize("contrast", [0.0, 1.0])
def test_none_and_all(contrast: float) -> None:
    image = draw_image()
    dimmed = dim_background(image, [0, 0, 0, 0], contrast)
    expected = image if contrast else np.broadcast_to(np.array([200, 210, 220], np.uint8), image.shape)
    assert np.array_equal(dimmed, expected)


def test_a_box_may_reach_over_the_edge() -> None:
    image = draw_image()
    dimmed = dim_background(image, [-8, -3, 12, 400], 0.2)
    assert np.array_equal(dimmed[:, :12], image[:, :12]) and not np.array_equal(dimmed[:, 12:], image[:, 12:])
