"""Where a training step goes: processor time by operator, from Paddle's profiler."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_LAUNCH = re.compile(r"^(\S+) kernel launch")
PYTHON = "outside Paddle's operators"
"""The fast kernels, Python, the optimiser's own code, waiting for a core."""


def profile(step: Callable[[], object]) -> tuple[float, list[tuple[str, float]]]:
    """Run a step once under the profiler.

    Returns:
        Seconds of the step, and (operator, seconds) with the most expensive first; an operator's gradient is with it.
    """
    from paddle import profiler

    from sealkit.runtime.noise import framework_noise

    with tempfile.TemporaryDirectory() as folder, framework_noise(Path(os.devnull)):
        trace = Path(folder) / "trace.json"
        watcher = profiler.Profiler(targets=[profiler.ProfilerTarget.CPU], on_trace_ready=lambda _: None)
        watcher.start()
        started = time.perf_counter()
        step()
        seconds = time.perf_counter() - started
        watcher.stop()
        watcher.export(str(trace), format="json")
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    return seconds, shares(events, seconds)


def shares(events: Sequence[Mapping[str, Any]], seconds: float) -> list[tuple[str, float]]:
    """(operator, seconds) of the profiler's events, whose durations are in microseconds."""
    spent: defaultdict[str, float] = defaultdict(float)
    for event in events:
        found = _LAUNCH.match(str(event.get("name", "")))
        if found and event.get("cat") == "DygraphKernelLaunch":
            spent[found[1].removesuffix("_grad").removesuffix("_")] += event["dur"] / 1e6
    spent[PYTHON] = max(0.0, seconds - sum(spent.values()))
    return sorted(spent.items(), key=lambda item: -item[1])


def table(seconds: float, found: Sequence[tuple[str, float]], lines: int = 10) -> str:
    """Operators as one line: `conv2d 34%, add 12%, …`."""
    return ", ".join(f"{name} {spent / seconds:.0%}" for name, spent in found[:lines])
