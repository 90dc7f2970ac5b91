"""From names and settings to running objects: `create_pipeline` and `create_model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.charset import Charset
from sealkit.config.load import load_settings
from sealkit.config.pipeline import EngineSettings, ModuleSettings, SealRecognitionSettings
from sealkit.config.seal_text_detection import DetResizeSettings
from sealkit.errors import ConfigError, EngineError
from sealkit.pipeline.detector import TextDetector, det_post, own_settings, refuse_unknown
from sealkit.pipeline.locate import locate_model
from sealkit.pipeline.recogniser import TextRecogniser
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.runtime.model import InferenceModel, load_model

DEFAULT = "embedded"
"""The config of create_pipeline() without a name."""


def create_pipeline(
    pipeline: str | Path | Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    device: str | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    use_hpip: bool | None = None,
    hpi_config: Mapping[str, Any] | None = None,
    threads: int | None = None,
    overrides: Any = (),
) -> SealRecognitionPipeline:
    """Build a pipeline.

    Args:
        pipeline: name of a shipped config, path of a YAML file, or settings as a dict; None: the embedded default,
            which needs no download.
        config: settings as a dict; wins over `pipeline` (PaddleX's name for it).
        device: cpu, gpu:0, npu:0, …; None: an NVIDIA card that an installed engine can use, else the CPU.
        engine: for every module whose settings name none; None: the config's, else the fastest installed one.
        engine_config: options of that engine.
        use_hpip, hpi_config: PaddleX's high-performance switches; `hpi_config["backend"]` names an engine.
        threads: CPU threads per network; None: all cores, at most 10.
        overrides: ["SubPipelines.SealOCR.SubModules.TextDetection.thresh=0.3"] or a dict, laid over the config.

    Raises:
        ConfigError: no such config; everything wrong in it, at once; or a stage that is not available.
        EngineError, DeviceError: a model folder or device that cannot be used.
    """
    source = config if config is not None else pipeline if pipeline is not None else DEFAULT
    loaded = load_settings("configs", source, SealRecognitionSettings, overrides)
    settings = loaded.settings
    for flag, stage in (
        ("use_layout_detection", "layout detection"),
        ("use_doc_preprocessor", "document preprocessing"),
    ):
        if getattr(settings, flag):
            raise ConfigError(
                f"{stage} is not available in this version",
                where=f"{loaded.origin((flag,)) if loaded.origin((flag,)) != 'default' else loaded.source}: {flag}",
                value=True,
                hint=f"set {flag}: false; seals are then found by the text detector itself (Search.enabled: true)",
            )
    if settings.reading == "reference":
        raise ConfigError(
            "reading: reference is not available in this version", where=loaded.source, hint="set reading: sealkit"
        )
    call = EngineSettings(
        engine=engine,
        engine_config=dict(engine_config) if engine_config else None,
        use_hpip=use_hpip,
        hpi_config=dict(hpi_config) if hpi_config else None,
    )
    levels = (settings.SubPipelines.SealOCR, call, settings)
    det, rec = settings.ocr.TextDetection, settings.ocr.TextRecognition
    detector = make_detector(
        _load(det, levels, device, threads),
        limit_side_len=det.limit_side_len,
        limit_type=det.limit_type,
        max_side_limit=det.largest_side,
        thresh=det.thresh,
        box_thresh=det.box_thresh,
        unclip_ratio=det.unclip_ratio,
        rings=det.rings,
    )
    charset = Charset.from_file(rec.charset) if rec.charset else None
    model = _load(rec, levels, device, threads)
    return SealRecognitionPipeline(settings, detector, TextRecogniser(model, charset, settings.Reading.width_step))


def create_model(
    model_name: str,
    model_dir: str | Path | None = None,
    *,
    device: str | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    threads: int | None = None,
    weights: str | None = None,
    **options: Any,
) -> TextDetector | TextRecogniser:
    """One module on its own; its `predict(input)` yields one result per picture.

    Args:
        model_name: official name, e.g. PP-OCRv4_mobile_seal_det or PP-OCRv6_small_rec; decides the module.
        model_dir: exported folder, official folder or .onnx file; None: what `weights` says.
        device, engine, engine_config, threads: as create_pipeline.
        weights: sealkit, rapidocr or official; None: the first that has the model.
        options: of a detector: limit_side_len, limit_type, max_side_limit, thresh, box_thresh, unclip_ratio, rings, …
    """
    path = locate_model(model_name, None if model_dir is None else str(model_dir), weights)
    model = load_model(path, engine, device, threads, engine_config)
    check_name(model, model_name)
    if module_of(model_name) == "seal_text_detection":
        return make_detector(model, **options)
    refuse_unknown(options)
    return TextRecogniser(model)


def make_detector(model: InferenceModel, **options: Any) -> TextDetector:
    """A detector with the sizes and thresholds its file asks for, both overridden by `options` that are not None.

    A folder sealkit wrote says what it was evaluated with; in others `resize_long` is PaddleX's short-side limit.
    """
    post = det_post(model.meta, **{k: v for k, v in options.items() if k not in DetResizeSettings.model_fields})
    side = model.meta.transform_ops.get("DetResizeForTest", {}).get("resize_long")
    said = {} if side is None else {"limit_side_len": int(side)}
    said = {**said, **own_settings(model.meta, "resize", DetResizeSettings)}
    given = {k: v for k, v in options.items() if k in DetResizeSettings.model_fields and v is not None}
    return TextDetector(model, DetResizeSettings(**{**said, **given}), post)


def module_of(model_name: str) -> str:
    """PaddleX's module of a model name, by the way these names are made.

    Raises:
        ConfigError: a name of neither kind.
    """
    if model_name.endswith("_det"):
        return "seal_text_detection"
    if model_name.endswith("_rec") or "_rec_" in model_name:
        return "text_recognition"
    raise ConfigError(
        "not a model this version can run on its own", where="model_name", value=model_name, hint="see `sealkit models`"
    )


def check_name(model: InferenceModel, model_name: str) -> None:
    """Refuse a folder that says it is another model (a folder without a name is taken for any)."""
    said = model.meta.model_name
    if said is not None and said != model_name:
        raise EngineError(
            f"the folder is a {said}, not a {model_name}",
            where=model.meta.where,
            hint=f"pass model_name {said}, or the folder of a {model_name}",
        )


def _load(
    module: ModuleSettings, levels: tuple[EngineSettings, ...], device: str | None, threads: int | None
) -> InferenceModel:
    """The module's model on the engine of the nearest level that names one: module, SealOCR, the call, the file."""
    engine: str | None = None
    options: Mapping[str, Any] | None = None
    for level in (module, *levels):
        backend = (level.hpi_config or {}).get("backend")
        if level.engine is not None or backend or level.use_hpip:
            engine = level.engine or backend or "auto"
            options = level.engine_config or (level.hpi_config or {}).get("backend_config")
            break
    else:
        options = next((lv.engine_config for lv in (module, *levels) if lv.engine_config), None)
    model = load_model(
        locate_model(module.model_name, module.model_dir, module.weights), engine, device, threads, options
    )
    check_name(model, module.model_name)
    return model
