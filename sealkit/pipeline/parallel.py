"""Several devices or processes: a worker with a pipeline of its own on each, results in input order.

    for result in create_pipeline("my.yaml", device="gpu:0,1").predict("scans/"): …

Images are read here and dealt out, so that a PDF's pages are shared as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from typing import Any

from sealkit.errors import DeviceError, EngineError, ImageError
from sealkit.images import ImageRecord, iter_images
from sealkit.pipeline.build import build_pipeline
from sealkit.pipeline.call import fetch_any, layouts_of, refuse_old_inputs
from sealkit.pipeline.result import SealRecognitionResult
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.speed import SpeedSettings
from sealkit.runtime.devices import Device, default_threads, parse_devices
from sealkit.workers.order import JOBS_PER_WORKER
from sealkit.workers.pool import Pool, Workers
from sealkit.workers.processes import LocalProcesses


def split_devices(text: str) -> list[Device]:
    """`gpu:0,1`, `gpu:0,gpu:2`, `cpu,cpu` → devices; a repeated device has several workers, which suits the CPU only.

    Raises:
        DeviceError: malformed, unknown, or a device other than the CPU named twice.
    """
    devices: list[Device] = []
    for part in text.split(","):
        number = part.strip()
        if number.isdigit() and devices and devices[-1].kind != "cpu":
            devices.append(Device(devices[-1].kind, int(number)))
        else:
            devices += parse_devices(part)
    repeated = [d for d in devices if d.kind != "cpu" and devices.count(d) > 1]
    if repeated:
        raise DeviceError("a device is listed twice", where="device", value=text, hint=f"list {repeated[0]} once")
    return devices


@dataclass(frozen=True)
class Reading:
    """One image to be read.

    Attributes:
        record: the image, or why there is none.
        layout: boxes found elsewhere, or None.
        options: the other parameters of `predict`.
    """

    record: ImageRecord
    layout: Any
    options: Mapping[str, Any]

    def __str__(self) -> str:
        """The image's name, for messages."""
        page = "" if self.record.page_index is None else f", page {self.record.page_index}"
        return f"{self.record.input_path or f'image {self.record.input_index}'}{page}"


class ParallelPipeline:
    """A pipeline on several devices; `predict` is that of SealRecognitionPipeline.

    Attributes:
        settings: the checked config.
        devices: one worker each.
    """

    def __init__(
        self,
        settings: SealRecognitionSettings,
        call: SpeedSettings,
        devices: Sequence[Device],
        threads: int | None = None,
        allow_url: bool = False,
        ray: str | None = None,
    ) -> None:
        """Start the workers.

        Args:
            ray: address of a cluster that has the workers; without devices one per core of it, on the CPU.

        Raises:
            DeviceError, EngineError: a device or model that cannot be used; from the first worker that fails.
        """
        self.settings, self.devices, self.allow_url = settings, list(devices), allow_url
        on_cpu = sum(device.kind == "cpu" for device in devices)
        share = max(1, default_threads() // on_cpu) if on_cpu else None
        if ray is not None:
            share = 1
        make = partial(_make, [str(device) for device in devices], settings, call, threads or share)
        place = None if ray is not None else LocalProcesses(one_thread=False)
        self._pool = Pool(make, Workers(len(devices), ray), place)
        try:
            self._pool.until_ready()
        except BaseException:
            self.close()
            raise
        found: dict[str, list[str]] = {}
        for _, engines in sorted(self._pool.about.items()):
            for module, engine in engines.items():
                found.setdefault(module, []).append(engine)
        self.engines = {module: " | ".join(dict.fromkeys(engines)) for module, engines in found.items()}

    def predict(self, input: Any, *positional: Any, **options: Any) -> Iterator[Any]:
        """See SealRecognitionPipeline.predict. An image at which two workers died has a result with that error.

        Raises:
            ConfigError: as there, but from the first result.
        """
        bound = signature(SealRecognitionPipeline.predict).bind(None, input, *positional, **options)  # or TypeError
        options = {name: value for name, value in bound.arguments.items() if name not in ("self", "input")}
        refuse_old_inputs(input)
        layouts = layouts_of(options.get("layout_det_res"))
        others = {name: value for name, value in options.items() if name != "layout_det_res"}
        return self._run(input, others, layouts)

    __call__ = predict

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _run(
        self, input: Any, options: Mapping[str, Any], layouts: Iterator[dict[str, Any]] | None
    ) -> Iterator[SealRecognitionResult]:
        def jobs() -> Iterator[Reading]:
            for record in iter_images(input, fetch=fetch_any if self.allow_url else None):
                yield Reading(record, next(layouts) if layouts is not None else None, options)

        for result in self._pool.map(jobs(), _lost, JOBS_PER_WORKER):
            yield self._pool.submit(result).result() if isinstance(result, Reading) else result


def _lost(job: Reading, error: EngineError) -> Reading:
    """An image at which workers died, as one that cannot be read: its result is made like that of any such image."""
    trouble = ImageError(error.what, where=error.where, value=error.value, hint=error.hint)
    return replace(job, record=replace(job.record, image=None, error=trouble))


# ----- in the workers -----


def _make(
    devices: Sequence[str], settings: SealRecognitionSettings, call: SpeedSettings, threads: int | None, number: int
) -> tuple[Callable[[Reading], Any], dict[str, str]]:
    device = devices[number] if devices else "cpu"
    pipeline = build_pipeline(settings, call, device, threads)
    return partial(_read, pipeline), pipeline.engines


def _read(pipeline: SealRecognitionPipeline, job: Reading) -> Any:
    return pipeline.predict_record(job.record, job.layout, job.options)
