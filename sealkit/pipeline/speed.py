"""Which engine runs a model, and how: the settings of the config's levels and of the call, PaddleX's and PaddleOCR 3's
names for them, and the ONNX file that a folder of Paddle files lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from sealkit.errors import ConfigError, EngineError, ExportError
from sealkit.pipeline.settings import EngineSettings
from sealkit.runtime.devices import Device, parse_device
from sealkit.runtime.engines import ALIASES, ENGINES
from sealkit.runtime.files import ONNX, ModelFiles
from sealkit.runtime.model import choose_engine

log = logging.getLogger(__name__)


class SpeedSettings(EngineSettings):
    """What `create_pipeline` and `create_model` say of engines, for all models: PaddleX's keywords, and those that
    PaddleOCR 3's classes have. None: not said."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enable_hpi: bool | None = None
    """PaddleOCR's name of use_hpip."""
    use_tensorrt: bool | None = None
    """The engine tensorrt."""
    precision: Literal["fp32", "fp16"] | None = None
    """Of TensorRT and OpenVINO; the other engines compute in fp32."""
    enable_mkldnn: bool | None = None
    """oneDNN, of the engine paddle on a CPU: on unless it is known to fail."""
    mkldnn_cache_capacity: int | None = Field(None, gt=0)
    """Shapes that oneDNN remembers."""
    cpu_threads: int | None = Field(None, gt=0)
    """`threads`."""
    enable_cinn: bool | None = None
    """Paddle's compiler, which inference here does not use."""

    def laid_over(self, engine: str, device: Device, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """The options of an engine with what the call says of it; what has no effect there is told."""
        said = {name: getattr(self, name) for name in _WORDS if getattr(self, name) is not None}
        options = dict(options or {})
        unused = []
        for name, value in said.items():
            made = _WORDS[name](engine, device, value)
            if made is None:
                unused.append(f"{name}={value!r}")
            else:
                options = {**made, **options}
        if unused:
            log.warning("no effect on %s (%s): %s", engine, device, ", ".join(unused))
        return options


def _precision(engine: str, device: Device, value: str) -> dict[str, Any] | None:
    if engine in ("tensorrt", "openvino"):
        return {"precision": value}
    return {} if value == "fp32" else None


def _mkldnn(engine: str, device: Device, value: bool) -> dict[str, Any] | None:
    if engine == "paddle" and device.kind == "cpu":
        return {} if value else {"run_mode": "paddle"}
    return {}  # other engines have kernels of their own, and oneDNN or not is nothing to warn of


def _cache(engine: str, device: Device, value: int) -> dict[str, Any] | None:
    return {"mkldnn_cache_capacity": value} if engine == "paddle" and device.kind == "cpu" else {}


def _cinn(engine: str, device: Device, value: bool) -> dict[str, Any] | None:
    return None if value else {}


_WORDS: dict[str, Callable[[str, Device, Any], dict[str, Any] | None]] = {
    "precision": _precision,
    "enable_mkldnn": _mkldnn,
    "mkldnn_cache_capacity": _cache,
    "enable_cinn": _cinn,
}
"""Keyword → the engine's options it means; None: it has no effect where one is expected."""
NAMES = ("enable_hpi", "use_tensorrt", *_WORDS, "cpu_threads")
"""PaddleOCR 3's keywords."""


def call_settings(
    given: Mapping[str, Any], engine: str | None, options: Mapping[str, Any], where: str
) -> SpeedSettings:
    """The settings of a call.

    Args:
        given: use_hpip, hpi_config, engine_config.
        engine: that the call names.
        options: PaddleOCR 3's keywords, None where they are not given.
        where: the call, for messages.

    Raises:
        ConfigError: a value of the wrong kind; keywords that contradict each other.
    """
    values = {**given, **{name: value for name, value in options.items() if value is not None}}
    hpi = [values.get(name) for name in ("use_hpip", "enable_hpi") if values.get(name) is not None]
    if len(set(hpi)) > 1:
        raise ConfigError("use_hpip and enable_hpi are two names of one thing", where=where, value=hpi)
    if values.get("use_tensorrt"):
        if engine not in (None, "tensorrt"):
            raise ConfigError("use_tensorrt names another engine", where=where, value=engine, hint="leave one out")
        engine = "tensorrt"
    try:
        return SpeedSettings(engine=engine, **{**values, "use_hpip": hpi[0] if hpi else None})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(map(str, detail["loc"]))
        raise ConfigError(
            f"{name}: {detail['msg'][0].lower()}{detail['msg'][1:]}", where=where, value=detail["input"]
        ) from error


def threads_of(call: SpeedSettings, threads: int | None, where: str) -> int | None:
    """`threads`, by either name.

    Raises:
        ConfigError: both, and not the same.
    """
    if threads is not None and call.cpu_threads not in (None, threads):
        raise ConfigError(
            "threads and cpu_threads are two names of one thing", where=where, value=[threads, call.cpu_threads]
        )
    return threads if threads is not None else call.cpu_threads


@dataclass(frozen=True)
class Choice:
    """A model that is to be loaded: its files, and the engine, device and options that were chosen for it."""

    files: ModelFiles
    engine: str
    device: Device
    options: Mapping[str, Any]


def choose(
    files: ModelFiles, levels: Sequence[EngineSettings], call: SpeedSettings, device: str | Device | None
) -> Choice:
    """How a model is run.

    Args:
        files: of the model.
        levels: settings that may name an engine, the nearest first; the call is one of them.
        call: what it says of every model.
        device: None: an NVIDIA card that an engine can use, else the CPU.

    Raises:
        EngineError, DeviceError: no engine can run it there; an ONNX file that was asked for cannot be made.
    """
    wanted = parse_device(device) if isinstance(device, str) else device
    engine, options = engine_of(levels)
    files = with_onnx(files, engine, wanted, levels)
    chosen, on = choose_engine(files, engine, wanted)
    own = options_of(options, chosen) if options else None
    return Choice(files, chosen, on, call.laid_over(chosen, on, own))


def engine_of(levels: Sequence[EngineSettings]) -> tuple[str | None, Mapping[str, Any] | None]:
    """Engine and its options from settings, the nearest level first. A level that names an engine inherits nothing."""
    level = _deciding(levels)
    if level is None:
        return None, next((level.engine_config for level in levels if level.engine_config), None)
    hpi = level.hpi_config or {}
    engine = level.engine or hpi.get("backend") or "auto"
    options = level.engine_config or hpi.get("backend_config")
    return ("auto" if engine == "hpi" else engine), options


def _deciding(levels: Sequence[EngineSettings]) -> EngineSettings | None:
    """The nearest level that says which engine."""
    named = (lv for lv in levels if lv.engine is not None or (lv.hpi_config or {}).get("backend") or lv.use_hpip)
    return next(named, None)


def options_of(options: Mapping[str, Any], chosen: str) -> Mapping[str, Any] | None:
    """The options of the engine that was chosen: `options` as they are, or the part under its name.

    Raises:
        ConfigError: names of engines and options side by side.
    """
    named = [key for key in options if key in ENGINES or key in ALIASES]
    if not named:
        return options
    if len(named) != len(options):
        raise ConfigError(
            "engine_config mixes names of engines with options",
            where="engine_config",
            value=list(options),
            hint="give the options of one engine, or a block per engine",
        )
    return next((options[key] for key in named if ALIASES.get(key, key) == chosen), None)


def with_onnx(
    files: ModelFiles, engine: str | None, device: Device | None, levels: Sequence[EngineSettings]
) -> ModelFiles:
    """The files with an ONNX file where there is none and one is asked for: by high performance (`use_hpip`,
    `hpi_config`, engine hpi) or by an engine that reads no other. It is converted once and kept.

    Raises:
        EngineError: a named engine needs one, and it cannot be made.
    """
    if files.onnx is not None or not files.has_paddle:
        return files
    level = _deciding(levels)
    if level is None:
        return files
    hpi = level.hpi_config or {}
    named = ALIASES.get(str(engine), str(engine)) if engine not in (None, "auto") else None
    fast = bool(level.use_hpip or level.hpi_config or level.engine == "hpi")
    if hpi.get("auto_paddle2onnx") is False or (named is None and not fast):
        return files
    if named is not None and (named not in ENGINES or ENGINES[named].files != "onnx"):
        return files
    try:
        chosen, _ = choose_engine(replace(files, onnx=files.path / ONNX), engine, device)
    except EngineError:  # it is told with the true files
        return files
    if ENGINES[chosen].files != "onnx":
        return files
    from sealkit.export.on_use import converted  # needs packages of the extra `train`

    try:
        return replace(files, onnx=converted(files, chosen))
    except ExportError as error:
        if named is not None:
            raise EngineError(
                f"engine {named} needs an ONNX file, which cannot be made: {error.what}",
                where=str(files.path),
                hint=f"{error.hint}; or use the engine paddle",
            ) from error
        log.warning("%s: high performance is lost, Paddle runs it: %s (%s)", files.path, error.what, error.hint)
        return files


__all__ = ["NAMES", "Choice", "SpeedSettings", "call_settings", "choose", "engine_of", "options_of", "threads_of"]
