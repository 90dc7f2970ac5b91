"""ONNX Runtime, on its own providers and through it TensorRT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import DeviceError, EngineError
from sealkit.runtime.devices import Device, nvidia_present
from sealkit.runtime.model import InferenceModel, TensorSpec

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "gpu": "CUDAExecutionProvider",
    "npu": "CANNExecutionProvider",
    "dcu": "ROCMExecutionProvider",
}
TENSORRT = "TensorrtExecutionProvider"
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
OPTIONS = ("precision", "graph_optimization_level", "inter_op_num_threads", "trt_shapes", "trt_cache")
"""Supported keys of engine_config."""


def device_problem(engine: str, device: Device) -> str | None:
    """Why this machine's ONNX Runtime cannot use the device, or None."""
    import onnxruntime

    provider = TENSORRT if engine == "tensorrt" else PROVIDERS[device.kind]
    if provider not in onnxruntime.get_available_providers():
        package = {"gpu": "onnxruntime-gpu", "npu": "onnxruntime-cann"}.get(device.kind, "onnxruntime built for it")
        return f"this onnxruntime has no {provider}; install {package} in place of onnxruntime"
    if device.kind == "gpu" and not nvidia_present():
        return "no NVIDIA card found"
    return None


class OnnxRuntimeModel(InferenceModel):
    """A model on ONNX Runtime."""

    engine = "onnxruntime"

    @property
    def shareable(self) -> bool:
        """True on the CPU."""
        return self.device.kind == "cpu"

    def _open(self, options: Mapping[str, Any]) -> tuple[list[TensorSpec], list[TensorSpec]]:
        import onnxruntime as ort

        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise EngineError(
                "unknown keys in engine_config", where=self.engine, value=unknown, hint=f"known: {', '.join(OPTIONS)}"
            )
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = self.threads
        settings.inter_op_num_threads = int(options.get("inter_op_num_threads", 1))
        settings.log_severity_level = 3
        # Widths differ from batch to batch; memory patterns only help repeated shapes and keep one arena per shape.
        settings.enable_mem_pattern = False
        level = str(options.get("graph_optimization_level", "all"))
        levels = ort.GraphOptimizationLevel
        table = {"disable": levels.ORT_DISABLE_ALL, "basic": levels.ORT_ENABLE_BASIC, "all": levels.ORT_ENABLE_ALL}
        if level not in table:
            raise EngineError(
                "unknown value", where="engine_config.graph_optimization_level", value=level, hint="disable, basic, all"
            )
        settings.graph_optimization_level = table[level]
        try:
            self._session = ort.InferenceSession(str(self.files.onnx), settings, providers=self._providers(options))
        except Exception as error:  # onnxruntime's own exceptions share no public base
            raise EngineError(
                f"onnxruntime cannot load the graph: {_first_line(error)}", where=str(self.files.onnx)
            ) from error
        wanted = TENSORRT if self.engine == "tensorrt" else PROVIDERS[self.device.kind]
        if wanted not in self._session.get_providers():  # onnxruntime falls back to the CPU with a mere warning
            raise DeviceError(
                f"onnxruntime could not start {wanted}",
                where="device",
                value=str(self.device),
                hint="check that the CUDA, cuDNN and TensorRT libraries it was built for are installed",
            )
        return [_spec(i) for i in self._session.get_inputs()], [_spec(o) for o in self._session.get_outputs()]

    def _providers(self, options: Mapping[str, Any]) -> list[Any]:
        if self.device.kind == "cpu":
            return [PROVIDERS["cpu"]]
        return [(PROVIDERS[self.device.kind], {"device_id": self.device.index}), PROVIDERS["cpu"]]

    def _execute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        feeds = {spec.name: array for spec, array in zip(self.inputs, arrays)}
        try:
            return list(self._session.run(None, feeds))
        except Exception as error:  # as above
            shapes = {spec.name: array.shape for spec, array in zip(self.inputs, arrays)}
            raise EngineError(
                f"onnxruntime failed: {_first_line(error)}", where=str(self.path), value=shapes
            ) from error


class TensorRtModel(OnnxRuntimeModel):
    """TensorRT through ONNX Runtime's provider; engines are cached beside the model (or in `trt_cache`).

    engine_config: `precision` fp32 or fp16; `trt_shapes` {input: [min, opt, max shapes]} for graphs with free sizes.
    """

    engine = "tensorrt"

    def _providers(self, options: Mapping[str, Any]) -> list[Any]:
        cache = Path(options.get("trt_cache") or Path(self.files.onnx or self.path).parent / "trt_cache")
        precision = options.get("precision", "fp32")
        if precision not in ("fp32", "fp16"):
            raise EngineError(
                "unknown precision", where="engine_config.precision", value=precision, hint="fp32 or fp16"
            )
        settings: dict[str, Any] = {
            "device_id": self.device.index,
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(cache),
            "trt_fp16_enable": precision == "fp16",
        }
        for place, key in enumerate(("min", "opt", "max")):
            shapes = [
                f"{name}:{'x'.join(map(str, three[place]))}" for name, three in options.get("trt_shapes", {}).items()
            ]
            if shapes:
                settings[f"trt_profile_{key}_shapes"] = ",".join(shapes)
        return [(TENSORRT, settings), (PROVIDERS["gpu"], {"device_id": self.device.index}), PROVIDERS["cpu"]]


def _spec(node: Any) -> TensorSpec:
    shape = tuple(d if isinstance(d, int) and d >= 0 else None for d in node.shape or ())
    return TensorSpec(node.name, np.dtype(DTYPES.get(node.type, np.float32)), shape)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


CLASSES: dict[str, type[InferenceModel]] = {"onnxruntime": OnnxRuntimeModel, "tensorrt": TensorRtModel}
