"""The example module's network as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.modules.base import Arrays, GraphInput, ModuleExport

from .dataset import SIDE


class ColourExport(ModuleExport):
    """Logits (N, 2)."""

    def reference(self, net: Any, task: Any) -> Any:
        net.eval()
        return net

    def inference(self, net: Any, task: Any) -> Any:
        net.eval()
        return net

    def inputs(self, task: Any) -> Sequence[GraphInput]:
        return [GraphInput("x", (None, 3, SIDE, SIDE), "image")]

    def outputs(self, arrays: Arrays) -> Any:
        return {"logits": arrays[0]}

    def differences(self, expected: Arrays, got: Arrays) -> dict[str, float]:
        return {"logits": float(np.abs(expected[0] - got[0]).max())}
