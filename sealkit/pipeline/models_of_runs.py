"""Trained models in a pipeline: run folders and exported folders become overrides of its config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealkit.config.load import merged_tree
from sealkit.errors import ConfigError
from sealkit.files import write_text
from sealkit.modules.table import module_of, of_flag
from sealkit.pipeline.check_folder import module_said
from sealkit.runtime.files import ModelFiles, ModelMeta

EXPORTED = "inference"
"""Folder of a run that holds its exported model."""
_DETECTOR = "SubPipelines.SealOCR.SubModules.TextDetection"
_RECOGNISER = "SubPipelines.SealOCR.SubModules.TextRecognition"
_PAGES = "SubPipelines.DocPreprocessor"


@dataclass(frozen=True)
class Place:
    """One place of the pipeline that a trained model can take.

    Attributes:
        module: of the models that fit.
        section: of the config.
        paddleocr: PaddleOCR 3's name of the argument.
        numbers: keys of the section that belong to the weights: the folder's own count, not the config's.
        about: help text.
    """

    module: str
    section: str
    paddleocr: str
    numbers: tuple[str, ...]
    about: str


PLACES: dict[str, Place] = {
    "det": Place(
        of_flag("det"),
        _DETECTOR,
        "seal_text_detection_model_dir",
        (
            "limit_side_len",
            "limit_type",
            "max_side_limit",
            "max_side_len",
            "thresh",
            "box_thresh",
            "unclip_ratio",
            "input_shape",
        ),
        "text detector",
    ),
    "rec": Place(
        of_flag("rec"),
        _RECOGNISER,
        "text_recognition_model_dir",
        ("input_shape", "charset"),
        "text recogniser",
    ),
    "layout": Place(
        of_flag("layout"),
        "SubModules.LayoutDetection",
        "layout_detection_model_dir",
        ("threshold", "layout_nms", "layout_unclip_ratio", "layout_merge_bboxes_mode"),
        "layout model, which finds the seals of pages",
    ),
    "ori": Place(
        of_flag("ori"),
        f"{_PAGES}.SubModules.DocOrientationClassify",
        "doc_orientation_classify_model_dir",
        (),
        "page orientation model",
    ),
}
"""Name of the argument → where its model stands."""


def overrides_of_runs(
    source: str | Path | Mapping[str, Any], runs: Mapping[str, str | Path | None], overrides: Any = ()
) -> Any:
    """The overrides that put trained models into a pipeline config, and those of the user after them.

    Args:
        source: the config: shipped name, file or settings.
        runs: name of `PLACES` → run folder, exported folder or .onnx file; None: as the config says.
        overrides: the user's, which win.

    Raises:
        ConfigError: a run without an export; a model that belongs to another place.
        EngineError: no such folder, incomplete, unreadable.
    """
    wanted = {name: Path(run).expanduser() for name, run in runs.items() if run is not None}
    if not wanted:
        return overrides
    tree = dict(source) if isinstance(source, Mapping) else merged_tree("configs", source)
    found: dict[str, Any] = {}
    for name, path in wanted.items():
        place = PLACES[name]
        found |= _section(name, path, place, _at(tree, place.section))
    if "layout" in wanted:
        found["use_layout_detection"] = True
    if "ori" in wanted:
        found |= _pages_on(tree)
    if isinstance(overrides, Mapping):
        return {**found, **overrides}
    listed = [overrides] if isinstance(overrides, str) else list(overrides)
    return [
        *(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in found.items()),
        *listed,
    ]  # JSON is YAML


def _section(name: str, path: Path, place: Place, there: Mapping[str, Any]) -> dict[str, Any]:
    folder = exported(path)
    meta = ModelFiles.find(folder).read_meta()
    model_name = meta.model_name or there.get("model_name")
    _check_module(name, place, folder, meta)
    if model_name is None:
        raise ConfigError(
            "the model has no inference.yml with a model name",
            where=f"--{name}",
            value=str(folder),
            hint="give the folder with its inference.yml, not the ONNX file alone",
        )
    said = {"module_name": place.module, "model_name": model_name, "model_dir": str(folder), "weights": None}
    said |= {key: None for key in place.numbers if there.get(key) is not None}
    return {f"{place.section}.{key}": value for key, value in said.items()}


def exported(path: Path) -> Path:
    """The exported folder of a run; any other path as it is.

    Raises:
        ConfigError: a run that was not exported.
    """
    if (path / "recipe.yaml").is_file():
        if not (path / EXPORTED).is_dir():
            raise ConfigError("the run has no export", where=str(path), hint=f"write one: sealkit export {path}")
        return path / EXPORTED
    return path


def module_of_folder(meta: ModelMeta) -> str | None:
    """The module of an exported folder, by its inference.yml, else by its model's name; None if unknown."""
    said = module_said(meta)
    if said is None and meta.model_name is not None:
        try:
            return module_of(meta.model_name)
        except ConfigError:  # a name of the user's own
            return None
    return said


def _check_module(name: str, place: Place, folder: Path, meta: ModelMeta) -> None:
    said = module_of_folder(meta)
    if said is None or said == place.module:
        return
    right = next((other for other, row in PLACES.items() if row.module == said), None)
    hint = f"use --{right} {folder}" if right else "these flags have no place for it in this pipeline"
    raise ConfigError(
        f"this is a model of {said}, not of {place.module}", where=f"--{name}", value=str(folder), hint=hint
    )


def _pages_on(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The document preprocessor switched on, with the orientation it has now, and without unwarping it has not."""
    there = _at(tree, _PAGES)
    unwarping = _at(tree, f"{_PAGES}.SubModules.DocUnwarping")
    return {
        "use_doc_preprocessor": True,
        f"{_PAGES}.use_doc_orientation_classify": True,
        f"{_PAGES}.use_doc_unwarping": bool(unwarping) and bool(there.get("use_doc_unwarping", True)),
    }


def _at(tree: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """A block of a config; {} where there is none."""
    node: Any = tree
    for part in section.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}


def run_pipeline_yaml(run: Path, name: str, base: str = "embedded") -> str:
    """A pipeline config with a run's model in it, as text; the folder is named absolutely.

    Raises:
        EngineError: the exported folder cannot be used.
    """
    import yaml

    tree = merged_tree("configs", base)
    for key, value in overrides_of_runs(tree, {name: run.resolve()}, {}).items():
        node: dict[str, Any] = tree
        *blocks, last = key.split(".")
        for block in blocks:
            if not isinstance(node.get(block), dict):
                node[block] = {}
            node = node[block]
        node[last] = value
    head = f"# The pipeline `{base}` with the model of this run: sealkit infer IMAGE --pipeline pipeline.yaml\n"
    return head + yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)


def write_run_pipeline(run: Path, name: str | None) -> None:
    """pipeline.yaml of a run: the embedded pipeline with its model; nothing where the pipeline has no place for it."""
    if name:
        write_text(run / "pipeline.yaml", run_pipeline_yaml(run, name))


__all__ = ["PLACES", "exported", "module_of_folder", "overrides_of_runs", "run_pipeline_yaml", "write_run_pipeline"]
