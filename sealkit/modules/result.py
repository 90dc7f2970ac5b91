"""Result of one module on one image: a dict with PaddleX's fields, saved and printed as pipeline results are."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from sealkit.errors import SealkitError
from sealkit.files import write_text
from sealkit.images import IMAGE_SUFFIXES, ImageRecord, suffix_of, write_image
from sealkit.modules.json_text import compact_json


class ModuleResult(dict[str, Any]):
    """Fields of the module after `input_path`, `page_index` and `input_img`; on failure `error` in their place.

    Attributes:
        stem: what the names of saved files begin with.
    """

    def __init__(self, record: ImageRecord, *fields: str) -> None:
        super().__init__(input_path=record.input_path, page_index=record.page_index, input_img=record.image)
        if record.error is not None:
            self["error"] = error_text(record.error, record)
        else:
            self.update(dict.fromkeys(fields))
        self.stem = saved_stem(self)

    @property
    def ok(self) -> bool:
        """False where the image could not be read; the reason is in `error`."""
        return "error" not in self

    @property
    def json(self) -> dict[str, Any]:
        """{"res": plain data}, without the image."""
        return {"res": plain({k: v for k, v in self.items() if k not in ("input_img", "vis_font")})}

    @property
    def img(self) -> dict[str, Image.Image]:
        """{"res": `draw()` as a PIL image}, the name PaddleX has for it; {} where the image could not be read."""
        return {"res": Image.fromarray(np.ascontiguousarray(self.draw()[:, :, ::-1]))} if self.ok else {}

    def __repr__(self) -> str:
        """Short: arrays by their shape. `json` has all."""
        shown = {key: _brief(value) for key, value in self.items() if key not in ("input_img", "vis_font")}
        return f"<{type(self).__name__} {shown}>"

    def show(self) -> None:
        """Open the drawn image in the system's image viewer."""
        for image in self.img.values():
            image.show()

    def print(
        self,
        json_format: bool = False,
        indent: int = 4,
        ensure_ascii: bool = False,
        file: TextIO | None = None,
        *,
        format_json: bool | None = None,
    ) -> None:
        """Write the fields to stdout, or to `file`.

        Args:
            json_format: JSON in place of Python's own form; `format_json` is the name PaddleX's documents use.
            indent, ensure_ascii: of JSON.
            file: where to.
        """
        as_json = format_json if format_json is not None else json_format
        text = json.dumps(self.json, indent=indent, ensure_ascii=ensure_ascii) if as_json else str(self.json)
        print(text, file=file or sys.stdout)

    def image_path(self, save_path: str | Path) -> Path:
        """An image path unchanged, else `<save_path>/<stem>_res.png`."""
        path = Path(save_path)
        if suffix_of(path) in IMAGE_SUFFIXES:
            return path
        return path / f"{self.stem}_res.png"

    def draw(self) -> np.ndarray:
        """(H, W, 3) uint8 BGR: what was found, drawn on the image; here the image alone."""
        return np.asarray(self["input_img"])

    def save_to_img(self, save_path: str | Path) -> list[Path]:
        """Write `draw()` to an image file, or to `<folder>/<stem>_res.png`; its path."""
        return [write_image(self.image_path(save_path), self.draw())]

    def save_to_json(self, save_path: str | Path, indent: int = 4, ensure_ascii: bool = False) -> list[Path]:
        """Write to a .json file, or to `<folder>/<stem>_res.json`; its path."""
        path = Path(save_path)
        if path.suffix.lower() != ".json":
            path = path / f"{self.stem}_res.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, compact_json(self.json["res"], indent, ensure_ascii))
        return [path]


def _brief(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, (list, tuple)) and len(value) > 4:
        return f"{len(value)} entries"
    return [_brief(one) for one in value] if isinstance(value, (list, tuple)) else value


def error_text(error: SealkitError, record: ImageRecord) -> str:
    """What failed, with the image's path or URL, and its page, in front also where the error names something else."""
    path = record.input_path
    if not path or (error.where or "").startswith(path):
        return str(error)
    page = "" if record.page_index is None else f" page {record.page_index + 1}"
    return f"{path}{page}: {error}"


def file_of(result: Mapping[str, Any]) -> str:
    """The file a result is of: a path, or the path within a URL; "" for an array."""
    path = result.get("input_path") or ""
    return urlsplit(path).path if path.startswith(("http://", "https://")) else path


def saved_stem(result: Mapping[str, Any]) -> str:
    """File name without suffix, `_<page_index>` after it for a page; time and a random number for an array.

    Asked for once per result: its JSON and its images belong together.
    """
    file = file_of(result)
    stem = Path(file).stem if file else f"{int(time.time())}_{random.SystemRandom().randint(1000, 9999)}"
    return stem if result.get("page_index") is None else f"{stem}_{result['page_index']}"


def plain(value: Any) -> Any:
    """Arrays to lists, NumPy numbers to Python's, paths to text; dicts and sequences all the way down."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
