"""Builds a pipeline from a checked config: finds, loads and connects its models."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sealkit.charset import Charset
from sealkit.errors import ConfigError, EngineError
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.modules.image_unwarping.predictor import Unwarper
from sealkit.modules.layout_detection.predictor import LayoutDetector
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.seal_text_detection.spec import DetectorSpec
from sealkit.modules.table import by_key
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.check_folder import check_folder
from sealkit.pipeline.doc_preprocessor import DocPreprocessor
from sealkit.pipeline.flow import Flow
from sealkit.pipeline.flows import flow_of
from sealkit.pipeline.line_detector import LineDetector
from sealkit.pipeline.locate import MissingModelError, locate_model, missing_hint, official_names
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import EngineSettings, ModuleSettings, SealRecognitionSettings
from sealkit.pipeline.speed import Choice, SpeedSettings, choose
from sealkit.runtime.devices import CPU
from sealkit.runtime.files import ModelFiles, ModelMeta
from sealkit.runtime.model import InferenceModel, open_model
from sealkit.runtime.signals import import_paddle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SideBySideRules:
    """Default number of images read at the same time."""

    max_images: int = 4
    """Each needs the memory of one more pass."""
    max_graph_bytes: int = 64 << 20
    """With larger graphs images are read one by one: server networks divide well among threads, and a pass of one
    needs a gigabyte."""


SIDE_BY_SIDE = SideBySideRules()


def build_pipeline(
    settings: SealRecognitionSettings,
    call: SpeedSettings,
    device: str | None = None,
    threads: int | None = None,
    allow_url: bool = False,
    at_once: int | None = 1,
) -> SealRecognitionPipeline:
    """A pipeline of checked settings on one device; see `create_pipeline`."""
    flow = flow_of(settings)
    models = _load_all(settings, call, device, threads)
    layout = preprocessor = None
    if "LayoutDetection" in models:
        layout = _layout(models["LayoutDetection"], settings, flow)
    if settings.use_doc_preprocessor and settings.SubPipelines.DocPreprocessor is not None:
        orientation, unwarping = models.get("DocOrientationClassify"), models.get("DocUnwarping")
        preprocessor = DocPreprocessor(
            None if orientation is None else OrientationClassifier(orientation),
            None if unwarping is None else Unwarper(unwarping),
            flow.turn,
        )
    detector = pipeline_detector(models["TextDetection"], settings, flow)
    recogniser = _recogniser(models["TextRecognition"], settings, flow)
    lines = None
    if settings.Lines is not None:
        lines = LineDetector(settings.Lines, [call, settings], call, device or None, detector.model.threads)
    pipeline = SealRecognitionPipeline(settings, detector, recogniser, layout, preprocessor, allow_url, lines)
    together = _at_once(pipeline, at_once)
    if together > 1:
        each = max(1, detector.model.threads // together)
        pipeline.read_beside(together, lambda: build_pipeline(settings, call, device, each))
    return pipeline


def _at_once(pipeline: SealRecognitionPipeline, asked: int | None) -> int:
    """How many images are read at the same time.

    Raises:
        ConfigError: more than one, and a network whose engine does not take it.
    """
    alone = {name: model.engine for name, model in pipeline.models.items() if not model.shareable}
    if asked is None:
        files = [model.files.onnx for model in pipeline.models.values()]
        size = sum(file.stat().st_size for file in files if file is not None)
        one_by_one = alone or size > SIDE_BY_SIDE.max_graph_bytes
        return 1 if one_by_one else min(SIDE_BY_SIDE.max_images, pipeline.detector.model.threads)
    if asked < 1 or (asked > 1 and alone):
        raise ConfigError(
            "images are read at the same time by ONNX Runtime on the CPU only" if asked > 0 else "must be 1 or more",
            where="at_once",
            value=asked if asked < 1 else alone,
            hint="with any engine, use several processes: device='cpu,cpu'" if asked > 0 else "1: one by one",
        )
    return asked


def pipeline_detector(model: InferenceModel, settings: SealRecognitionSettings, flow: Flow) -> TextDetector:
    """The detector of a pipeline: the numbers of its folder, and over them what the config says."""
    section = settings.ocr.TextDetection
    own = DetectorSpec.of_pipeline(model.meta)
    crop = {} if settings.Refine is None else settings.Refine.model_dump(include=set(type(own.crop).model_fields))
    spec = own.changed({**section.numbers, **crop, **flow.detector_options})
    _tell_overridden(model.meta, own, spec, flow)
    return TextDetector(model, spec, section.input_shape)


def _tell_overridden(meta: ModelMeta, own: DetectorSpec, spec: DetectorSpec, flow: Flow) -> None:
    """A config that overrides numbers a folder was evaluated with is obeyed, and not in silence."""
    if not meta.own("resize") and not meta.own("postprocess"):
        return
    differ = {name: pair for name, pair in own.differences(spec).items() if name not in flow.detector_options}
    if differ:
        listed = ", ".join(f"{name}: {mine} → {theirs}" for name, (mine, theirs) in differ.items())
        log.warning("%s: the config overrides numbers of this detector's folder: %s", meta.where, listed)


def _recogniser(model: InferenceModel, settings: SealRecognitionSettings, flow: Flow) -> TextRecogniser:
    section = settings.ocr.TextRecognition
    charset = Charset.from_file(section.charset) if section.charset else None
    step = flow.width_step(settings)
    return TextRecogniser(model, charset, step, section.input_shape, mixed_widths=flow.mixed_widths)


def _layout(model: InferenceModel, settings: SealRecognitionSettings, flow: Flow) -> Any:
    section = settings.SubModules.LayoutDetection
    options: dict[str, Any] = {} if section is None else section.numbers
    given = {key: value for key, value in options.items() if value is not None}
    return LayoutDetector.create(model, **given, **flow.layout_options)


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


def locate_all(settings: SealRecognitionSettings) -> dict[str, ModelFiles]:
    """The files of the models of a config, by key; all that are missing are named at once.

    Raises:
        EngineError: models or files of them are missing.
    """
    found: dict[str, ModelFiles] = {}
    problems: list[EngineError] = []
    for place, section in sections(settings).items():
        try:
            found[place] = locate_model(section.model_name, section.model_dir, section.weights)
        except EngineError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listed = "\n".join(f"  {number}. {error}" for number, error in enumerate(problems, 1))
        missing = [error.model for error in problems if isinstance(error, MissingModelError)]
        official = [name for name in dict.fromkeys(missing) if name in official_names()]
        hint = missing_hint(official) if len(official) > 1 else None
        raise EngineError(f"{len(problems)} models of this config cannot be used\n{listed}", hint=hint)
    return found


def _load_all(
    settings: SealRecognitionSettings, call: SpeedSettings, device: str | None, threads: int | None
) -> dict[str, InferenceModel]:
    """The models of a config by their keys, each on the engine of the nearest level that names one: module,
    sub-pipeline, call, file. ONNX Runtime prepares a graph on one core: several are loaded at the same time.

    Raises:
        EngineError, DeviceError: of the first model, in the order of the stages, that cannot be used.
    """
    used = sections(settings)
    pages, ocr = settings.SubPipelines.DocPreprocessor, settings.SubPipelines.SealOCR
    upper: dict[str, EngineSettings | None] = {"LayoutDetection": None}
    upper |= dict.fromkeys(("DocOrientationClassify", "DocUnwarping"), pages)
    choices: dict[str, Choice] = {}
    for place, files in locate_all(settings).items():
        levels = (used[place], upper.get(place, ocr), call, settings)
        choices[place] = choose(files, [level for level in levels if level is not None], call, device or None)

    if any(choice.engine == "paddle" for choice in choices.values()):
        import_paddle()  # before another engine starts threads

    def load(place: str) -> InferenceModel:
        choice = choices[place]
        model = open_model(choice.files, choice.engine, choice.device, threads, choice.options)
        check_folder(model, used[place].model_name, by_key()[place])
        return model

    if {(choice.engine, choice.device) for choice in choices.values()} != {("onnxruntime", CPU)}:
        return {place: load(place) for place in choices}
    with ThreadPoolExecutor(len(choices)) as pool:
        loading = {place: pool.submit(load, place) for place in choices}
    return {place: future.result() for place, future in loading.items()}
