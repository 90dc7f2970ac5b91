"""Processor, memory and NVIDIA card of a process and its children, sampled while it runs."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

INTERVAL = 0.25
"""Seconds between samples. Processor time is counted in steps of 10 ms: over shorter intervals its share jumps."""
MB = 1024**2


@dataclass(frozen=True)
class Sample:
    """One look at the process.

    Attributes:
        at: time.time() of it.
        cpu: processor seconds so far, all threads of the process and its children together.
        host_mb: resident memory.
        gpu: use of the card in percent; None without one.
        device_mb: the process's memory on the card, or what it grew by since the start where the driver does not
            tell it by process.
    """

    at: float
    cpu: float
    host_mb: float
    gpu: float | None = None
    device_mb: float | None = None


@dataclass(frozen=True)
class Usage:
    """What a span of time came to; None where there is no card. Names as in the published table."""

    cpu_peak: float
    cpu_avg: float
    host_mb_peak: float
    host_mb_avg: float
    gpu_peak: float | None = None
    gpu_avg: float | None = None
    device_mb_peak: float | None = None
    device_mb_avg: float | None = None


class Sampler:
    """Samples a process until the block ends.

    Attributes:
        samples: what was seen, in order.
    """

    def __init__(self, interval: float = INTERVAL, card: Any = None) -> None:
        self.samples: list[Sample] = []
        self._interval, self._card = interval, card
        self._ended = threading.Event()

    @contextlib.contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Sample the process of that number."""
        thread = threading.Thread(target=self._run, args=(pid,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(10)

    def _run(self, pid: int) -> None:
        try:
            root = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return
        while not self._ended.wait(self._interval):
            found = self._look(root)
            if found is None:
                return
            self.samples.append(found)

    def _look(self, root: psutil.Process) -> Sample | None:
        """A sample; None where the process is gone."""
        cpu = memory = 0.0
        pids = []
        try:
            processes = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return None
        for process in processes:
            try:
                times, resident = process.cpu_times(), process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            pids.append(process.pid)
            cpu += times.user + times.system
            memory += resident
        if not pids:
            return None
        gpu, device = self._card.read(pids) if self._card is not None else (None, None)
        return Sample(time.time(), cpu, memory / MB, gpu, device)


class Card:
    """An NVIDIA card, by nvidia-ml-py."""

    def __init__(self, index: int = 0) -> None:
        import pynvml

        self._nvml = pynvml
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        self._before = self._used()

    @classmethod
    def find(cls, index: int = 0) -> Card | None:
        """The card; None without nvidia-ml-py, driver or card."""
        if importlib.util.find_spec("pynvml") is None:
            return None
        import pynvml

        try:
            return cls(index)
        except pynvml.NVMLError:
            return None

    def read(self, pids: Sequence[int]) -> tuple[float, float]:
        """Use of the card in percent, and memory of these processes on it in MB."""
        listed = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        own = [one.usedGpuMemory for one in listed if one.pid in pids and one.usedGpuMemory is not None]
        memory = sum(own) if own else max(0, self._used() - self._before)  # in a container pids are other ones
        return float(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu), memory / MB

    def _used(self) -> int:
        return int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)


def between(samples: Sequence[Sample], start: float, end: float) -> list[Sample]:
    """Samples of a span, with the last one before it: shares of a processor need two."""
    before = [sample for sample in samples if sample.at < start]
    return before[-1:] + [sample for sample in samples if start <= sample.at <= end]


def usage(samples: Sequence[Sample]) -> Usage | None:
    """What samples in order come to; None for fewer than two.

    Percent of the processor are of one core: 200 is two cores in full use.
    """
    if len(samples) < 2:
        return None
    pairs = list(itertools.pairwise(samples))
    shares = [100 * (b.cpu - a.cpu) / (b.at - a.at) for a, b in pairs if b.at > a.at]
    seen = samples[1:]
    whole = 100 * (samples[-1].cpu - samples[0].cpu) / max(samples[-1].at - samples[0].at, 1e-9)
    host = [one.host_mb for one in seen]
    gpu = [one.gpu for one in seen if one.gpu is not None]
    device = [one.device_mb for one in seen if one.device_mb is not None]
    return Usage(
        max(shares), whole, max(host), _mean(host) or 0.0,
        max(gpu, default=None), _mean(gpu), max(device, default=None), _mean(device),
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
