"""How well straightened strips of labelled line polygons can be read.

    python tools/benchmark.py real-strips --real-seals DIR

DIR holds `labels.json` (a list of images with `texts` of `poly`, `direction`, `text`, `seal`, `ignore`) and the
images. Three ways are measured with one recogniser: the label's direction; the direction found by code from the bare
outline (start point and orientation forgotten), reading both ways where geometry is in doubt; and geometry alone,
without a second reading.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.bench.labelled import load_labels
from sealkit.bench.strips import StripReader, confidence
from sealkit.geometry.lines import LinePoly, lines_from_region, orientations
from sealkit.geometry.seals import choose_orientations, resolve_directions, seal_frame
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image, write_image
from sealkit.pipeline.locate import locate_model
from sealkit.text import comparable, similarity

WAYS = ("label", "found", "geometry")


@dataclass
class Reading:
    """One labelled line, read one way."""

    file: str
    direction: str
    way: str
    truth: str
    text: str
    strip: np.ndarray

    @property
    def similarity(self) -> float:
        """1 - normalised edit distance after `comparable`."""
        return similarity(comparable(self.truth), comparable(self.text))

    @property
    def exact(self) -> bool:
        return comparable(self.truth) == comparable(self.text)


def read_set(folder: Path, reader: StripReader, seed: int = 0) -> list[Reading]:
    """Every scored line with a polygon, read in all ways.

    Args:
        folder: of the set.
        reader: the recogniser.
        seed: of the forgotten start points and orientations.
    """
    rng = np.random.default_rng(seed)
    result: list[Reading] = []
    for item in load_labels(folder, "texts"):
        seals = defaultdict(list)
        for text in item["texts"]:
            if text.get("poly") and not text.get("ignore"):
                seals[text.get("seal", 0)].append(text)
        if not seals:
            continue
        image = read_image(folder / item["file"])
        for texts in seals.values():
            result += _read_seal(item["file"], image, texts, reader, rng)
    return result


def _read_seal(
    file: str, image: np.ndarray, texts: Sequence[dict[str, Any]], reader: StripReader, rng: np.random.Generator
) -> list[Reading]:
    polygons = [np.array(text["poly"], dtype=np.float32) for text in texts]
    labelled = [LinePoly(p, text["direction"], ambiguous=False) for p, text in zip(polygons, texts)]
    strips = [straighten(image, line) for line in labelled]
    result = [
        Reading(file, text["direction"], "label", text["text"], read.text, strip)
        for text, read, strip in zip(texts, reader.read(strips), strips)
    ]
    found: list[LinePoly] = []
    owner: list[int] = []
    for i, polygon in enumerate(polygons):
        outline = np.roll(polygon, int(rng.integers(len(polygon))), axis=0)
        lines = lines_from_region(outline[::-1] if rng.random() < 0.5 else outline, image=image)
        found += lines
        owner += [i] * len(lines)
    frame = seal_frame(found)
    found = resolve_directions(found, frame)
    ways = [orientations(line, frame.up) for line in found]
    tried = [straighten(image, way) for line in ways for way in line]
    reads = iter(zip(tried, reader.read(tried)))
    results = [[next(reads) for _ in line] for line in ways]
    chosen = choose_orientations([[(w, confidence(r[1])) for w, r in zip(line, rs)] for line, rs in zip(ways, results)])
    for name, picks in (("found", chosen), ("geometry", [0] * len(found))):
        for i, text in enumerate(texts):
            mine = [results[k][picks[k]] for k in range(len(found)) if owner[k] == i]
            strip = mine[0][0] if mine else strips[i][:, :1]
            joined = "".join(read.text for _, read in mine)
            result.append(Reading(file, text["direction"], name, text["text"], joined, strip))
    return result


def metrics(readings_: Sequence[Reading]) -> list[dict[str, Any]]:
    """Rows of exact and sim per way: all lines, by direction, and by family of images."""
    groups = {"all": list(readings_)}
    for direction in sorted({r.direction for r in readings_}):
        groups[direction] = [r for r in readings_ if r.direction == direction]
    groups["seal2021"] = [r for r in readings_ if r.file.startswith("seal2021")]
    groups["other"] = [r for r in readings_ if not r.file.startswith("seal2021")]
    rows = []
    for name, members in groups.items():
        row: dict[str, Any] = {"lines": name}
        for way in WAYS:
            mine = [r for r in members if r.way == way]
            row["n"] = len(mine)
            row[f"{way} exact"] = round(float(np.mean([r.exact for r in mine])), 3) if mine else None
            row[f"{way} sim"] = round(float(np.mean([r.similarity for r in mine])), 3) if mine else None
        rows.append(row)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmark.py real-strips", description=__doc__)
    parser.add_argument("--real-seals", required=True, type=Path, metavar="DIR", help="folder with labels.json")
    parser.add_argument("--model", type=Path, help="recogniser (default: that of the embedded pipeline)")
    parser.add_argument("--engine", help="paddle, onnxruntime, openvino (default: the fastest installed)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of the forgotten start points")
    parser.add_argument("--json", type=Path, help="write the rows and every reading here")
    parser.add_argument("--strips", type=Path, metavar="DIR", help="write every strip here, to look at")
    args = parser.parse_args(argv)
    model = args.model or locate_model("PP-OCRv6_small_rec", weights="sealkit").path
    readings_ = read_set(args.real_seals, StripReader(model, args.engine, args.threads), args.seed)
    rows = metrics(readings_)
    keys = list(rows[0])
    print("  ".join(f"{key:>14}" for key in keys))
    for row in rows:
        print("  ".join(f"{row[key]!s:>14}" for key in keys))
    if args.json:
        listed = [
            {"file": r.file, "direction": r.direction, "way": r.way, "truth": r.truth, "text": r.text}
            for r in readings_
        ]
        args.json.write_text(json.dumps({"rows": rows, "readings": listed}, ensure_ascii=False, indent=1), "utf-8")
    if args.strips:
        args.strips.mkdir(parents=True, exist_ok=True)
        for i, r in enumerate(readings_):
            write_image(args.strips / f"{Path(r.file).stem}_{i:03d}_{r.way}{'' if r.exact else '_WRONG'}.png", r.strip)
    return 0
