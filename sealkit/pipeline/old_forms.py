"""Settings of PaddleX 3.0-beta and names of other tools: refused with the current form, or read where asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from sealkit.config.find import find
from sealkit.config.overrides import parse_overrides
from sealkit.config.yamlfile import read_yaml
from sealkit.errors import ConfigError
from sealkit.runtime.files import ModelFiles
from sealkit.text import did_you_mean

_log = logging.getLogger(__name__)
TODAY = "seal_recognition"
"""The config that the beta's is laid over."""

OPTIONS = {
    "hpi_params": "hpi_config={…}",
    "pp_option": "device=…, engine=… and engine_config={…}",
    "use_hpi": "use_hpip=True",
    "use_gpu": 'device="gpu:0" or device="cpu"',
    "model_dir": "the key model_dir of the module in the config, or overrides={…}",
}
"""Keyword of create_pipeline() elsewhere → what to write here."""

_BETA = {
    "layout_model": "SubModules.LayoutDetection",
    "text_det_model": "SubPipelines.SealOCR.SubModules.TextDetection",
    "text_rec_model": "SubPipelines.SealOCR.SubModules.TextRecognition",
    "doc_image_ori_cls_model": "SubPipelines.DocPreprocessor.SubModules.DocOrientationClassify",
    "doc_image_unwarp_model": "SubPipelines.DocPreprocessor.SubModules.DocUnwarping",
    "layout_batch_size": "SubModules.LayoutDetection",
    "text_det_batch_size": "SubPipelines.SealOCR.SubModules.TextDetection",
    "text_rec_batch_size": "SubPipelines.SealOCR.SubModules.TextRecognition",
}
"""Key of the beta's `Pipeline` section → block of today."""
_PAGES = {"use_doc_orientation_classify": "doc_image_ori_cls_model", "use_doc_unwarping": "doc_image_unwarp_model"}
"""Switch of today → the beta's model that switched it on."""


def refuse_old_options(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Keywords create_pipeline() does not have.

    Args:
        options: the keywords.
        known: those it has.

    Raises:
        ConfigError: a keyword that has another name here.
        TypeError: a keyword nobody has, as Python itself says it.
    """
    for name, value in options.items():
        if name in OPTIONS:
            raise ConfigError(
                "this keyword has a different name here", where=f"create_pipeline({name}=…)", value=value,
                hint=f"write {OPTIONS[name]}",
            )  # fmt: skip
        hint = did_you_mean(name, known, otherwise=f"known: {', '.join(known)}", cutoff=60)
        raise TypeError(f"create_pipeline() got an unexpected keyword argument {name!r}; {hint}")


def todays_config(tree: Mapping[str, Any], where: str, overrides: Any = ()) -> dict[str, Any]:
    """A config of 3.0-beta (`Pipeline: layout_model: …`) as one of today's: the official default without page
    preprocessing, which the beta had none of, and with the beta's models.

    Args:
        tree: the beta's config. `beta: true` in it, or among `overrides`, asks for the reading.
        where: its file, for messages.
        overrides: as in create_pipeline.

    Raises:
        ConfigError: nobody asked, with the same settings in the form of today; another pipeline's config, or keys that
            have no counterpart.
    """
    old = tree["Pipeline"]
    asked = any(one.path == ("beta",) and one.value is True for one in parse_overrides(overrides, {})[0])
    if not (asked or tree.get("beta") is True):
        raise ConfigError(
            "this is a config of PaddleX 3.0-beta", where=where, value="Pipeline",
            hint="-o beta=true reads it as it is; or start from `sealkit config get seal_recognition --save-path .`; "
            "your settings become:\n" + "\n".join(new_form(old)),
        )  # fmt: skip
    section = tree.get("Global")
    name = section.get("pipeline_name") if isinstance(section, Mapping) else None
    if name not in (None, TODAY):
        raise ConfigError("a config of another pipeline", where=f"{where}: Global.pipeline_name", value=name)
    unknown = sorted(str(key) for key in old if str(key) not in _BETA and key != "device")
    if unknown:
        hint = f"known: {', '.join(_BETA)}, device"
        raise ConfigError("keys of the beta's config that have no counterpart", where=where, value=unknown, hint=hint)
    if old.get("device"):
        _log.warning("%s: device is not read from a beta's config: --device %s", where, old["device"])
    made: dict[str, Any] = deepcopy(read_yaml(find("configs", TODAY)).tree)
    pages = made["SubPipelines"]["DocPreprocessor"]
    for stage, key in _PAGES.items():
        pages[stage] = bool(old.get(key))
    made |= {"beta": True, "use_doc_preprocessor": any(pages[stage] for stage in _PAGES)}
    for key, value in old.items():
        if key != "device" and value is not None:
            _set(made, _BETA[str(key)].split("."), str(key), value)
    return made


def _set(tree: dict[str, Any], block: Sequence[str], key: str, value: Any) -> None:
    """One of the beta's settings in today's tree; a folder says which model it is."""
    for name in block:
        tree = tree[name]
    if key.endswith("batch_size"):
        tree["batch_size"] = value
        return
    inner = _model_key(value)
    tree[inner] = value
    if inner == "model_dir" and (found := ModelFiles.find(value).read_meta().model_name):
        tree["model_name"] = found


def new_form(old: Mapping[str, Any]) -> list[str]:
    """The lines of today's config that say what the beta's `Pipeline` section said."""
    values: dict[str, dict[str, Any]] = {}
    rest = []
    for key, value in old.items():
        block = _BETA.get(str(key))
        if block is None:
            if key != "device":
                rest.append(str(key))
            continue
        inner = "batch_size" if str(key).endswith("batch_size") else _model_key(value)
        values.setdefault(block, {})[inner] = value
    lines: list[str] = []
    above: list[str] = []
    for block in sorted(values):
        parts = block.split(".")
        shared = next((i for i, (a, b) in enumerate(zip(parts, above)) if a != b), min(len(parts), len(above)))
        lines += [f"        {'  ' * i}{part}:" for i, part in enumerate(parts) if i >= shared]
        lines += [f"        {'  ' * len(parts)}{key}: {value}" for key, value in values[block].items()]
        above = parts
    if "device" in old:
        lines.append(f"        # and on the command line: --device {old['device']}")
    if rest:
        lines.append(f"        # no counterpart: {', '.join(rest)}")
    return lines


def _model_key(value: Any) -> str:
    """The beta took a name or a folder in one key."""
    return "model_dir" if "/" in str(value) or "\\" in str(value) or str(value).startswith(".") else "model_name"
