"""Reads inference models: the files of a folder or a single ONNX file, and their inference.yml.

Format: PaddleX's model folders (`inference.yml` beside `inference.json|.pdmodel` + `.pdiparams` and `inference.onnx`),
RapidOCR's single ONNX files, and the single ONNX files sealkit writes (metadata key `inference_yml`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

from sealkit.config.yamlfile import parse_inference_yml, read_text
from sealkit.errors import ConfigError, EngineError, short_repr
from sealkit.runtime.onnx_fields import onnx_metadata

YML = "inference.yml"
PROGRAMS = ("inference.json", "inference.pdmodel")
PARAMS = "inference.pdiparams"
ONNX = "inference.onnx"
META_KEY = "inference_yml"
"""ONNX metadata key under which sealkit stores the text of inference.yml."""


@dataclass(frozen=True)
class ModelMeta:
    """What a model says about its own pre- and post-processing.

    Attributes:
        where: file the data came from, for messages.
        data: parsed inference.yml; {} where a model has none.
        onnx: metadata strings of the ONNX file.
    """

    where: str
    data: Mapping[str, Any] = field(default_factory=dict)
    onnx: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, where: str, onnx: Mapping[str, str] | None = None) -> ModelMeta:
        """From the text of an inference.yml.

        Raises:
            EngineError: unreadable YAML, or YAML that is not a mapping.
        """
        try:
            data = parse_inference_yml(text, where)
        except ConfigError as error:
            raise _unreadable(error, where) from error
        if not isinstance(data, dict):
            hint = "it has keys such as Global, PreProcess, PostProcess: export the model again"
            raise EngineError("inference.yml must be a mapping", where=where, value=data, hint=hint)
        return cls(where, data, onnx or {})

    @classmethod
    def read(cls, path: str | Path, onnx: Mapping[str, str] | None = None) -> ModelMeta:
        """From an inference.yml.

        Raises:
            EngineError: as `parse`; not UTF-8, or far too large.
        """
        try:
            return cls.parse(read_text(path), str(path), onnx)
        except ConfigError as error:
            raise _unreadable(error, str(path)) from error

    @property
    def model_name(self) -> str | None:
        """`Global.model_name`, the official name of the architecture.

        Raises:
            EngineError: it is not text.
        """
        section = self.data.get("Global")
        name = section.get("model_name") if isinstance(section, Mapping) else None
        if name is None or isinstance(name, str):
            return name
        hint = "write the official name of the architecture, or export the model again"
        raise EngineError("Global.model_name is not a name", where=self.where, value=name, hint=hint)

    def own(self, part: str) -> Mapping[str, Any]:
        """A part of the section `Sealkit`, what sealkit's export writes and PaddleX has no key for; {} without it."""
        section = self.data.get("Sealkit")
        values = section.get(part) if isinstance(section, Mapping) else None
        return values if isinstance(values, Mapping) else {}

    @property
    def post_process(self) -> Mapping[str, Any]:
        """The section `PostProcess`; {} where there is none."""
        section = self.data.get("PostProcess")
        return section if isinstance(section, Mapping) else {}

    @cached_property
    def transform_ops(self) -> dict[str, Mapping[str, Any]]:
        """`PreProcess.transform_ops` as name → settings (null settings become {}).

        Raises:
            EngineError: the section is not a list of one-key mappings.
        """
        section = self.data.get("PreProcess")
        ops = section.get("transform_ops", []) if isinstance(section, Mapping) else []
        result: dict[str, Mapping[str, Any]] = {}
        for op in ops if isinstance(ops, list) else [ops]:
            if not isinstance(op, Mapping) or len(op) != 1:
                raise EngineError(
                    "an entry of PreProcess.transform_ops is not one operation with its settings",
                    where=self.where,
                    value=op,
                )
            ((name, settings),) = op.items()
            result[name] = settings if isinstance(settings, Mapping) else {}
        return result

    @property
    def character_dict(self) -> Any:
        """`PostProcess.character_dict`, else the ONNX metadata key `character` as a list, else None."""
        listed = self.post_process.get("character_dict")
        if listed:
            return listed
        return self.onnx["character"].split("\n") if self.onnx.get("character") else None


@dataclass(frozen=True)
class ModelFiles:
    """The files of one inference model; a member is None where there is no such file."""

    path: Path
    yml: Path | None = None
    program: Path | None = None
    params: Path | None = None
    onnx: Path | None = None

    @property
    def has_paddle(self) -> bool:
        """Whether Paddle's program and parameters are both there."""
        return self.program is not None and self.params is not None

    @classmethod
    def find(cls, path: str | Path) -> ModelFiles:
        """Look at a model folder or a single .onnx file.

        Raises:
            EngineError: the path is not there, or holds no model; all missing files are listed.
        """
        path = Path(path)
        if path.is_file():
            if path.suffix.lower() != ".onnx":
                raise EngineError(
                    "an inference model is a folder or an .onnx file",
                    where="model_dir",
                    value=str(path),
                    hint=f"pass the folder: {path.parent}",
                )
            beside = path.with_name(YML)
            # A neighbour's inference.yml describes this file only if it is the folder's own ONNX file.
            return cls(path, yml=beside if path.name == ONNX and beside.is_file() else None, onnx=path)
        if not path.is_dir():
            raise EngineError(
                "no such model folder or file",
                where="model_dir",
                value=str(path),
                hint="check the path; see `sealkit models`",
            )
        program = next((path / name for name in PROGRAMS if (path / name).is_file()), None)
        params, onnx, yml = ((path / n if (path / n).is_file() else None) for n in (PARAMS, ONNX, YML))
        files = cls(path, yml=yml, program=program, params=params, onnx=onnx)
        files._check()
        return files

    def _check(self) -> None:
        missing = [] if self.yml else [YML]
        if not self.onnx and not self.has_paddle:
            paddle = [] if self.program else [" or ".join(PROGRAMS)]
            paddle += [] if self.params else [PARAMS]
            missing.append(f"{' and '.join(paddle)} (or {ONNX})")
        if missing:
            there = sorted(p.name for p in self.path.iterdir())[:8]
            checkpoint = any(name.endswith((".pdparams", ".pdopt")) for name in there)
            raise EngineError(
                f"not a complete inference model, missing: {'; '.join(missing)}",
                where=str(self.path),
                value=there,
                hint="this looks like a training checkpoint: export it first (`sealkit export`)"
                if checkpoint
                else "export the model again, or download all its files",
            )

    def read_meta(self) -> ModelMeta:
        """Parse inference.yml (or what an ONNX file carries in its place).

        Raises:
            EngineError: unreadable YAML, or YAML that is not a mapping.
        """
        strings = onnx_metadata(self.onnx) if self.onnx else {}
        if self.yml:
            return ModelMeta.read(self.yml, strings)
        return ModelMeta.parse(strings.get(META_KEY, "{}"), str(self.path), strings)


_Made = TypeVar("_Made")


def reads_meta(function: Callable[..., _Made]) -> Callable[..., _Made]:
    """Decorates what makes settings out of a `ModelMeta`, its first argument: a value of the wrong kind or out of range
    is an EngineError that names the file, whichever conversion meets it."""

    @wraps(function)
    def read(meta: ModelMeta, *args: Any, **options: Any) -> _Made:
        try:
            return function(meta, *args, **options)
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
            what, value = _finding(error)
            raise EngineError(
                f"a setting cannot be used: {what}",
                where=meta.where,
                value=value,
                hint="export the model again, or correct inference.yml",
            ) from error

    return read


def _finding(error: Exception) -> tuple[str, object]:
    """What is wrong, and the value; settings classes name the key."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False, include_context=False)[0]
        return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}", detail["input"]
    return short_repr(str(error) or type(error).__name__)[1:-1], None


def finite(values: Any, count: int = 3) -> tuple[float, ...]:
    """So many finite numbers of a list.

    Raises:
        TypeError, ValueError: it is no such list.
    """
    made = tuple(float(value) for value in values)
    if len(made) != count or not all(map(math.isfinite, made)):
        raise ValueError(f"expected {count} finite numbers, got {short_repr(values)}")
    return made


MAX_SIDE = 16_384


def sides(values: Any, count: int) -> tuple[int, ...]:
    """The first so many sides of an input in pixels, 1 to `MAX_SIDE`: an array of that size is going to be made.

    Raises:
        TypeError, ValueError, IndexError: it is no such list.
    """
    made = tuple(int(values[index]) for index in range(count))
    if not all(1 <= side <= MAX_SIDE for side in made):
        raise ValueError(f"expected {count} sides of 1 to {MAX_SIDE} pixels, got {short_repr(values)}")
    return made


def _unreadable(error: ConfigError, where: str) -> EngineError:
    return EngineError(
        f"not readable: {error.what}",
        where=error.where or where,
        hint="export the model again, or download the file again",
    )
