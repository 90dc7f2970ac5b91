"""Goldens `nms/*`: boxes of a page scaled to the source, suppressed per class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import paddle


def check_arrays(golden: Mapping[str, np.ndarray]) -> None:
    from sealkit.modules.layout_detection.networks.picodet import multiclass_nms, to_source

    boxes, scores = paddle.to_tensor(golden["nms/boxes"]), paddle.to_tensor(golden["nms/scores"])
    rows, counts = multiclass_nms(to_source(boxes, paddle.to_tensor(golden["nms/scale_factor"])), scores)
    np.testing.assert_array_equal(counts.numpy(), golden["nms/num"])
    np.testing.assert_allclose(rows.numpy(), golden["nms/out"], rtol=1e-5, atol=1e-4)
