"""What a measurement ran on: processor, memory, cards, system, versions of the libraries that compute."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.version import __version__, versions_of

PACKAGES = (
    "paddlepaddle", "paddlepaddle-gpu", "onnxruntime", "onnxruntime-gpu", "openvino", "paddlex", "numpy",
    "opencv-python-headless", "opencv-contrib-python",
)  # fmt: skip
_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")


def machine() -> dict[str, Any]:
    """Keys: processor, cores, memory_gb, cards, system, python, load (last minute's), packages (name → version)."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "cards": cards(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "packages": {"sealkit": __version__, **versions_of(PACKAGES)},
    }


def processor() -> str:
    """Name of the processor, as the system tells it."""
    for line in _lines(_CPUINFO):
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Hardware") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def cards() -> list[str]:
    """Names of the NVIDIA cards; [] without driver or card."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def described(facts: Mapping[str, Any]) -> str:
    """One line of `machine()`."""
    memory = f", {facts['memory_gb']:g} GB" if facts["memory_gb"] else ""
    listed = "".join(f", {card}" for card in facts["cards"])
    versions = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    busy = f"; load before it began {facts['load']:g}" if facts["load"] is not None else ""
    hardware = f"{facts['processor']}, {facts['cores']} cores{memory}{listed}"
    return f"{hardware}; {facts['system']}, Python {facts['python']}, {versions}{busy}"


def _memory_gb() -> float | None:
    for line in _lines(_MEMINFO):
        if line.startswith("MemTotal:"):
            return round(int(line.split()[1]) / 1024**2, 1)
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # another system than Linux
        return []
