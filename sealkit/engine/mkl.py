"""Fast matrix products on non-Intel processors.

Paddle's CPU wheels carry Intel's MKL of 2019, which keeps its AVX2 kernels for Intel's processors and multiplies with
older ones elsewhere. `MKL_DEBUG_CPU_TYPE=5` names the AVX2 kernels. MKL up to 2020.0 reads the variable at its first
call, newer ones ignore it. Values move by rounding only, as they do from one processor to another. Training and
evaluation ask for them (`set_threads`); importing sealkit or building a network changes nothing.

What it is worth on a machine: `python tools/benchmark.py training`, beside `MKL_DEBUG_CPU_TYPE=0` and the same command.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "MKL_DEBUG_CPU_TYPE"
AVX2 = "5"
_CPUINFO = Path("/proc/cpuinfo")


def kernels(cpuinfo: Path = _CPUINFO) -> str | None:
    """The variable's value here: the user's; AVX2 where the processor has it and MKL would not look; or None.

    Processors are known on Linux only (`/proc/cpuinfo`).
    """
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    vendor, flags = _processor(cpuinfo)
    return AVX2 if vendor not in ("", "GenuineIntel") and {"avx2", "fma"} <= flags else None


def use_avx2() -> None:
    """Set the variable to what `kernels` says; call before Paddle multiplies matrices."""
    value = kernels()
    if value is not None:
        os.environ[VARIABLE] = value


def _processor(cpuinfo: Path) -> tuple[str, set[str]]:
    """Maker and features of the first processor; empty where the file says neither."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    except OSError:
        return "", set()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return fields.get("vendor_id", ""), set(fields.get("flags", "").split())
