"""Several devices: one worker process with a pipeline of its own on each, results in input order.

    for result in create_pipeline("my.yaml", device="gpu:0,1").predict("scans/"): …

Images are read here and dealt out, so that a PDF's pages are shared as well.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from inspect import signature
from typing import Any

from sealkit.engine.signals import unheard
from sealkit.errors import DeviceError, EngineError, SealkitError
from sealkit.images import iter_images
from sealkit.pipeline.build import build_pipeline
from sealkit.pipeline.call import fetch_any, layouts_of, refuse_old_inputs
from sealkit.pipeline.result import SealRecognitionResult
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.side_by_side import in_order
from sealkit.pipeline.speed import SpeedSettings
from sealkit.runtime.devices import Device, default_threads, parse_device, parse_devices


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
    ) -> None:
        """Start the workers.

        Raises:
            DeviceError, EngineError: a device or model that cannot be used; from the first worker that fails.
        """
        self.settings, self.devices, self.allow_url = settings, list(devices), allow_url
        on_cpu = sum(device.kind == "cpu" for device in devices)
        share = max(1, default_threads() // on_cpu) if on_cpu else None
        context = multiprocessing.get_context("spawn")  # engines do not survive a fork
        names = context.Queue()
        for device in devices:
            names.put(str(device))
        self._pool = ProcessPoolExecutor(
            len(devices), context, initializer=_start, initargs=(names, settings, call, threads or share)
        )
        try:
            self.engines = self._gather_engines()
        except BaseException:
            self.close()
            raise

    def _gather_engines(self) -> dict[str, str]:
        """Every worker is up, or the reason why not."""
        with unheard(signal.SIGINT):  # a terminal sends it to them, too: it is for the parent to say when they end
            barrier: list[Future[dict[str, str]]] = [self._pool.submit(_engines) for _ in self.devices]
        found: dict[str, list[str]] = {}
        try:
            for future in barrier:
                for module, engine in future.result().items():
                    found.setdefault(module, []).append(engine)
        except BrokenProcessPool as error:
            raise _dead() from error
        return {module: " | ".join(dict.fromkeys(engines)) for module, engines in found.items()}

    def predict(self, input: Any, *positional: Any, **options: Any) -> Iterator[Any]:
        """See SealRecognitionPipeline.predict.

        Raises:
            ConfigError: as there, but from the first result.
            EngineError: a worker died.
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
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(
        self, input: Any, options: Mapping[str, Any], layouts: Iterator[dict[str, Any]] | None
    ) -> Iterator[SealRecognitionResult]:
        def jobs() -> Iterator[tuple[Any, Any]]:
            for record in iter_images(input, fetch=fetch_any if self.allow_url else None):
                yield record, next(layouts) if layouts is not None else None

        try:
            yield from in_order(jobs(), lambda job: self._pool.submit(_read, *job, dict(options)), len(self.devices))
        except BrokenProcessPool as error:
            raise _dead() from error


def _dead() -> EngineError:
    return EngineError(
        "a worker process died",
        where="device",
        hint="it may have run out of memory: try fewer devices or smaller pages",
    )


# ----- in the workers -----

_WORKER: dict[str, Any] = {}
"""The worker's pipeline, or the error that kept it from being made: one per process, set by the pool's initialiser."""


def _start(names: Any, settings: SealRecognitionSettings, call: SpeedSettings, threads: int | None) -> None:
    try:
        device = str(parse_device(names.get()))
        _WORKER["pipeline"] = build_pipeline(settings, call, device, threads)
    except SealkitError as error:  # raised from here it would only be "the pool is broken"
        _WORKER["error"] = error


def _pipeline() -> SealRecognitionPipeline:
    if "error" in _WORKER:
        raise _WORKER["error"]
    pipeline: SealRecognitionPipeline = _WORKER["pipeline"]
    return pipeline


def _engines() -> dict[str, str]:
    return _pipeline().engines


def _read(record: Any, layout: Any, options: dict[str, Any]) -> Any:
    return _pipeline().predict_record(record, layout, options)
