"""Pictures like documents."""

import numpy as np

from sealkit.drawing.documents import document_pictures


def test_drawn_pictures_differ_and_repeat() -> None:
    first, second = document_pictures()
    assert first.dtype == np.uint8 and first.shape != second.shape
    np.testing.assert_array_equal(first, document_pictures()[0])
