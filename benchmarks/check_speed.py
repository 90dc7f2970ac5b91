"""How long `data check` takes for a large set, and how its memory grows.

    python tools/benchmark.py data-check [--images 10000] [--workers 0]

The set: the toy seals at 160 to 320 pixels, each copy at a size and JPEG quality of its own, labels scaled along. It is
checked at a tenth of its size and whole. Memory is the largest resident one of a process, of the command or a worker.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.records import DetSample
from sealkit.images import read_image

ROOT = Path(__file__).resolve().parents[1]
TOY = ROOT / "datasets" / "toy"
_CHECK = """
import json, resource, sys, time
from sealkit import cli
began = time.perf_counter()
code = cli.main(sys.argv[1:])
seconds = time.perf_counter() - began
parent, worker = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"code": code, "seconds": seconds, "parent_mb": parent, "worker_mb": worker}))
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmark.py data-check", description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=0, help="0: one per core")
    args = parser.parse_args(argv)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place:
        for count in (args.images // 10, args.images):
            draw_set(Path(place) / str(count), count)
            found = checked(Path(place) / str(count), args.workers)
            print(
                f"  {count} images: {found['seconds']:.1f} s, {found['parent_mb']:.0f} MB; "
                f"a worker {found['worker_mb']:.0f} MB",
                flush=True,
            )
    return 0


def draw_set(folder: Path, count: int) -> None:
    """A detection set of so many copies of the toy seals, `train.txt`."""
    toy = read_det_labels(TOY, "train.txt")[0]
    images = [read_image(sample.image_path) for sample in toy]
    (folder / "images").mkdir(parents=True)
    samples = []
    for number in range(count):
        sample, image = toy[number % len(toy)], images[number % len(toy)]
        scale = (160 + number * 37 % 161) / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        path = folder / "images" / f"{number:06d}.jpg"
        cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, 70 + number % 25])
        samples.append(DetSample(path, [replace(line, points=line.points * scale) for line in sample.lines]))
    write_det_labels(folder / "train.txt", samples)


def checked(folder: Path, workers: int) -> dict[str, float]:
    """Exit code of the check in a process of its own, its seconds and the memory of the largest process, MB."""
    command = ["data", "check", str(folder), "--workers", str(workers), "--json", str(folder / "check.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as place:
        script = Path(place) / "check.py"
        script.write_text("if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in _CHECK.splitlines()))
        done = subprocess.run([sys.executable, str(script), *command], env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise RuntimeError(f"the check did not end: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(lines[-1])
    return found


__all__ = ["checked", "draw_set", "main"]
