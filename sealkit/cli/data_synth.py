"""`sealkit data synth`: generates a labelled set of synthetic seals or pages."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sealkit.config.base import Settings
    from sealkit.synth.common.sets import SetPlan
    from sealkit.synth.seals.settings import PageSettings

S = TypeVar("S", bound="Settings")

NAME = "synth"
HELP = "Draw seals or whole pages with exact labels: a detection set or a layout set in PaddleX's formats."
EXAMPLES = """
  sealkit data synth seals --count 2000
  sealkit data synth seals --count 12000 --seed 7 --workers 4 --val-share 0.05 --size 300 480
  sealkit data synth names --count 500 --shapes square=0.7,rectangle=0.3 --fonts ~/fonts
  sealkit data synth look --count 60 --sheet look.png          # look before training
  sealkit data synth seals --count 2000 --relabel              # the same set again, label files only
  sealkit data synth lines --count 300 --style guilloche       # a style the shipped weights have never seen
  sealkit data synth orders --count 200 --layout grid          # square seals in each of four reading orders
  sealkit data synth pages --kind page --count 5000 --sheet look.png   # layout set and upright pages
  sealkit data synth turned --kind orientation --count 2000    # pages lying at 0, 90, 180 and 270 degrees
  sealkit data synth strips --kind strip --count 2000 --seed 990101 --val-share 1    # a held-out set of strips
  sealkit data synth bills --kind page --count 500 --documents invoice=3,receipt=1 --empty 0.1
"""

_SEAL_ONLY = (
    "style", "layout", "page_size", "scenes", "shapes", "uniform_angle", "min_seal", "legibility", "relabel",
    "characters", "characters_share",
)  # fmt: skip
_PAGE_ONLY = ("classes", "documents", "empty", "parts", "close_ups", "seal_width")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data synth`."""
    from sealkit.cli.options import add_workers

    parser.add_argument("out", metavar="DIR", help="folder to write (must be empty or new)")
    parser.add_argument(
        "--kind", choices=["seal", "page", "orientation", "strip"], default="seal",
        help="seal: text lines of seals (seal_text_detection); page: documents with COCO boxes (layout_detection) and "
        "lists of upright pages; orientation: documents lying at the four angles (doc_text_orientation); strip: "
        "straightened lines (text_recognition); default seal",
    )  # fmt: skip
    parser.add_argument("-n", "--count", type=int, default=1000, metavar="N", help="number of images (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="image i depends on the seed and i only (default 0)")
    add_workers(parser)
    parser.add_argument(
        "--val-share", type=float, default=0.1, metavar="SHARE", help="share of the validation part (default 0.1)"
    )
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("MIN", "MAX"),
        help="long side of images (--kind seal: of those filled by a seal), pixels",
    )  # fmt: skip
    parser.add_argument("--fonts", metavar="DIR", help="folder of fonts to use beside the system's")
    parser.add_argument("--quality", type=int, default=93, help="JPEG quality of the files (default 93)")
    parser.add_argument("--sheet", metavar="FILE", help="write a contact sheet of the first images with their labels")
    parser.add_argument("--sheet-count", type=int, default=48, metavar="N", help="images on the sheet (default 48)")
    _add_seals(parser.add_argument_group("seals (--kind seal)"))
    _add_pages(parser.add_argument_group("pages (--kind page and --kind orientation)"))


def _add_seals(seal: argparse._ArgumentGroup) -> None:
    from sealkit.data.shapes import SHAPES

    seal.add_argument("--style", choices=["default", "laser", "guilloche"], help="family of seals (default: default)")
    seal.add_argument(
        "--layout", choices=["any", "latin", "grid"],
        help="any: by --shapes; latin: an arc over the top, one along the bottom, lines inside; grid: square seals, as "
        "many in each of four reading orders, to measure with (default: any)",
    )  # fmt: skip
    seal.add_argument(
        "--page-size", type=int, nargs=2, metavar=("MIN", "MAX"), help="long side of document parts, pixels"
    )
    seal.add_argument(
        "--scenes", metavar="NAME=WEIGHT,…",
        help="mix of crops, pages and negatives, e.g. crops=0.7,pages=0.22,negatives=0.08",
    )  # fmt: skip
    seal.add_argument("--shapes", metavar="NAME=WEIGHT,…", help=f"mix of {', '.join(SHAPES)}; others get 0")
    seal.add_argument(
        "--uniform-angle", type=float, metavar="SHARE", help="share of seals turned by any angle of 0 to 360 degrees"
    )
    seal.add_argument("--min-seal", type=int, metavar="PX", help="smallest seal on a page")
    seal.add_argument(
        "--legibility", type=float, metavar="SHARE",
        help="texts of which the image shows less are labelled illegible, ###; 0: none (default 0.14)",
    )  # fmt: skip
    seal.add_argument(
        "--relabel", action="store_true", default=None,
        help="DIR already holds this set: redraw it and rewrite only its label files",
    )  # fmt: skip
    seal.add_argument(
        "--characters", metavar="TEXT", help="write these characters into the texts, for the recogniser to learn"
    )
    seal.add_argument(
        "--characters-share", type=float, metavar="SHARE", help="share of Chinese lines with some of them (default 0.6)"
    )


def _add_pages(page: argparse._ArgumentGroup) -> None:
    page.add_argument(
        "--classes", metavar="NAME,…", help="what is labelled, ids in this order (default image,table,seal); more: "
        "text, doc_title, paragraph_title, header, number, figure_title",
    )  # fmt: skip
    page.add_argument(
        "--documents", metavar="NAME=WEIGHT,…", help="mix of contract, notice, character, certificate, invoice, form, "
        "statement, receipt, article, english, handwriting, specimen; others get 0"
    )  # fmt: skip
    page.add_argument("--empty", type=float, metavar="SHARE", help="share of pages without seals (default 0.25)")
    page.add_argument("--parts", type=float, metavar="SHARE", help="share of images of a part of a page (default 0.2)")
    page.add_argument(
        "--close-ups", type=float, metavar="SHARE", help="share of images that one seal dominates (default 0.06)"
    )
    page.add_argument(
        "--seal-width", type=float, nargs=2, metavar=("MIN", "MAX"),
        help="narrowest and widest seal as a share of the page's short side (default 0.03 0.35)",
    )  # fmt: skip


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


def _given(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def _refuse(args: argparse.Namespace, names: tuple[str, ...], kind: str) -> None:
    """A flag that would change nothing is a mistake."""
    from sealkit.errors import ConfigError

    for name in _given(args, names):
        flag = "--" + name.replace("_", "-")
        raise ConfigError("this flag has no effect here", where=flag, value=f"--kind {args.kind}",
                          hint=f"leave it out, or ask for --kind {kind}")  # fmt: skip


def _draw_seals(args: argparse.Namespace, plan: SetPlan) -> dict[str, Any]:
    from sealkit.data.shapes import SHAPES
    from sealkit.synth.seals.settings import SynthSettings
    from sealkit.synth.seals.writer import sheet_of_set, write_detection_set

    _refuse(args, _PAGE_ONLY, "page")
    names = (
        "style", "layout", "size", "page_size", "uniform_angle", "min_seal", "legibility", "characters",
        "characters_share", "fonts",
    )  # fmt: skip
    given = _given(args, names)
    if args.scenes:
        given |= _weights(args.scenes, ("crops", "pages", "negatives"), "--scenes")
    if args.shapes:
        given["shapes"] = _weights(args.shapes, tuple(SHAPES), "--shapes")
    settings = _settings(SynthSettings, given)
    summary = write_detection_set(plan, settings, relabel=bool(args.relabel))
    if args.sheet:
        sheet_of_set(args.out, args.sheet, args.sheet_count)
    return summary


def _page_settings(args: argparse.Namespace) -> PageSettings:
    from sealkit.synth.seals.settings import DOCUMENTS, PageSettings

    _refuse(args, _SEAL_ONLY, "seal")
    given = _given(args, ("size", "empty", "parts", "close_ups", "seal_width", "fonts"))
    if args.documents:
        given |= _weights(args.documents, DOCUMENTS, "--documents")
    return _settings(PageSettings, given)


def _draw_turned(args: argparse.Namespace, plan: SetPlan) -> dict[str, Any]:
    from sealkit.synth.pages.turned import sheet_of_turned, write_turned_set

    _refuse(args, ("classes",), "page")
    summary = write_turned_set(plan, _page_settings(args))
    if args.sheet:
        sheet_of_turned(args.out, args.sheet, args.sheet_count)
    return summary


def _draw_pages(args: argparse.Namespace, plan: SetPlan) -> dict[str, Any]:
    from sealkit.synth.pages.coco import CLASSES, sheet_of_pages, write_page_set

    classes = tuple(part.strip() for part in args.classes.split(",")) if args.classes else CLASSES
    settings = _page_settings(args)
    summary = write_page_set(plan, settings, classes=classes)
    if args.sheet:
        sheet_of_pages(args.out, args.sheet, args.sheet_count)
    return summary


def _draw_strips(args: argparse.Namespace, plan: SetPlan) -> dict[str, Any]:
    from sealkit.synth.seals.settings import StripSettings
    from sealkit.synth.strips.writer import sheet_of_strips, write_strip_set

    _refuse(args, _PAGE_ONLY, "page")
    _refuse(args, _SEAL_ONLY, "seal")
    settings = _settings(StripSettings, _given(args, ("size", "fonts")))
    summary = write_strip_set(plan, settings)
    if args.sheet:
        sheet_of_strips(args.out, args.sheet, args.sheet_count)
    return summary


def _settings(kind: type[S], given: dict[str, object]) -> S:
    from pydantic import ValidationError

    from sealkit.errors import ConfigError

    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + "-".join(str(part).replace("_", "-") for part in first["loc"][:1])
        raise ConfigError(
            first["msg"], where=flag, value=first.get("input"), hint="see sealkit data synth --help"
        ) from error


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data synth`; returns the exit code."""
    import json

    from tqdm import tqdm

    from sealkit.cli.options import workers_of
    from sealkit.synth.common.sets import SetPlan

    workers = workers_of(args)
    with tqdm(total=args.count, unit="img", desc="drawing") as bar:
        plan = SetPlan(args.out, args.count, args.seed, workers, args.val_share, args.quality, bar.update)
        draw = {"seal": _draw_seals, "page": _draw_pages, "orientation": _draw_turned, "strip": _draw_strips}[args.kind]
        summary = draw(args, plan)
    if args.sheet:
        summary["sheet"] = args.sheet
    print(json.dumps(summary, ensure_ascii=False, indent=1))
    return 0
