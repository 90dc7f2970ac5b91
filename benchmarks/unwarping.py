"""Character error rate of pages before and after unwarping, for those who own DocUNet or pages like it.

    python tools/benchmark.py unwarping --pages LIST --model-dir UVDOC        read, unwarp, read again
    python tools/benchmark.py unwarping --texts LIST                          compare texts read elsewhere

LIST of --pages: lines `warped image<TAB>reference`, where the reference is a scan of the flat page (it is read by the
same reader) or a .txt file with the page's text. LIST of --texts: lines `text file read<TAB>text file true`. Paths are
relative to LIST. CER = edits / characters of the reference, blanks left out, averaged over pages. The reader here is
RapidOCR's and not the one of the published figure, so the two do not compare: what compares is before and after.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import DataError, EngineError
from sealkit.images import read_image
from sealkit.text import character_error_rate

Reader = Callable[[np.ndarray], str]


def cer(read: str, truth: str) -> float:
    """Edit distance over the length of the truth, blanks left out; above 1 where much is read that is not there."""
    a, b = "".join(read.split()), "".join(truth.split())
    if not b:
        raise DataError("a reference without any character has no error rate", value=truth)
    return character_error_rate(a, b)


def read_pairs(file: Path) -> list[tuple[Path, Path]]:
    """Lines `first<TAB>second` of a list, paths relative to it.

    Raises:
        DataError: no such file, a line that is no pair, a path that is not there.
    """
    if not file.is_file():
        raise DataError("no such list", where=str(file), hint="a text file with one pair of paths per line")
    pairs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != 2:
            raise DataError("not two paths with a tab between", where=f"{file}:{number}", value=line)
        paths = [file.parent / cell.strip() for cell in cells]
        for path in paths:
            if not path.is_file():
                raise DataError("no such file", where=f"{file}:{number}", value=str(path))
        pairs.append((paths[0], paths[1]))
    if not pairs:
        raise DataError("the list is empty", where=str(file), hint="one pair of paths per line")
    return pairs


def rapidocr_reader() -> Reader:
    """RapidOCR's detector and recogniser, lines from top to bottom.

    Raises:
        EngineError: rapidocr is not installed.
    """
    try:
        from rapidocr import RapidOCR
    except ModuleNotFoundError as error:
        raise EngineError("reading pages needs rapidocr", hint="pip install 'sealkit[embedded]', or --texts") from error
    engine = RapidOCR()

    def read(image: np.ndarray) -> str:
        found = engine(image, use_det=True, use_cls=False, use_rec=True)
        return "\n".join(found.txts or ())

    return read


def judge_pages(pairs: Sequence[tuple[Path, Path]], reader: Reader, unwarper: Any) -> list[dict[str, Any]]:
    """CER of each page as it is and unwarped.

    Args:
        pairs: (warped image, flat image or text file).
        reader: (H, W, 3) uint8 BGR → text.
        unwarper: `sealkit.modules.image_unwarping.predictor.Unwarper`.
    """
    rows = []
    for warped, reference in pairs:
        text = reference.suffix.lower() == ".txt"
        truth = reference.read_text(encoding="utf-8") if text else reader(read_image(reference))
        image = read_image(warped)
        before, after = cer(reader(image), truth), cer(reader(unwarper.unwarp(image)), truth)
        rows.append({"page": warped.name, "before": before, "after": after})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pages", metavar="LIST", help="pairs: warped image, flat image or text")
    what.add_argument("--texts", metavar="LIST", help="pairs: text that was read, true text")
    parser.add_argument("--model-dir", metavar="DIR", help="UVDoc's inference folder; default: the official one")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    args = parser.parse_args(arguments)
    if args.texts:
        pairs = read_pairs(Path(args.texts))
        rates = [cer(a.read_text(encoding="utf-8"), b.read_text(encoding="utf-8")) for a, b in pairs]
        print(f"CER {np.mean(rates):.4f} over {len(rates)} texts")
        return 0
    from sealkit import api

    pairs = read_pairs(Path(args.pages))
    unwarper = api.create_model("UVDoc", args.model_dir, engine="paddle", threads=args.threads)
    rows = judge_pages(pairs, rapidocr_reader(), unwarper)
    for row in rows:
        print(f"  {row['page']}: {row['before']:.4f} as it is, {row['after']:.4f} unwarped")
    means = [float(np.mean([row[key] for row in rows])) for key in ("before", "after")]
    print(f"CER {means[0]:.4f} as it is, {means[1]:.4f} unwarped, {len(rows)} pages, read by RapidOCR")
    return 0
