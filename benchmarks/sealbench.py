"""Drawn seals of every kind, read by the pipeline and its peers: accuracy by shape, angle, ink, print, size and script.

    python tools/benchmark.py sealbench [--images 240] [--fonts DIR] [--output DIR]

Nothing is downloaded: image i is drawn from (seed, i) with the fonts of the mplfonts wheel, one seal an image, every
level of each factor as often as the others. Columns: the pipeline; RapidOCR; the reference's strips, which are this
detector's outlines on the whole image, read as PaddleX straightens them; and, as the limit of what a better detector
could bring, the labelled polygons read with this recogniser.

benchmarks/sealbench.json records what the published table was drawn with. Other fonts draw other images, whose numbers
must not stand beside those: they are refused unless --other-fonts is given.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.sealbench_table import markdown, metrics_by_group
from benchmarks.strips import StripReader
from sealkit.bench.options import add_pipeline_options, pipeline_options
from sealkit.bench.real_seals import Found, PipelineReader, rapidocr_reader
from sealkit.drawing.fonts import VARIABLE, find_faces
from sealkit.errors import DataError
from sealkit.files import write_text
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import straighten
from sealkit.images import write_image
from sealkit.pipeline.locate import locate_model
from sealkit.synth.seals.cases import SealCase, balanced_cases, draw_case

CARD = Path(__file__).with_suffix(".json")
SEED = 2026
LIBRARIES = ("numpy", "opencv-python", "opencv-python-headless", "opencv-contrib-python", "Pillow")
"""What draws the images; one OpenCV of the three is there."""
REFERENCE = ("reading=reference", "Search=null", "Refine=null", "Reading=null", "Lines=null")
Reader = Callable[[Mapping[str, Any], np.ndarray], Sequence[str]]


def labelled(case: SealCase, index: int, seed: int = SEED) -> tuple[dict[str, Any], np.ndarray]:
    """Image `index`: its labels as `real_seals.score_image` wants them, with the case, and the image (H, W, 3) BGR."""
    image, lines, info = draw_case(case, seed, index)
    texts = [
        {"text": line.text, "poly": line.points.tolist(), "direction": line.direction, "ignore": line.ignore}
        for line in lines
    ]
    seals = [{"box": seal["box"]} for seal in info["seals"]]
    return {"file": f"{index:05d}.png", "kind": case.shape, "case": case, "texts": texts, "seals": seals}, image


def readers(args: argparse.Namespace) -> dict[str, Reader]:
    """Column → what reads an image."""
    mine = PipelineReader(args.pipeline, pipeline_options(args))
    found: dict[str, Reader] = {"sealkit": _texts(mine)}
    if not args.no_peer:
        found["RapidOCR"] = _texts(rapidocr_reader())
    options = pipeline_options(args)
    options["overrides"] = [*options["overrides"], *REFERENCE]
    found["reference strips"] = _texts(PipelineReader(args.pipeline, options))
    found["labelled polygons"] = _polygon_reader(StripReader(_recogniser(), args.engine, args.threads))
    return found


def _recogniser() -> Path:
    return Path(locate_model("PP-OCRv6_small_rec", weights="sealkit").path)


def _texts(read: Callable[..., Found]) -> Reader:
    return lambda item, image: read(item, image).texts


def _polygon_reader(reader: StripReader) -> Reader:
    def read(item: Mapping[str, Any], image: np.ndarray) -> list[str]:
        polygons = [(np.array(text["poly"], np.float32), text["direction"]) for text in item["texts"]]
        strips = [straighten(image, LinePoly(points, way, ambiguous=False)) for points, way in polygons]
        return [result.text for result in reader.read(strips)]

    return read


def font_hashes() -> dict[str, str]:
    """File name → SHA-256 of every font that images are drawn with."""
    files = sorted({face.path for face in find_faces()})
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def drawn_with(digest: str, images: int) -> dict[str, Any]:
    """What a table's images depend on: to be stored beside it."""
    return {
        "seed": SEED,
        "images": images,
        "fonts": font_hashes(),
        "sha256 of the pixels": digest,
        "versions": {name: version(name) for name in LIBRARIES if _there(name)},
        "machine": platform.machine(),
    }


def _there(name: str) -> bool:
    try:
        return bool(version(name))
    except ModuleNotFoundError:
        return False


def check_fonts(card: Path, other_fonts: bool) -> None:
    """Refuse fonts that are not the card's.

    Raises:
        DataError: they differ, and it was not asked for.
    """
    if other_fonts or not card.is_file():
        return
    mine, theirs = font_hashes(), json.loads(card.read_text(encoding="utf-8"))["fonts"]
    if mine != theirs:
        differ = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        raise DataError(
            "these are not the fonts of the published table, and other fonts draw other images",
            where=str(card),
            value=", ".join(differ[:6]) + (" …" if len(differ) > 6 else ""),
            hint="pip install mplfonts==0.0.11 and leave --fonts out; or --other-fonts for a table of your own",
        )


def choose_fonts(folder: Path | None) -> None:
    """Draw with the fonts of this folder alone; None: with those of the mplfonts wheel."""
    if folder is None:
        spec = importlib.util.find_spec("mplfonts")
        if spec is None or not spec.origin:
            raise DataError(
                "the benchmark's fonts are not here: it is drawn with those of the mplfonts wheel",
                hint="pip install mplfonts, or name a folder: --fonts DIR --other-fonts",
            )
        folder = Path(spec.origin).parent / "fonts"
    os.environ[VARIABLE] = str(folder)


def measure(cases: Sequence[SealCase], read: Mapping[str, Reader], keep: Path | None = None) -> dict[str, Any]:
    """Draw every case, have every reader read it.

    Args:
        cases: one image each.
        read: column → reader.
        keep: folder to write images and labels to; None: keep nothing.

    Returns:
        {"rows": of `metrics_by_group`, "digest": SHA-256 of all pixels, "texts": {column: {file: [texts]}}}.
    """
    from tqdm import tqdm

    digest = hashlib.sha256()
    items: list[dict[str, Any]] = []
    texts: dict[str, dict[str, list[str]]] = {name: {} for name in read}
    for index, case in enumerate(tqdm(cases, leave=False)):
        item, image = labelled(case, index)
        digest.update(np.ascontiguousarray(image).tobytes())
        items.append(item)
        for name, reader in read.items():
            texts[name][item["file"]] = list(reader(item, image))
        if keep is not None:
            write_image(keep / item["file"], image)
    if keep is not None:
        plain = [{**item, "case": vars(item["case"])} for item in items]
        write_text(keep / "labels.json", json.dumps(plain, ensure_ascii=False))
    return {"rows": metrics_by_group(items, texts), "digest": digest.hexdigest(), "texts": texts}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py sealbench`; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--images", type=int, default=240, help="how many are drawn (default 240; multiples of 60 keep levels equal)"
    )
    parser.add_argument("--fonts", type=Path, metavar="DIR", help="draw with these fonts (default: those of mplfonts)")
    parser.add_argument("--other-fonts", action="store_true", help="go on with fonts other than the published table's")
    add_pipeline_options(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write sealbench.json, sealbench.md and texts.json here"
    )
    parser.add_argument("--keep-images", action="store_true", help="and the images with their labels, in DIR/images")
    args = parser.parse_args(argv)
    if args.keep_images and not args.output:
        parser.error("--keep-images needs --output DIR")
    if args.images < 1:
        parser.error(f"--images must be at least 1, got {args.images}")
    choose_fonts(args.fonts)
    check_fonts(CARD, args.other_fonts)
    cv2.setNumThreads(1)
    keep = args.output / "images" if args.keep_images else None
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    found = measure(balanced_cases(args.images, SEED), readers(args), keep)
    card = drawn_with(found["digest"], args.images)
    table = markdown(found["rows"])
    print(table)
    print(_same_images(card))
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        write_text(args.output / "sealbench.json", json.dumps({**card, "rows": found["rows"]}, indent=1) + "\n")
        write_text(args.output / "sealbench.md", table + "\n")
        write_text(args.output / "texts.json", json.dumps(found["texts"], ensure_ascii=False, indent=1))
    return 0


def _same_images(card: Mapping[str, Any]) -> str:
    """One sentence: whether these are the images of the published table."""
    if not CARD.is_file():
        return "No table is published yet."
    published = json.loads(CARD.read_text(encoding="utf-8"))
    if card["images"] != published["images"] or card["fonts"] != published["fonts"]:
        return (
            "These are not the images of the published table (benchmarks/sealbench.json): compare columns, not tables."
        )
    if card["sha256 of the pixels"] == published["sha256 of the pixels"]:
        return "The images are those of the published table, pixel by pixel."
    mine, theirs = card["versions"], published["versions"]
    return f"Drawn as the published table, but pixels differ: versions {mine}, published {theirs}."
