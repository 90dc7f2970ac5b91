"""Several devices: how they are written, and that results come in the order of the input."""

import numpy as np
import pytest

from sealkit.errors import DeviceError, EngineError
from sealkit.pipeline.create import create_pipeline
from sealkit.pipeline.parallel import split_devices


def test_how_devices_are_written():
    assert [str(d) for d in split_devices("cpu,cpu")] == ["cpu", "cpu"]
    assert [str(d) for d in split_devices("gpu:0,1")] == ["gpu:0", "gpu:1"]
    assert [str(d) for d in split_devices("gpu:1, gpu:3")] == ["gpu:1", "gpu:3"]
    for wrong, why in (("gpu:0,gpu:0", "listed twice"), ("cpu,1", "unknown device"), ("cuda:0,1", "unknown device")):
        with pytest.raises(DeviceError, match=why):
            split_devices(wrong)


@pytest.mark.slow
def test_order_is_kept_and_devices_that_are_not_there_are_refused(seal_image, tmp_path):
    pipeline = create_pipeline(device="cpu,cpu", threads=1)
    try:
        assert pipeline.engines["TextDetection"].endswith("(cpu, 1 thread)")
        inputs = [seal_image[: 320 - 20 * i] for i in range(5)]
        inputs.insert(2, str(tmp_path / "nowhere.png"))
        results = list(pipeline.predict(inputs))
        heights = [None if r["doc_preprocessor_res"]["output_img"] is None else
                   r["doc_preprocessor_res"]["output_img"].shape[0] for r in results]  # fmt: skip
        assert heights == [320, 300, None, 280, 260, 240] and not results[2].ok
        with pytest.raises(TypeError, match="tresh"):
            pipeline.predict(np.zeros((9, 9, 3), np.uint8), tresh=1)
    finally:
        pipeline.close()
    with pytest.raises((DeviceError, EngineError), match="npu"):
        create_pipeline(device="npu:0,1")
