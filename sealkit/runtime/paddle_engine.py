"""Paddle Inference. The only file of the runtime that imports paddle, and only when this engine is used."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sealkit.errors import EngineError
from sealkit.runtime.devices import Device
from sealkit.runtime.model import InferenceModel, TensorSpec
from sealkit.runtime.signals import import_paddle

log = logging.getLogger(__name__)

ONEDNN_TRAP = ("3.3.0", "3.3.1")
"""Paddle versions whose oneDNN fails on every graph with an interpolation operation (Paddle issue 77340)."""
INTERPOLATION = (b"nearest_interp", b"bilinear_interp", b"bicubic_interp", b"linear_interp", b"trilinear_interp")
OPTIONS = (
    "run_mode",
    "cpu_threads",
    "mkldnn_cache_capacity",
    "enable_new_ir",
    "delete_pass",
    "device_type",
    "device_id",
)
"""Keys of engine_config understood here: PaddleX's for paddle_static, as far as they concern this engine."""
RUN_MODES = ("paddle", "paddle_fp32", "mkldnn", "mkldnn_bf16")
_ELSEWHERE = "run its ONNX file with the engine onnxruntime"


def device_problem(engine: str, device: Device) -> str | None:
    """Why this machine's Paddle cannot use the device, or None."""
    import_paddle()
    import paddle

    if device.kind == "gpu":
        if not paddle.device.is_compiled_with_cuda():
            return "this paddlepaddle is built for the CPU; install paddlepaddle-gpu"
        count = paddle.device.cuda.device_count()
        return None if device.index < count else f"{count} card(s) found"
    if device.kind == "xpu":
        return None if paddle.device.is_compiled_with_xpu() else "this paddlepaddle is not built for XPU"
    kinds = paddle.device.get_all_custom_device_type()
    if device.kind not in kinds:
        return f"no Paddle plug-in for {device.kind} is installed (found: {', '.join(kinds) or 'none'})"
    return None


def has_interpolation(program: bytes) -> bool:
    """Whether a saved program (inference.json or .pdmodel) contains an interpolation operation."""
    return any(name in program for name in INTERPOLATION)


class PaddleModel(InferenceModel):
    """A model on Paddle Inference."""

    engine = "paddle"

    def _open(self, options: Mapping[str, Any]) -> tuple[list[TensorSpec], list[TensorSpec]]:
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise EngineError(
                "unknown keys in engine_config", where=self.engine, value=unknown, hint=f"known: {', '.join(OPTIONS)}"
            )
        mode = options.get("run_mode", "mkldnn" if self.device.kind == "cpu" else "paddle")
        if mode not in RUN_MODES:
            raise EngineError(
                "unknown run mode", where="engine_config.run_mode", value=mode, hint=f"one of {', '.join(RUN_MODES)}"
            )
        self._options = dict(options, run_mode=mode)
        self._runs = 0
        onednn = str(mode).startswith("mkldnn") and self.device.kind == "cpu"
        if onednn and "run_mode" not in options:
            onednn = not self._trapped()
        self._start(onednn)
        return self._specs()

    def _trapped(self) -> bool:
        """Whether oneDNN is known to fail on this graph with this Paddle; then it stays off, and a note says so."""
        import_paddle()
        import paddle

        if paddle.__version__ not in ONEDNN_TRAP or not has_interpolation(self._program().read_bytes()):
            return False
        self._note(
            f"oneDNN is off: Paddle {paddle.__version__} fails on graphs with interpolation (Paddle issue 77340); "
            "export without interpolation (`sealkit export`) or use Paddle 3.2.2 to keep it on"
        )
        return True

    def _program(self) -> Any:
        if self.files.program is None:
            raise EngineError(
                "no Paddle program", where=str(self.path), hint=f"export the model again, or {_ELSEWHERE}"
            )
        return self.files.program

    def _note(self, text: str) -> None:
        self.notes.append(text)
        log.warning("%s: %s", self.path, text)

    def _start(self, onednn: bool) -> None:
        import_paddle()
        from paddle import inference

        self._onednn = onednn
        config = inference.Config(str(self._program()), str(self.files.params))
        config.disable_glog_info()
        config.enable_memory_optim()
        pir = self._program().suffix == ".json"
        if pir or self._options.get("enable_new_ir"):
            config.enable_new_ir(True)
            config.enable_new_executor()
        if self.device.kind == "cpu":
            config.disable_gpu()
            config.set_cpu_math_library_num_threads(int(self._options.get("cpu_threads", self.threads)))
            if onednn:
                config.enable_mkldnn()
                config.set_mkldnn_cache_capacity(int(self._options.get("mkldnn_cache_capacity", 10)))
                if self._options["run_mode"] == "mkldnn_bf16":
                    config.enable_mkldnn_bfloat16()
            else:
                config.disable_mkldnn()
        elif self.device.kind == "gpu":
            config.enable_use_gpu(200, self.device.index)
        elif self.device.kind == "xpu":
            config.enable_xpu()
            config.set_xpu_device_id(self.device.index)
        else:
            config.enable_custom_device(self.device.kind, self.device.index)
        for name in self._options.get("delete_pass") or ():
            config.delete_pass(name)
        try:
            self._session = inference.create_predictor(config)
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineError(
                f"Paddle cannot load the graph: {_summary(error)}",
                where=str(self._program()),
                hint=f"export it again with the installed Paddle version, or {_ELSEWHERE}",
            ) from error

    def _specs(self) -> tuple[list[TensorSpec], list[TensorSpec]]:
        """Names only: the predictor tells neither shapes nor types. All graphs of PaddleX's pipelines take float32."""
        f32 = np.dtype(np.float32)
        inputs = [TensorSpec(name, f32, ()) for name in self._session.get_input_names()]
        return inputs, [TensorSpec(name, f32, ()) for name in self._session.get_output_names()]

    def _execute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        try:
            with contextlib.nullcontext() if self._runs else stdout_to_stderr():
                results = self._once(arrays)
        except (RuntimeError, ValueError, OSError, NotImplementedError) as error:
            if self._runs or not self._onednn:
                raise self._failure(error, arrays) from error
            # Other Paddle builds have other holes in oneDNN: once, before anything has worked, try without it.
            self._start(onednn=False)
            try:
                results = self._once(arrays)
            except (RuntimeError, ValueError, OSError, NotImplementedError) as second:
                raise self._failure(second, arrays) from second
            self._note(f"oneDNN is off: it failed on this graph ({_summary(error)})")
        self._runs += 1
        return results

    def _once(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        for spec, array in zip(self.inputs, arrays):
            handle = self._session.get_input_handle(spec.name)
            handle.reshape(array.shape)
            handle.copy_from_cpu(array)
        self._session.run()
        return [self._session.get_output_handle(spec.name).copy_to_cpu() for spec in self.outputs]

    def _failure(self, error: Exception, arrays: list[np.ndarray]) -> EngineError:
        shapes = {spec.name: array.shape for spec, array in zip(self.inputs, arrays)}
        hint = f"`sealkit doctor` tests Paddle on this machine; or {_ELSEWHERE}"
        return EngineError(f"Paddle failed: {_summary(error)}", where=str(self.path), value=shapes, hint=hint)


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Paddle 3.2 writes debugging lines to stdout on a graph's first run under oneDNN; stdout is the user's."""
    sys.stdout.flush()
    try:
        saved = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # no such descriptors, e.g. in a service without a terminal
        yield
        return
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def _summary(error: Exception) -> str:
    """The line of a Paddle error that says what happened (its messages begin with a C++ stack)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    errors = [line for line in lines if "Error:" in line]
    return (errors or lines or [type(error).__name__])[-1][:300]


CLASSES: dict[str, type[InferenceModel]] = {"paddle": PaddleModel}
