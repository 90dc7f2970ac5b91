"""The result of reading one image: PaddleX's fields in PaddleX's order, then sealkit's.

The fields: docs/reference/results.md, and docs/reference/pipeline.md, section 9. Own keys of the result: `stages` (what
each stage found, and why something is empty) and, on failure, `error`. Own keys of an element of `seal_res_list`: see
`pipeline/stages/assemble.py`.
"""

from __future__ import annotations

import builtins
import io
import json
import logging
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

from sealkit.errors import SealkitError
from sealkit.files import write_bytes
from sealkit.images import IMAGE_SUFFIXES, suffix_of
from sealkit.modules.json_text import compact_json
from sealkit.modules.result import file_of, plain, saved_stem
from sealkit.pipeline.present import Presented

log = logging.getLogger(__name__)

OBJECT_ONLY = ("seal_region_id", "vis_fonts", "doc_preprocessor_res")
"""Keys of a seal's element that are on the object but neither in JSON nor in text."""
SEAL_ORDER = (
    "input_path",
    "page_index",
    "model_settings",
    "dt_polys",
    "text_det_params",
    "text_type",
    "textline_orientation_angles",
    "text_rec_score_thresh",
    "return_word_box",
    "rec_texts",
    "rec_scores",
    "rec_polys",
    "rec_boxes",
)
"""PaddleX's order of the others in JSON and text, which is not the object's."""
PREPROCESSOR_ORDER = ("input_path", "page_index", "model_settings", "angle")


class SealResult(dict[str, Any]):
    """One seal: an element of `seal_res_list`."""

    def __repr__(self) -> str:
        return f"<SealResult {self.get('seal_region_id')}: {', '.join(self['rec_texts']) or 'no text'}>"

    @property
    def texts(self) -> list[str]:
        """The texts in reading order."""
        return list(self["rec_texts"])

    def shown(self) -> dict[str, Any]:
        """The fields that are printed and saved: PaddleX's in its order, then sealkit's."""
        own = {key: value for key, value in self.items() if key not in OBJECT_ONLY}
        return {**{key: own[key] for key in SEAL_ORDER if key in own}, **own}

    @property
    def lines(self) -> list[dict[str, Any]]:
        """One dict per text kept, at least text, score and role; see `pipeline/stages/assemble.py`."""
        if "lines" in self:
            return list(self["lines"])
        return [{"text": t, "score": s, "role": None} for t, s in zip(self["rec_texts"], self["rec_scores"])]


class RefusedCall(dict[str, Any]):
    """{"error": …}: what PaddleX yields, and nothing after it, where a call asks for stages that are not there."""

    ok = False

    @property
    def json(self) -> dict[str, Any]:
        """{"res": {"error": …}}."""
        return {"res": dict(self)}


class SealRecognitionResult(Presented):
    """Result of one image (or one page of a PDF or TIFF).

    Object keys: input_path, page_index, doc_preprocessor_res, layout_det_res, seal_res_list, model_settings, stages
    (not with `reading: reference`, which has PaddleX's keys and no other). Where the image could not be read:
    `error`, and an empty seal_res_list.
    """

    parts: Sequence[Any] = ()
    """Per seal its DetectedSeal: unrounded regions and lines, every reading that was tried; not saved, for programs."""

    def __init__(self, fields: dict[str, Any], stages: dict[builtins.str, Any] | None = None) -> None:
        """`stages` is what the key of that name would hold, where the result has no such key."""
        super().__init__(fields)
        self.stages: dict[builtins.str, Any] = self.get("stages", {}) if stages is None else stages
        self._file = file_of(self)
        self.stem = saved_stem(self)
        """What the names of saved files begin with."""

    @property
    def ok(self) -> bool:
        """False where the image could not be read; the reason is in `error`."""
        return "error" not in self

    @property
    def texts(self) -> list[str]:
        """All texts, seal by seal, each in reading order."""
        return [text for seal in self["seal_res_list"] for text in seal.texts]

    @property
    def json(self) -> dict[str, Any]:
        """{"res": plain data}: lists and numbers only."""
        return {"res": plain(self._ordered(page_index=True))}

    @property
    def str(self) -> dict[builtins.str, Any]:
        """{"res": the same fields without page_index; scores, angles and polygons as arrays}."""
        fields = self._ordered(page_index=False)
        arrays = ("rec_scores", "textline_orientation_angles", "rec_boxes")
        fields["seal_res_list"] = [
            {k: np.asarray(v) if k in arrays else v for k, v in seal.items()} for seal in fields["seal_res_list"]
        ]
        return {"res": fields}

    @property
    def img(self) -> dict[builtins.str, Image.Image]:
        """Images by name: layout_det_res, preprocessed_img where those stages ran, then seal_res_region1 and so on."""
        from sealkit.pipeline.visualise import result_images

        return result_images(self)

    @property
    def overview(self) -> Image.Image | None:
        """The page with its seals numbered, and their texts beside it; None where it would say no more than `img`."""
        from sealkit.pipeline.overview import overview_image

        return overview_image(self)

    def print(
        self,
        json_format: bool = False,
        indent: int = 4,
        ensure_ascii: bool = False,
        *,
        format_json: bool | None = None,
        file: TextIO | None = None,
    ) -> None:
        """Write the result to stdout, or to `file`; with `reading: reference` to stderr, as PaddleX does.

        Of arrays the first and the last rows are shown; JSON has all.

        Args:
            json_format: JSON in place of Python's own form; `format_json` is the name PaddleX's documents use.
            indent: of JSON.
            ensure_ascii: escape what is not ASCII in JSON.
            file: where to.
        """
        if format_json if format_json is not None else json_format:
            fields = plain(self._ordered(page_index=False))
            text = json.dumps({"res": fields}, indent=indent, ensure_ascii=ensure_ascii)
        else:
            with np.printoptions(threshold=1, edgeitems=1):
                text = repr(self.str)
        print(text, file=file or (sys.stdout if "stages" in self else sys.stderr))

    def save_to_json(self, save_path: Any, indent: int = 4, ensure_ascii: bool = False) -> list[Path]:
        """Write `<save_path>/<stem>_res.json`, or `save_path` itself where it is named like a JSON file; its path.

        A polygon is one line there; with `reading: reference` every number is, as in PaddleX.
        """
        path = Path(save_path)
        if mimetypes.guess_type(str(path))[0] != "application/json":
            path = path / f"{self.stem}_res.json"
        write = compact_json if "stages" in self else json.dumps
        text = write(self.json["res"], indent=indent, ensure_ascii=ensure_ascii)
        _write(path, text.encode("utf-8", "backslashreplace"))  # names that are no UTF-8, as `write_text` does
        return [path]

    def save_to_img(self, save_path: Any) -> list[Path]:
        """Write `<save_path>/<stem>_<name><suffix>` per image of `img`, and the overview of a page as `overview`.

        The suffix is the input's where it is an image's, else .png. Where `save_path` itself is named like an image the
        first one is written there, and the others beside it as `<name of save_path>_<name>`; with `reading: reference`
        the others are lost, as in PaddleX, and a warning says so. Returns the paths of what was written.
        """
        images = self.img
        path = Path(save_path)
        if (mimetypes.guess_type(str(path))[0] or "").startswith("image/"):
            return self._save_to_file(images, path)
        suffix = Path(self._file).suffix if suffix_of(self._file) in IMAGE_SUFFIXES else ".png"
        whole = self.overview
        written = []
        for key, image in {**images, **({"overview": whole} if whole else {})}.items():
            written.append(path / f"{self.stem}_{key}{suffix}")
            _save_image(image, written[-1])
        return written

    def _save_to_file(self, images: dict[builtins.str, Image.Image], path: Path) -> list[Path]:
        paths = [path, *(path.with_name(f"{path.stem}_{name}{path.suffix}") for name in list(images)[1:])]
        if "stages" not in self and len(images) > 1:
            log.warning("%s: one file for %d images: only the first is saved", path, len(images))
            paths = paths[:1]
        paths = paths[: len(images)]
        for image, target in zip(images.values(), paths):
            _save_image(image, target)
        return paths

    def save_all(self, save_path: Any) -> None:
        """JSON, then images."""
        self.save_to_json(save_path)
        self.save_to_img(save_path)

    def _ordered(self, page_index: bool) -> dict[builtins.str, Any]:
        """Fields in JSON's order."""
        settings = self["model_settings"]
        fields: dict[builtins.str, Any] = {"input_path": self["input_path"]}
        if page_index:
            fields["page_index"] = self["page_index"]
        fields["model_settings"] = settings
        if settings.get("use_doc_preprocessor"):
            preprocessed = self["doc_preprocessor_res"]
            fields["doc_preprocessor_res"] = {k: preprocessed[k] for k in PREPROCESSOR_ORDER if k in preprocessed}
        if self["layout_det_res"]:
            layout = self["layout_det_res"]
            fields["layout_det_res"] = {k: v for k, v in layout.items() if k != "input_img"}
        fields["seal_res_list"] = [seal.shown() for seal in self["seal_res_list"]]
        for key in ("stages", "error"):
            if key in self:
                fields[key] = self[key]
        return fields


def _save_image(image: Image.Image, path: Path) -> None:
    """Encoded in memory first: Pillow does not notice a disk that is full."""
    encoded = io.BytesIO()
    try:
        suffix = path.suffix.lower()
        Image.preinit()
        if suffix not in Image.EXTENSION:
            Image.init()  # loads every format Pillow knows: sixty modules, which PNG and JPEG do without
        if suffix not in Image.EXTENSION:
            raise ValueError(f"{path.suffix!r} is not an image's suffix")
        image.save(encoded, Image.EXTENSION[suffix])
    except (OSError, ValueError, KeyError) as error:
        raise _unwritable(path, error) from error
    _write(path, encoded.getvalue())


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> SealkitError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SealkitError(f"cannot write: {reason}", where=str(path), hint="choose another --save-path")
