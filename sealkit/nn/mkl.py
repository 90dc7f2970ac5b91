"""Matrix products on processors of other makers than Intel.

Paddle's CPU wheels carry Intel's MKL of 2019, which keeps its AVX2 kernels for Intel's processors and multiplies with
older ones elsewhere. `MKL_DEBUG_CPU_TYPE=5` names the AVX2 kernels. MKL up to 2020.0 reads the variable at its first
call, newer ones ignore it. Values move by rounding only, as they do from one processor to another. Training and
evaluation ask for them (`engine.threads`); importing sealkit or building a network changes nothing.

What it is worth on a machine: `python tools/benchmark.py training`, beside `MKL_DEBUG_CPU_TYPE=0` and the same command.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "MKL_DEBUG_CPU_TYPE"
AVX2 = "5"
_CPUINFO = Path("/proc/cpuinfo")


def use_avx2(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell MKL to use AVX2 where the processor has it and MKL would not look; call before Paddle multiplies matrices.

    A value the user has set stays. Known on Linux only (`/proc/cpuinfo`): elsewhere nothing changes.

    Returns:
        Whether the variable was set by this call.
    """
    if VARIABLE in os.environ:
        return False
    vendor, flags = _processor(cpuinfo)
    if vendor in ("", "GenuineIntel") or not {"avx2", "fma"} <= flags:
        return False
    os.environ[VARIABLE] = AVX2
    return True


def _processor(cpuinfo: Path) -> tuple[str, set[str]]:
    """Maker and features of the first processor; empty where the file says neither."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    except OSError:
        return "", set()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return fields.get("vendor_id", ""), set(fields.get("flags", "").split())
