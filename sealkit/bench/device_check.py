"""`python -m sealkit.bench.device_check`: does training work on this device? Prints a line of JSON for each probe.

A classifier of the zoo takes 20 optimiser steps on one batch, in every way a run may compute: float32, mixed precision
(O1: operators that gain from it; O2: parameters as well, with float32 copies in the optimiser), synchronised BatchNorm,
channels last where Paddle chooses it, copies that do not wait, several processes. `sealkit doctor --gpu` runs it in a
process of its own, since a driver that does not fit ends the process rather than raise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

MODEL = "PP-LCNet_x1_0_doc_ori"
STEPS = 20
BATCH, SIDE, CLASSES = 8, 64, 4
FIRST_LOSS = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 5e-2}  # how far the first loss may be from the CPU's


@dataclass(frozen=True)
class Probe:
    """What came of one way to compute.

    Attributes:
        status: `ok`, `failed`, or `absent`: the device has no such thing.
        detail: losses and seconds a step, or what went wrong.
    """

    name: str
    status: str
    detail: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run all probes of a device; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="device_check", description=__doc__)
    parser.add_argument("--device", default="gpu")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    import paddle

    paddle.set_device(args.device)
    if args.rank:
        return _one_of_several(args.steps)
    failed = False
    for probe in probes(args.device, args.steps):
        print(json.dumps(asdict(probe)), flush=True)
        failed = failed or probe.status == "failed"
    return int(failed)


def probes(device: str, steps: int = STEPS) -> Any:
    """Each probe's outcome as it is known, an iterator of `Probe`."""
    import paddle

    paddle.set_device("cpu")
    reference = train(steps)
    yield Probe("cpu float32", *_judged(reference, reference, "float32"))
    paddle.set_device(device)
    gpu = device.startswith("gpu")
    ways: list[tuple[str, str, Callable[[], Any]]] = []
    if device != "cpu":
        ways.append(("float32", "float32", partial(train, steps)))
    for kind in ("float16", "bfloat16"):
        for level in ("O1", "O2"):
            ways.append((f"{kind} {level}", kind, partial(train, steps, kind=kind, level=level)))
    if gpu:
        ways.append(("synchronised BatchNorm, one process", "float32", partial(train, steps, sync=True)))
        ways.append(("channels last (layout chosen by Paddle)", "float16", partial(_channels_last, steps)))
        ways.append(("copies that do not wait", "float32", partial(train, steps, pinned=True)))
    for name, kind, way in ways:
        absent = "" if kind == "float32" else _missing(kind)
        yield (
            Probe(f"{device} {name}", "absent", absent) if absent else _tried(f"{device} {name}", way, reference, kind)
        )
    if gpu:
        yield _several(paddle.device.cuda.device_count(), steps)


def _missing(kind: str) -> str:
    """Why this device does not compute in that type; "" where it does."""
    from sealkit.engine.step import computes_in

    return "" if computes_in(kind) else f"this Paddle does not train in {kind} on this device"


def _tried(name: str, way: Callable[[], Any], reference: Sequence[float], kind: str) -> Probe:
    started = time.perf_counter()
    try:
        losses = way()
    except Exception as error:  # whatever it is, it is the answer to the question
        return Probe(name, "failed", (str(error).strip().splitlines() or [type(error).__name__])[-1][:300])
    status, detail = _judged(losses, reference, kind)
    return Probe(name, status, f"{detail}, {(time.perf_counter() - started) / max(1, len(losses)):.3f} s a step")


def _judged(losses: Sequence[float], reference: Sequence[float], kind: str) -> tuple[str, str]:
    """Status and detail of a training beside the CPU's in float32."""
    summary = f"loss {losses[0]:.4f} → {losses[-1]:.4f}"
    if not np.isfinite(losses).all():
        return "failed", f"{summary}: not finite"
    away = abs(losses[0] - reference[0]) / abs(reference[0])
    if away > FIRST_LOSS[kind]:
        return "failed", f"{summary}: the first is {away:.1%} away from the CPU's {reference[0]:.4f}"
    if len(losses) > 1 and not losses[-1] < losses[0]:
        return "failed", f"{summary}: it does not fall"
    return "ok", summary


def train(
    steps: int, kind: str = "float32", level: str = "O1", sync: bool = False, pinned: bool = False
) -> list[float]:
    """Losses of `steps` optimiser steps on one batch, the same weights and batch on every device.

    Args:
        kind: type of mixed precision.
        level: O1 or O2.
        sync: synchronised BatchNorm.
        pinned: copy the batch from page-locked memory without waiting.
    """
    import paddle

    from sealkit.zoo import build_network

    net = build_network(MODEL)
    _same_weights(net)
    for layer in net.sublayers():
        if isinstance(layer, paddle.nn.Dropout):
            layer.p = 0.0
    net.train()
    if sync:
        net = paddle.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    optimizer = paddle.optimizer.Adam(1e-3, parameters=[p for p in net.parameters() if not p.stop_gradient])
    mixed = kind != "float32"
    if mixed and level == "O2":
        net, optimizer = paddle.amp.decorate(net, optimizer, level="O2", dtype=kind, master_weight=True)
    scaler = paddle.amp.GradScaler(init_loss_scaling=2.0**15) if kind == "float16" else None
    images, labels = _batch(pinned)
    losses = []
    for _ in range(steps):
        with paddle.amp.auto_cast(level=level, dtype=kind) if mixed else nullcontext():
            loss = paddle.nn.functional.cross_entropy(net(images).astype("float32"), labels)
        (scaler.scale(loss) if scaler else loss).backward()
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return losses


def _same_weights(net: Any) -> None:
    """Weights that do not depend on a device's random numbers: Kaiming's deviations, biases and statistics as built."""
    rng = np.random.default_rng(0)
    for value in net.state_dict().values():
        if len(value.shape) > 1:
            deviation = np.sqrt(2 / np.prod(value.shape[1:]))
            value.set_value(rng.normal(0, deviation, value.shape).astype(np.float32))


def _batch(pinned: bool) -> tuple[Any, Any]:
    import paddle

    rng = np.random.default_rng(1)
    images = rng.normal(size=(BATCH, 3, SIDE, SIDE)).astype(np.float32)
    labels = paddle.to_tensor(np.arange(BATCH) % CLASSES)
    if not pinned:
        return paddle.to_tensor(images), labels
    return paddle.to_tensor(images, place=paddle.CUDAPinnedPlace()).cuda(blocking=False), labels


def _channels_last(steps: int) -> list[float]:
    import paddle

    paddle.incubate.autotune.set_config({"layout": {"enable": True}})
    try:
        return train(steps, kind="float16")
    finally:
        paddle.incubate.autotune.set_config({"layout": {"enable": False}})


def _several(count: int, steps: int) -> Probe:
    """Two processes with a GPU each: a sum over both, and BatchNorm over both in steps that end alike."""
    import subprocess

    from sealkit.engine.launch import launcher_command

    name = "two GPUs"
    if count < 2:
        return Probe(name, "absent", "this machine has one GPU")
    command = [
        *launcher_command(["gpu:0", "gpu:1"], None),
        sys.executable,
        "-m",
        "sealkit.bench.device_check",
        "--rank",
    ]
    try:
        done = subprocess.run([*command, "--steps", str(steps)], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return Probe(name, "failed", "no end within 300 s")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        return Probe(name, "failed", (done.stderr.strip().splitlines() or ["no output"])[-1][:300])
    found = json.loads(lines[-1])
    alike = found["spread"] < 1e-5
    return Probe(
        name, "ok" if alike else "failed", f"sums of both {found['sum']}, weights differ by {found['spread']:.1e}"
    )


def _one_of_several(steps: int) -> int:
    """A rank of `_several`: sums over ranks, synchronised BatchNorm."""
    import paddle

    from sealkit.engine.distributed import connect

    world = connect()
    value = paddle.to_tensor([float(world.rank + 1)])
    world.sum_(value)
    last = paddle.to_tensor([train(steps, sync=True)[-1]])
    total = last.clone()
    world.sum_(total)
    spread = abs(float(total) / world.size - float(last))
    if world.is_main:
        print(json.dumps({"sum": float(value), "spread": spread}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
