"""Images like documents."""

import numpy as np

from sealkit.drawing.documents import document_images


def test_drawn_images_differ_and_repeat() -> None:
    first, second = document_images()
    assert first.dtype == np.uint8 and first.shape != second.shape
    np.testing.assert_array_equal(first, document_images()[0])
