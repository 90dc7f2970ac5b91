"""Parses device names such as `gpu:0,1` and finds the devices of this machine."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass

from sealkit.errors import DeviceError

KINDS = ("cpu", "gpu", "npu", "xpu", "mlu", "gcu", "dcu", "iluvatar_gpu", "metax_gpu")
"""PaddleX's device types."""


@dataclass(frozen=True)
class Device:
    """One device: kind and, for all but the CPU, its number."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.index}"


CPU = Device("cpu")


def parse_devices(text: str) -> list[Device]:
    """`cpu`, `gpu`, `gpu:0`, `gpu:0,1` → devices (case does not matter).

    Raises:
        DeviceError: unknown kind (`cuda` included), a number for the CPU, malformed or repeated numbers.
    """
    match = re.fullmatch(r"\s*([A-Za-z_]+)(?::(\d+(?:,\d+)*))?\s*", text) if isinstance(text, str) else None
    kind = match.group(1).lower() if match else ""
    if not match or kind not in KINDS:
        hint = "for an NVIDIA card write gpu or gpu:0" if kind in ("cuda", "nvidia") else f"one of {', '.join(KINDS)}"
        raise DeviceError("unknown device", where="device", value=text, hint=f"{hint}; several: gpu:0,1")
    if kind == "cpu":
        if match.group(2):
            raise DeviceError("the CPU has no number", where="device", value=text, hint="write cpu; see also --threads")
        return [CPU]
    numbers = [int(n) for n in match.group(2).split(",")] if match.group(2) else [0]
    if len(set(numbers)) != len(numbers):
        raise DeviceError("a device is listed twice", where="device", value=text)
    return [Device(kind, n) for n in numbers]


def parse_device(text: str) -> Device:
    """As parse_devices, for where exactly one device makes sense."""
    devices = parse_devices(text)
    if len(devices) != 1:
        raise DeviceError("one model runs on one device", where="device", value=text, hint=f"e.g. {devices[0]}")
    return devices[0]


def nvidia_present() -> bool:
    """Whether this machine has an NVIDIA card, without importing anything (a driver without a card does not count)."""
    return os.path.exists("/dev/nvidia0") or (os.name == "nt" and shutil.which("nvidia-smi") is not None)


def default_threads() -> int:
    """Default number of CPU threads: the cores this process may use, at most 10 (PaddleX's number)."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, min(cores, 10))
