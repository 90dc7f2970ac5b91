"""Inference models without a graph, for tests that say what a network answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.runtime.devices import CPU
from sealkit.runtime.files import ModelFiles, ModelMeta
from sealkit.runtime.model import InferenceModel, TensorSpec


class FakeInference(InferenceModel):
    """A model that opens nothing; a subclass answers `run`."""

    batch_limit: int | None = None

    def __init__(self, meta: ModelMeta, engine: str = "fake") -> None:
        self.engine = engine
        super().__init__(ModelFiles(Path(engine)), meta, CPU, 1, {})

    def _open(self, options: Mapping[str, Any]) -> tuple[list[TensorSpec], list[TensorSpec]]:
        return [], []

    def _execute(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise NotImplementedError("a fake answers `run`")
