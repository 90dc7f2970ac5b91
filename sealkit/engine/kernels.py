"""Which kernels a run trains with (`train.kernels`). A run keeps its kernels: others round otherwise, so that resume
would no longer be exact."""

from __future__ import annotations

from typing import Any

from sealkit.config.training import LoopSettings
from sealkit.engine.distributed import World
from sealkit.engine.log import RunLog
from sealkit.errors import TrainingError

INSTALL = "pip install 'sealkit[fast]'"


def choose_kernels(net: Any, settings: LoopSettings, before: str | None, world: World, log: RunLog) -> str:
    """Choose the kernels, let `net` use them, and say so.

    Args:
        before: kernels of the run that is resumed; None for a new one.

    Returns:
        `paddle` or `fast`, the same on all processes.

    Raises:
        TrainingError: `fast` cannot be used here; a resumed run would change its kernels.
    """
    from sealkit.nn.kernels import depthwise_layers, problem, use_fast

    wanted = settings.kernels
    if before is not None:
        if wanted not in ("auto", before):
            raise TrainingError(
                "a resumed run keeps its kernels: others round otherwise",
                where="train.kernels",
                value=wanted,
                hint=f"set train.kernels to {before} or auto, or start a new run from its weights",
            )
        if before == "fast" and wanted == "auto" and not _on_cpu():  # train.device may change, and losses with it
            log.say("kernels: Paddle's on this device; the run began with the fast ones of a CPU")
            return "paddle"
        wanted = "fast" if before == "fast" else "paddle"
    count = len(depthwise_layers(net))
    if wanted == "paddle" or (wanted == "auto" and count == 0):
        return "paddle"
    reason = _unfit(settings.amp)
    if wanted == "auto" and not world.all_true(reason is None):
        return "paddle"
    reason = reason or problem()
    if not world.all_true(reason is None):
        reason = reason or "another process of the run cannot use them"
        if wanted == "fast":
            raise TrainingError(
                f"the fast kernels cannot be used: {reason}",
                where="train.kernels",
                value="fast" if before is None else "fast, with which the run began",
                hint=f"{INSTALL}; train.kernels=paddle starts a new run without them",
            )
        if _installed():
            log.say(f"kernels: Paddle's, since {reason}")
        else:
            log.say(f"kernels: Paddle's; {INSTALL} makes the {count} depthwise convolutions of this network faster")
        return "paddle"
    log.say(f"kernels: fast, for {use_fast(net)} depthwise convolutions")
    return "fast"


def _installed() -> bool:
    from importlib.util import find_spec

    return find_spec("numba") is not None


def _unfit(amp: str) -> str | None:
    """Why the fast kernels are not for this run, whatever is installed; None where they are."""
    if not _on_cpu():
        return "they are for CPUs, and this run computes on another device"
    if amp not in ("off", "auto"):
        return f"they compute in float32, and train.amp is {amp}"
    return None


def _on_cpu() -> bool:
    import paddle

    return str(paddle.get_device()) == "cpu"
