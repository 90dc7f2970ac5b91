"""`sealkit demo`: the whole workflow in minutes: read, fine-tune on a new style, measure, export, read again."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sealkit

if TYPE_CHECKING:
    from sealkit.data.records import DetSample

NAME = "demo"
HELP = "Read a seal, fine-tune the detector on a style it has never seen, prove the gain, export, read again."
EXAMPLES = """
  sealkit demo                                       # a drawn seal that comes with sealkit
  sealkit demo --image my_seal.png
  sealkit demo --steps 120 --images 300              # longer, for a larger gain
"""

RECIPE = "seal_det_demo"
STYLE = "guilloche"
CLEAR_GAIN = 0.05  # Hmean on the held-out images; a smaller gain is not reported as success
REPLAY = 0.3  # images of the usual style for each of the new one, so that it is not forgotten
NEXT = """  next, with your own labelled images (LabelMe, PPOCRLabel and others: `sealkit data convert --help`):
    sealkit data split my_seals
    sealkit data check my_seals
    sealkit train --data my_seals --output runs/mine
    sealkit infer my_seal.png --save-path out --det runs/mine"""
LOOKED_AT = 6  # held-out images read before and after; the one that gained most is shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit demo`."""
    parser.add_argument(
        "--image", metavar="PATH", help="your own image of a seal (default: one that comes with sealkit)"
    )
    parser.add_argument("--output", default="runs/demo", metavar="DIR", help="folder to write (default runs/demo)")
    parser.add_argument("--images", type=_enough, default=200, metavar="N", help="images to draw (default 200)")
    parser.add_argument("--steps", type=int, default=None, metavar="N", help="optimiser steps (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=2026, help="of the drawn images (default 2026)")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit demo`; returns the exit code."""
    from sealkit.runtime.noise import LOG

    started, cpu = time.monotonic(), _cpu_seconds()
    out = Path(args.output)
    image = Path(args.image) if args.image else _example()
    pipeline_before = _pipeline()
    _say(1, f"reading {image} with the embedded weights")
    before = _read(pipeline_before, image, out / "before")

    data = out / "data"
    _say(2, f"drawing {args.images} seals in the style `{STYLE}`, which the embedded weights have never seen")
    held_out = _draw(out, args.images, args.seed)
    before_style = [_read(pipeline_before, sample.image_path, None) for sample in held_out]

    _say(3, "fine-tuning; the initial weights are measured first, on images that are not trained on")
    result = _train(data, out / "replay", out / "train", args.steps)

    _say(4, "reading again with the fine-tuned folder in model_dir")
    model_dir = result.run_dir / "inference"
    pipeline_after = _pipeline(model_dir)
    after = _read(pipeline_after, image, out / "after")
    after_style = [_read(pipeline_after, sample.image_path, None) for sample in held_out]
    gains = [_right(new, sample) - _right(old, sample) for old, new, sample in zip(before_style, after_style, held_out)]
    best_gain = gains.index(max(gains))
    name, old, new = held_out[best_gain].image_path.name, before_style[best_gain], after_style[best_gain]
    drawn = held_out[best_gain].image_path
    shown = _one_above_the_other(_view(old, drawn), _view(new, drawn), out / "before_after.png")

    first, best = result.baseline["hmean"], result.best["hmean"]  # the recipe evaluates at the start and at the end
    rows = [
        ("", "embedded weights", "fine-tuned"),
        (f"Hmean, held-out {STYLE} seals", f"{first:.3f}", f"{best:.3f}"),
        (f"texts of {image.name}", _joined(before), _joined(after)),
        (f"texts of {name} ({STYLE})", _joined(old), _joined(new)),
    ]
    print()
    for title, left, right in rows:
        print(f"  {title:34s}  {left:42s}  {right}")
    print(f"\n  {_verdict(first, best)}")
    print(f"  export:  {_parity(model_dir)}")
    print(f"  see:     {shown} ({name} before and after)")
    print(f"  report:  {result.run_dir / 'report.html'}")
    if (result.run_dir / LOG).is_file():
        print(f"  log:     {result.run_dir / LOG} (what Paddle and its converter wrote)")
    print(f"  {time.monotonic() - started:.0f} s in all, {_cpu_seconds() - cpu:.0f} s of CPU time")
    print(f"\n{NEXT}")
    return 0


def _enough(text: str) -> int:
    """A count of images of which some can be held out."""
    if not text.isdecimal() or int(text) < 20:
        raise argparse.ArgumentTypeError(f"a whole number of at least 20, not {text}")
    return int(text)


def _cpu_seconds() -> float:
    """CPU time of this process and its finished children."""
    return sum(os.times()[:4])


def _verdict(before: float, after: float) -> str:
    """What the two scores say. A small gain is no fault: how much there is to gain depends on seed, steps and fonts."""
    change = f"{before:.3f} -> {after:.3f} Hmean on images that were not trained on"
    if after >= before + CLEAR_GAIN:
        return f"fine-tuning works here: {change}"
    kind = "gained little" if after > before else "gained nothing"
    return f"fine-tuning ran, but {kind}: {change}; try more steps or more images: --steps, --images"


def _say(step: int, text: str) -> None:
    print(f"[{step}/4] {text}", flush=True)


def _example() -> Path:
    """The seal that comes with the package, wherever the command runs."""
    return Path(sealkit.__file__).parent / "assets" / "example_seal.png"


def _pipeline(model_dir: Path | None = None) -> Any:
    """The embedded pipeline, with another detector's folder in its place where one is named."""
    from sealkit import create_pipeline

    if model_dir is None:
        return create_pipeline()
    return create_pipeline(det=model_dir)


def _read(pipeline: Any, image: Path, save_path: Path | None) -> Any:
    """Result of an image, its texts printed; an unreadable image is an error here."""
    from sealkit.errors import ImageError

    [result] = pipeline.predict(str(image))
    if not result.ok:
        raise ImageError(str(result["error"]))  # it names the image
    if save_path is not None:
        result.save_to_img(str(save_path))
        result.save_to_json(str(save_path))
    print(f"      {image.name}: {_joined(result)}")
    return result


def _joined(result: Any) -> str:
    return " / ".join(result.texts) or "-"


def _right(result: Any, sample: DetSample) -> float:
    """How much of the labelled texts was read: the best similarity of each, added up."""
    from sealkit.text import comparable, similarity

    read = [comparable(text) for text in result.texts]
    labelled = [comparable(line.text) for line in sample.lines if not line.ignore and line.text]
    return sum(max((similarity(text, truth) for text in read), default=0.0) for truth in labelled)


def _draw(out: Path, count: int, seed: int) -> list[DetSample]:
    """Draw both sets anew, `data` and `replay`, and return some held-out samples of the first."""
    from sealkit.cli.progress import Progress
    from sealkit.data.labels.detection import read_det_labels
    from sealkit.engine.threads import available_cores
    from sealkit.synth.common.sets import SetPlan
    from sealkit.synth.seals.settings import SynthSettings
    from sealkit.synth.seals.writer import write_detection_set

    def progress(done: int) -> None:
        bar(done, count + usual)

    usual = max(8, round(REPLAY * count))
    with Progress("drawing") as bar:
        for name, style, number, share in (("data", STYLE, count, 0.2), ("replay", "default", usual, 0.0)):
            folder = out / name
            if folder.exists():
                shutil.rmtree(folder)
            plan = SetPlan(folder, number, seed, min(4, available_cores()), share, progress=progress)
            settings = SynthSettings(style=style, size=(256, 360), crops=1.0, pages=0.0, negatives=0.0)
            write_detection_set(plan, settings)
    samples, _ = read_det_labels(out / "data", "val.txt")
    return samples[:LOOKED_AT]


def _train(data: Path, replay: Path, output: Path, steps: int | None) -> Any:
    from sealkit import train

    overrides: dict[str, Any] = {
        "data.train.0.root": str(data),
        "data.train.1.root": str(replay),
        "data.val.0.root": str(data),
    }
    if steps is not None:
        overrides.update({"train.max_steps": steps, "eval.every_steps": steps})
    return train(RECIPE, overrides, output=output, overwrite=output.exists())


def _view(result: Any, path: Path) -> Any:
    """What was read, as one PIL image; the image itself where no seal was found."""
    from PIL import Image

    from sealkit.images import read_image

    drawn = result.overview or next(iter(result.img.values()), None)
    return drawn if drawn is not None else Image.fromarray(read_image(path)[:, :, ::-1])


def _one_above_the_other(upper: Any, lower: Any, path: Path) -> Path:
    """Two PIL images in one file."""
    from PIL import Image

    sheet = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height + 8), "white")
    sheet.paste(upper, (0, 0))
    sheet.paste(lower, (0, upper.height + 8))
    sheet.save(path)
    return path


def _parity(model_dir: Path) -> str:
    """What export_report.json proves, in one line."""
    import json

    report = json.loads((model_dir / "export_report.json").read_text(encoding="utf-8"))
    differences = report["max_abs_difference"]
    shown = ", ".join(f"{engine} {max(parts.values()):.1e}" for engine, parts in differences.items())
    return f"{model_dir} (largest difference to the trained network on {len(report['images'])} images: {shown})"
