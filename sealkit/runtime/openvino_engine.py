"""OpenVINO, reading ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sealkit.errors import EngineError
from sealkit.runtime.devices import Device
from sealkit.runtime.model import InferenceModel, TensorSpec

OPTIONS = ("precision", "cache_dir")
"""Supported keys of engine_config."""


def device_problem(engine: str, device: Device) -> str | None:
    """Why OpenVINO cannot use the device, or None. Its GPU and NPU are Intel's."""
    import openvino

    available = openvino.Core().available_devices
    name = device.kind.upper()
    if name in available or f"{name}.{device.index}" in available:
        return None
    return f"OpenVINO sees {', '.join(available) or 'no devices'} (its GPU and NPU are Intel's)"


class OpenVinoModel(InferenceModel):
    """A model on OpenVINO."""

    engine = "openvino"

    def _open(self, options: Mapping[str, Any]) -> tuple[list[TensorSpec], list[TensorSpec]]:
        import openvino

        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise EngineError(
                "unknown keys in engine_config", where=self.engine, value=unknown, hint=f"known: {', '.join(OPTIONS)}"
            )
        precision = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}.get(str(options.get("precision", "fp32")))
        if precision is None:
            raise EngineError(
                "unknown precision",
                where="engine_config.precision",
                value=options["precision"],
                hint="fp32, fp16, bf16",
            )
        device = "CPU" if self.device.kind == "cpu" else f"{self.device.kind.upper()}.{self.device.index}"
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            # Without this a CPU with bf16 units computes in bf16: scores differ in the third decimal.
            "INFERENCE_PRECISION_HINT": precision,
        }
        if device == "CPU":
            settings["INFERENCE_NUM_THREADS"] = self.threads
        if options.get("cache_dir"):
            settings["CACHE_DIR"] = str(options["cache_dir"])
        try:
            core = openvino.Core()
            graph = core.read_model(str(self.files.onnx))
            self._session = core.compile_model(graph, device, settings)
        except RuntimeError as error:
            line = (str(error).strip().splitlines() or [""])[-1]
            raise EngineError(f"OpenVINO cannot load the graph: {line}", where=str(self.files.onnx)) from error
        self._request = self._session.create_infer_request()
        return [_spec(p) for p in self._session.inputs], [_spec(p) for p in self._session.outputs]

    def _execute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        try:
            results = self._request.infer(dict(enumerate(arrays)), share_inputs=True)
        except RuntimeError as error:
            shapes = {spec.name: array.shape for spec, array in zip(self.inputs, arrays)}
            line = (str(error).strip().splitlines() or [""])[-1]
            raise EngineError(f"OpenVINO failed: {line}", where=str(self.path), value=shapes) from error
        # The request's buffers are reused by the next run.
        return [np.array(results[port]) for port in self._session.outputs]

    def close(self) -> None:
        """Free the compiled model."""
        self.__dict__.pop("_request", None)
        super().close()


def _spec(port: Any) -> TensorSpec:
    shape = tuple(None if d.is_dynamic else d.get_length() for d in port.get_partial_shape())
    return TensorSpec(port.get_any_name(), np.dtype(port.get_element_type().to_dtype()), shape)


CLASSES: dict[str, type[InferenceModel]] = {"openvino": OpenVinoModel}
