"""A general text detector beside the seal detector: it finds lines of print, rectangular and line stamps among them.

It is loaded when it is first needed: most images have seals, and need none. The pipeline is complete without it: where
its model is not on this machine, `missing` says so and what to do.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from sealkit.errors import EngineError, WeightsError
from sealkit.geometry.regions import TextRegion
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from sealkit.pipeline.check_folder import check_folder
from sealkit.pipeline.locate import MissingModelError, locate_model
from sealkit.pipeline.settings import EngineSettings, LinesSettings
from sealkit.pipeline.speed import SpeedSettings, choose
from sealkit.runtime.devices import Device
from sealkit.runtime.files import ModelFiles
from sealkit.runtime.model import open_model
from sealkit.weights.wheels import WHEELS, find_in_wheel

MODULE = "seal_text_detection"


class LineDetector:
    """Finds the lines of print of an image.

    Attributes:
        settings: which model, its size and thresholds.
    """

    def __init__(
        self,
        settings: LinesSettings,
        levels: Sequence[EngineSettings],
        call: SpeedSettings,
        device: str | Device | None,
        threads: int,
    ) -> None:
        """See `sealkit.pipeline.speed.choose` for levels, call and device."""
        self.settings = settings
        self._levels, self._call, self._device, self._threads = levels, call, device, threads
        self._lock = threading.Lock()
        self._loaded: TextDetector | None = None

    @property
    def name(self) -> str:
        """The model and where it is from, for results."""
        return f"{self.settings.model_name} ({self.settings.model_dir or self.settings.weights})"

    @property
    def missing(self) -> str | None:
        """Why there is no model, and what to do; None where there is one.

        Raises:
            EngineError: the folder that the config names cannot be used.
        """
        return self._found if isinstance(self._found, str) else None

    @property
    def models(self) -> dict[str, Any]:
        """The inference model by the name of its section, once it is loaded."""
        return {} if self._loaded is None else {"Lines": self._loaded.model}

    def regions(self, image: np.ndarray) -> list[TextRegion]:
        """Outlines of all lines of an image (H, W, 3) uint8 BGR, in its pixels. Threads take turns.

        Raises:
            EngineError: the model is `missing`, or cannot be run.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded.regions(self._loaded.maps(image))

    @cached_property
    def _found(self) -> ModelFiles | str:
        """The model's files, or what `missing` says."""
        named = self.settings
        try:
            if named.model_dir is None and named.weights in WHEELS:
                find_in_wheel(named.weights, named.model_name)  # its error names the package to install
            return locate_model(named.model_name, named.model_dir, named.weights)
        except (MissingModelError, WeightsError) as error:
            return f"{error.what}: {error.hint}"

    def _load(self) -> TextDetector:
        if isinstance(self._found, str):
            raise EngineError(self._found)
        choice = choose(self._found, self._levels, self._call, self._device)
        model = open_model(choice.files, choice.engine, choice.device, self._threads, choice.options)
        check_folder(model, self.settings.model_name, MODULE)
        resize = DetResizeSettings(limit_side_len=self.settings.side, limit_type="max")
        numbers = self.settings.model_dump(include={"thresh", "box_thresh", "unclip_ratio"})
        return TextDetector.create(model, **numbers, **resize.model_dump())
