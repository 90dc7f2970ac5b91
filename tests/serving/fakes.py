"""A pipeline that does what a request tells it to, for tests of everything around it.

`sealDetLimitType` is the order: "sleep 0.5", "die" (as under kill -9), "crash", "take 1000" (bytes), "engine 1000" (an
engine that fails for want of memory in words of its own), "raise", "config" (a refused parameter).
Worker processes of tests load this file: it imports little.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from sealkit.errors import ConfigError, EngineError
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.worker import WorkerSpec


class FakeResult(dict[str, Any]):
    """As much of a result as the service uses."""

    @property
    def json(self) -> dict[str, Any]:
        return {"res": dict(self)}

    @property
    def img(self) -> dict[str, Image.Image]:
        height, width = self["size"]
        return {
            "layout_det_res": Image.new("RGB", (width, height), (255, 0, 0)),
            "seal_res_region1": Image.new("RGB", (2 * width, height), (0, 255, 0)),
        }


class FakePipeline:
    """Counts its calls, tells the mean colour of each image and the parameters it was given."""

    engines: dict[str, str] = {"Fake": "none"}  # noqa: RUF012

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, input: Iterator[np.ndarray], **parameters: Any) -> Iterator[FakeResult]:
        self.calls += 1
        order, _, value = str(parameters.get("seal_det_limit_type", "")).partition(" ")
        if order == "sleep":
            time.sleep(float(value))
        elif order == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif order == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)  # as a decoder's own fault does
        elif order == "take":
            bytearray(int(value))
        elif order == "engine":
            held = [bytearray(int(value))]
            with contextlib.suppress(MemoryError):
                held.append(bytearray(int(value)))
            raise EngineError("bad allocation")
        elif order == "raise":
            raise ZeroDivisionError("as told")
        elif order == "config":
            raise ConfigError("this cannot be", where="seal_det_limit_type", value=order)
        for index, image in enumerate(input):
            inner = {"input_path": None, "page_index": None, "rec_texts": ["印章"], "rec_scores": [0.5]}
            yield FakeResult(
                input_path="secret.png",
                page_index=index,
                model_settings={"use_layout_detection": False},
                seal_res_list=[inner],
                size=list(image.shape[:2]),
                mean=[float(v) for v in image.mean(axis=(0, 1)).round(1)],
                parameters=parameters,
                pid=os.getpid(),
            )


def create(fail: bool = False, slow: float = 0.0) -> FakePipeline:
    """What a worker of a test loads."""
    time.sleep(slow)
    if fail:
        raise EngineError("no such model", where="here", hint="look there")
    return FakePipeline()


def specs(count: int, settings: ServingSettings, **options: Any) -> list[WorkerSpec]:
    return [WorkerSpec(create, options, settings)] * count
