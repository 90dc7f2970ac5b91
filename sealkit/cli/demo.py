"""`sealkit demo`: the whole way in minutes: read a seal, meet a new style, fine-tune, measure, export, read again."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

NAME = "demo"
HELP = "Read a seal, fine-tune the detector on a style it has never seen, prove the gain, export, read again."
EXAMPLES = """
  sealkit demo                                       # a seal of datasets/toy
  sealkit demo --image my_seal.png
  sealkit demo --steps 120 --images 300            # longer, for a larger gain
"""

RECIPE = "seal_det_demo"
CLEAR_GAIN = 0.05  # Hmean on the held-out images; less is told as what it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", metavar="PATH", help="your own image of a seal (default: one of datasets/toy)")
    parser.add_argument("--output", default="runs/demo", metavar="DIR", help="folder to write (default runs/demo)")
    parser.add_argument("--images", type=int, default=200, metavar="N", help="images drawn (default 200)")
    parser.add_argument("--steps", type=int, default=None, metavar="N", help="optimiser steps (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=2026, help="of the drawn images (default 2026)")


def run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    out = Path(args.output)
    image = Path(args.image) if args.image else _toy_image()
    pipeline_before = _pipeline()
    _say(1, f"reading {image} with the embedded weights")
    before_texts = _read(pipeline_before, image, out / "before")

    data = out / "data"
    _say(2, f"drawing {args.images} seals in the style `laser`, which the embedded weights have never seen")
    held_out = _draw(data, args.images, args.seed)
    before_style = _read(pipeline_before, held_out, None)

    _say(3, "fine-tuning; the initial weights are measured first, on images that are not trained on")
    result = _train(data, out / "train", args.steps)
    assert result.baseline is not None and result.best is not None  # the recipe evaluates at the start and the end
    before, after = result.baseline["hmean"], result.best["hmean"]

    _say(4, "reading again with the fine-tuned folder in model_dir")
    model_dir = result.run_dir / "inference"
    pipeline_after = _pipeline(model_dir)
    after_texts = _read(pipeline_after, image, out / "after")
    after_style = _read(pipeline_after, held_out, out / "after")

    export = _parity(model_dir)
    rows = [
        ("", "embedded weights", "fine-tuned"),
        (
            "Hmean, 40 held-out laser seals" if args.images == 200 else "Hmean, held-out laser seals",
            f"{before:.3f}",
            f"{after:.3f}",
        ),
        (f"texts of {image.name}", " / ".join(before_texts) or "–", " / ".join(after_texts) or "–"),
        (f"texts of {held_out.name} (laser)", " / ".join(before_style) or "–", " / ".join(after_style) or "–"),
    ]
    print()
    for name, left, right in rows:
        print(f"  {name:34s}  {left:42s}  {right}")
    print(f"\n  export: {export}")
    print(f"  image: {_newest_image(out / 'after')}")
    print(f"  report:  {result.run_dir / 'report.html'}")
    print(f"  {time.monotonic() - started:.0f} s in all")
    print(f"  {_verdict(before, after)}")
    return 0


def _verdict(before: float, after: float) -> str:
    """What the two scores say. A small gain is no fault: how much there is to gain depends on seed, steps and fonts."""
    change = f"{before:.3f} -> {after:.3f} Hmean on images that were not trained on"
    if after >= before + CLEAR_GAIN:
        return f"fine-tuning works here: {change}"
    kind = "gained little" if after > before else "gained nothing"
    return f"fine-tuning ran, but {kind}: {change}; more steps or more images may: --steps, --images"


def _say(step: int, text: str) -> None:
    print(f"[{step}/4] {text}", flush=True)


def _toy_image() -> Path:
    """An image of the checkout's toy set."""
    from sealkit.errors import DataError

    image = Path("datasets/toy/images/000028.jpg")  # round, company name and purpose line
    if not image.is_file():
        raise DataError("no toy image here", where=str(image), hint="run in the checkout, or use --image PATH")
    return image


def _pipeline(model_dir: Path | None = None) -> Any:
    """The embedded pipeline, with another detector's folder in its place where one is named."""
    from sealkit import create_pipeline

    if model_dir is None:
        return create_pipeline()
    return create_pipeline(overrides=[f"SubPipelines.SealOCR.SubModules.TextDetection.model_dir={model_dir}"])


def _read(pipeline: Any, image: Path, save_path: Path | None) -> list[str]:
    """Texts of an image, in reading order; an unreadable image is an error here."""
    from sealkit.errors import ImageError

    [result] = pipeline.predict(str(image))
    if not result.ok:
        raise ImageError(str(result["error"]))  # it names the image
    if save_path is not None:
        result.save_to_img(str(save_path))
        result.save_to_json(str(save_path))
    for text in result.texts:
        print(f"      {text}")
    return list(result.texts)


def _draw(folder: Path, count: int, seed: int) -> Path:
    """Draw the set anew and return a held-out image of it."""
    import os
    import shutil

    from tqdm import tqdm

    from sealkit.data.labels.detection import read_det_labels
    from sealkit.synth.seals.settings import SynthSettings
    from sealkit.synth.seals.writer import write_detection_set

    if folder.exists():
        shutil.rmtree(folder)
    settings = SynthSettings(style="laser", size=(256, 360), crops=1.0, pages=0.0, negatives=0.0)
    with tqdm(total=count, desc="drawing", unit="img") as bar:
        write_detection_set(
            folder, count, seed, workers=os.cpu_count() or 1, val_share=0.2, settings=settings, progress=bar.update
        )
    samples, _ = read_det_labels(folder, "val.txt")
    return next(sample.image_path for sample in samples if len(sample.lines) > 1)


def _train(data: Path, output: Path, steps: int | None) -> Any:
    from sealkit import train

    overrides: dict[str, Any] = {"data.train.0.root": str(data), "data.val.0.root": str(data)}
    if steps is not None:
        overrides.update({"train.max_steps": steps, "eval.every_steps": steps})
    return train(RECIPE, overrides, output=output, overwrite=output.exists())


def _parity(model_dir: Path) -> str:
    """What export_report.json proves, in one line."""
    import json

    report = json.loads((model_dir / "export_report.json").read_text(encoding="utf-8"))
    differences = report["max_abs_difference"]
    shown = ", ".join(f"{engine} {max(parts.values()):.1e}" for engine, parts in differences.items())
    return f"{model_dir} (largest difference to the trained network on {len(report['images'])} images: {shown})"


def _newest_image(folder: Path) -> Path:
    images = [path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    return max(images, key=lambda path: path.stat().st_mtime, default=folder)
