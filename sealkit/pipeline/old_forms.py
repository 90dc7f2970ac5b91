"""Refuses settings of PaddleX 3.0-beta and names of other tools, and shows the current form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sealkit.errors import ConfigError
from sealkit.text import did_you_mean

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


def refuse_old_config(tree: Mapping[str, Any], where: str) -> None:
    """A config of 3.0-beta (`Pipeline: layout_model: …`).

    Raises:
        ConfigError: with the same settings in the form of today.
    """
    old = tree.get("Pipeline")
    if not isinstance(old, Mapping):
        return
    raise ConfigError(
        "this is a config of PaddleX 3.0-beta", where=where, value="Pipeline",
        hint="start from `sealkit config get seal_recognition --save-path .`; your settings become:\n"
        + "\n".join(new_form(old)),
    )  # fmt: skip


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
