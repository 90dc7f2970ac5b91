"""`sealkit data synth`: a labelled set of drawn seals."""

from __future__ import annotations

import argparse

NAME = "synth"
HELP = "Draw seals with exact labels: a detection set in PaddleX's format."
EXAMPLES = """
  sealkit data synth seals --count 2000
  sealkit data synth seals --count 12000 --seed 7 --workers 4 --val-share 0.05 --size 300 480
  sealkit data synth names --count 500 --shapes square=0.7,rectangle=0.3 --fonts ~/fonts
  sealkit data synth look --count 60 --sheet look.png          # look before training
  sealkit data synth laser --count 300 --style laser           # a style the shipped weights have never seen
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="DIR", help="folder to write (must be empty or new)")
    parser.add_argument("-n", "--count", type=int, default=1000, metavar="N", help="number of pictures (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="picture i depends on the seed and i only (default 0)")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="processes (default: one per core)")
    parser.add_argument(
        "--val-share", type=float, default=0.1, metavar="SHARE", help="share that goes to val.txt (default 0.1)"
    )
    parser.add_argument(
        "--style", choices=["default", "laser"], default="default", help="family of seals (default: default)"
    )
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("MIN", "MAX"), help="long side of pictures filled by a seal, pixels"
    )
    parser.add_argument(
        "--page-size", type=int, nargs=2, metavar=("MIN", "MAX"), help="long side of document parts, pixels"
    )
    parser.add_argument(
        "--scenes",
        metavar="NAME=WEIGHT,…",
        help="mix of crops, pages and negatives, e.g. crops=0.7,pages=0.22,negatives=0.08",
    )
    parser.add_argument(
        "--shapes", metavar="NAME=WEIGHT,…", help="mix of circle, oval, square, rectangle, triangle; others get 0"
    )
    parser.add_argument(
        "--uniform-angle", type=float, metavar="SHARE", help="share of seals turned by any angle of 0 to 360 degrees"
    )
    parser.add_argument("--min-seal", type=int, metavar="PX", help="smallest seal on a page")
    parser.add_argument("--fonts", metavar="DIR", help="folder of fonts to use beside the system's")
    parser.add_argument("--quality", type=int, default=93, help="JPEG quality of the files (default 93)")
    parser.add_argument(
        "--sheet", metavar="FILE", help="write a contact sheet of the first pictures with their polygons"
    )
    parser.add_argument("--sheet-count", type=int, default=48, metavar="N", help="pictures on the sheet (default 48)")


def _weights(text: str, allowed: tuple[str, ...], flag: str) -> dict[str, float]:
    """`a=1,b=2` -> all allowed names, 0 for those that are not named."""
    from sealkit.errors import ConfigError

    found = dict.fromkeys(allowed, 0.0)
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        if name not in allowed:
            raise ConfigError("unknown name", where=flag, value=name, hint=f"allowed: {', '.join(allowed)}")
        try:
            found[name] = float(number or 1)
        except ValueError:
            raise ConfigError("the weight is not a number", where=flag, value=part, hint=f"write {name}=0.5") from None
    if not sum(found.values()) > 0:
        raise ConfigError("all weights are 0", where=flag, value=text, hint="give one a positive weight")
    return found


def run(args: argparse.Namespace) -> int:
    import json
    import os

    from pydantic import ValidationError
    from tqdm import tqdm

    from sealkit.errors import ConfigError
    from sealkit.synth.settings import SynthSettings
    from sealkit.synth.writer import sheet_of_set, write_detection_set

    given: dict[str, object] = {"style": args.style}
    for name in ("size", "page_size", "uniform_angle", "min_seal", "fonts"):
        if getattr(args, name) is not None:
            given[name] = getattr(args, name)
    if args.scenes:
        given |= _weights(args.scenes, ("crops", "pages", "negatives"), "--scenes")
    if args.shapes:
        given |= _weights(args.shapes, ("circle", "oval", "square", "rectangle", "triangle"), "--shapes")
    try:
        settings = SynthSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + "-".join(str(part).replace("_", "-") for part in first["loc"][:1])
        raise ConfigError(
            first["msg"], where=flag, value=first.get("input"), hint="see sealkit data synth --help"
        ) from error
    workers = args.workers if args.workers is not None else os.cpu_count() or 1
    with tqdm(total=args.count, unit="img", desc="drawing") as bar:
        summary = write_detection_set(
            args.out, args.count, args.seed, workers=workers, val_share=args.val_share, quality=args.quality,
            settings=settings, progress=bar.update,
        )  # fmt: skip
    if args.sheet:
        sheet_of_set(args.out, args.sheet, args.sheet_count)
        summary["sheet"] = args.sheet
    print(json.dumps(summary, ensure_ascii=False, indent=1))
    return 0
