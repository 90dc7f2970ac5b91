"""Choosing the device a run computes on."""

from __future__ import annotations

from typing import Any

from sealkit.engine.launch import device_of_process
from sealkit.errors import ConfigError, DeviceError


def choose_device(name: str | None) -> str:
    """Make `name` Paddle's device and return the name in force.

    Args:
        name: `cpu`, `gpu`, `gpu:0`, `npu:0`, `xpu:0`, …; None: a GPU when this Paddle has one, else the CPU.
            Processes of `paddle.distributed.launch` that ask for `gpu` or for several (`gpu:0,1`) get one each.

    Raises:
        DeviceError: the device is not there.
    """
    import paddle

    name = device_of_process(name)
    gpus = paddle.device.cuda.device_count() if paddle.device.is_compiled_with_cuda() else 0
    if name is None:
        name = "gpu" if gpus else "cpu"
    if name.startswith("gpu") and not gpus:
        reason = "this Paddle is a CPU build" if not paddle.device.is_compiled_with_cuda() else "no GPU is visible"
        raise DeviceError(reason, where="train.device", value=name, hint="use cpu, or install paddlepaddle-gpu")
    try:
        paddle.set_device(name)
        return str(paddle.get_device())
    except (ValueError, RuntimeError) as error:
        raise DeviceError(
            f"cannot use this device: {error}", where="train.device", value=name, hint="cpu, gpu, gpu:0, npu:0, …"
        ) from error


def convert_sync_bn(net: Any) -> Any:
    """The network with BatchNorm over all processes.

    Raises:
        ConfigError: on a device without it.
    """
    import paddle

    if not paddle.get_device().startswith("gpu"):
        raise ConfigError(
            "synchronised BatchNorm needs GPUs",
            where="train.sync_bn",
            value=True,
            hint="set it to false on this device",
        )
    return synchronised(net)


def synchronised(net: Any) -> Any:
    """The network with Paddle's SyncBatchNorm in place of each BatchNorm that learns its statistics.

    Frozen ones (`freeze_batch_norm`) stay: SyncBatchNorm always takes the batch's statistics and moves its own.
    """
    import paddle

    frozen = [
        (parent, name, layer)
        for parent in net.sublayers(include_self=True)
        for name, layer in parent.named_children()
        if getattr(layer, "_use_global_stats", False)
    ]
    net = paddle.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    for parent, name, layer in frozen:
        parent.add_sublayer(name, layer)
    return net
