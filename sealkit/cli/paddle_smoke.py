"""`python -m sealkit.cli.paddle_smoke`: does Paddle's inference work here? Prints a line of JSON for `sealkit doctor`.

A convolution with and without an enlargement (the operation known to fail) is exported and run with and without oneDNN.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Export and run the probe, print one line of JSON."""
    import paddle

    devices = ["cpu"]
    if paddle.device.is_compiled_with_cuda():
        devices += [f"gpu:{n}" for n in range(paddle.device.cuda.device_count())]
    paddle.set_device("cpu")
    inference = {}
    for enlarge in (False, True):
        for onednn in (False, True):
            name = f"inference{', enlargement' if enlarge else ''}{', oneDNN' if onednn else ''}"
            inference[name] = _problem(enlarge, onednn)
    print(json.dumps({"version": paddle.__version__, "devices": devices, "inference": inference}))


def _problem(enlarge: bool, onednn: bool) -> str | None:
    """None, or what went wrong."""
    try:
        difference = _difference(enlarge, onednn)
    except Exception as error:  # whatever it is, it is the answer to the question
        return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
    return None if difference < 1e-4 else f"differs from the network by {difference:.1e}"


def _difference(enlarge: bool, onednn: bool) -> float:
    import paddle
    from paddle import inference

    class Net(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv = paddle.nn.Conv2D(3, 8, 3, padding=1)

        def forward(self, x: Any) -> Any:  # (N, 3, H, W) -> (N, 8, H, W) or (N, 8, 2H, 2W)
            y = paddle.nn.functional.relu(self.conv(x))
            return paddle.nn.functional.interpolate(y, scale_factor=2, mode="bilinear") if enlarge else y

    net = Net()
    net.eval()
    image = np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)
    wanted = net(paddle.to_tensor(image)).numpy()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net"
        spec = [paddle.static.InputSpec([None, 3, None, None], "float32", "x")]
        paddle.jit.save(net, str(path), input_spec=spec)
        config = inference.Config(f"{path}.json", f"{path}.pdiparams")
        config.disable_gpu()
        config.disable_glog_info()
        if onednn:
            config.enable_mkldnn()
        elif hasattr(config, "disable_mkldnn"):
            config.disable_mkldnn()
        predictor = inference.create_predictor(config)
        predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(image)
        predictor.run()
        found = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
    return float(np.abs(found - wanted).max())


if __name__ == "__main__":
    main()
