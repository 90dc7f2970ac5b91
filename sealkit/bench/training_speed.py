"""How fast the detector trains on this machine.

    python tools/benchmark.py training [--model PP-OCRv4_mobile_seal_det] [--size 320] [--batch-size 8] [--steps 6]

Images per second of whole optimiser steps: official and fused form fed with a ready batch, the same steps fed by the
data pipeline (drawn seals, the recipe's augmentations, one worker), and the data pipeline alone. Ready and real batches
take turns, step by step, so that other load on the machine meets both alike.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe

IMAGES = 64  # drawn for the measurement; files are in the page cache after the first epoch


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py training`; returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmark.py training", description=__doc__)
    parser.add_argument("--model", default="PP-OCRv4_mobile_seal_det")
    parser.add_argument("--size", type=int, default=320, help="side of the training images (default 320)")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6, help="timed steps of each kind (default 6)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    args = parser.parse_args(argv)
    from sealkit.engine.threads import set_threads

    set_threads(args.threads)
    rows = measure(args.model, args.size, args.batch_size, args.steps)
    machine = platform.processor() or platform.machine()
    print(f"{args.model}, {args.size} px, batch {args.batch_size}, {args.threads} threads, {machine}")
    for name, rate in rows.items():
        print(f"  {name:34s} {rate:8.2f}")
    return 0


def measure(model: str, size: int, batch_size: int, steps: int) -> dict[str, float]:
    """Rates by name, images per second; `real / ready` are ratios."""
    from sealkit.modules.seal_text_detection.dataset import measure_data_rate
    from sealkit.synth.seals.settings import SynthSettings
    from sealkit.synth.seals.writer import write_detection_set

    rows: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = SynthSettings(pages=0.0, negatives=0.0)
        write_detection_set(folder, IMAGES, seed=11, val_share=0.0, settings=settings)
        for form in ("official", "fused"):
            recipe = _recipe(model, form, size, batch_size, folder)
            ready, real = _rates(recipe, steps)
            rows[f"{form}: ready batches, img/s"] = ready
            rows[f"{form}: data pipeline, img/s"] = real
            rows[f"{form}: real / ready"] = real / ready
        rows["data pipeline alone, img/s"] = measure_data_rate(recipe, batches=max(4, steps))
    return rows


def _recipe(model: str, form: str, size: int, batch_size: int, folder: str | Path) -> SealTextDetectionRecipe:
    from sealkit.modules.recipe import load_recipe

    source: dict[str, Any] = {
        "name": "training_speed",
        "module": "seal_text_detection",
        "model": model,
        "network": {"form": form},
        "data": {key: [{"root": str(folder), "labels": "train.txt"}] for key in ("train", "val")},
        "augment": [
            {"op": "rotate", "degrees": [-180, 180]},
            {"op": "perspective", "strength": 0.06, "p": 0.3},
            {"op": "photometric", "p": 0.5},
            {"op": "fit", "size": [size, size]},
        ],
        "train": {"batch_size": batch_size, "num_workers": 1, "epochs": 1},
    }
    settings = load_recipe(source).settings
    assert isinstance(settings, SealTextDetectionRecipe)
    return settings


def _rates(recipe: SealTextDetectionRecipe, steps: int) -> tuple[float, float]:
    """Images per second of steps with a ready batch, and with the loader's batches."""
    import copy

    from sealkit.engine.distributed import World
    from sealkit.engine.loader import Loader
    from sealkit.engine.optim import Optimizer
    from sealkit.engine.sampler import TrainPlan
    from sealkit.engine.step import Trainer
    from sealkit.engine.task import StepState
    from sealkit.engine.worker import Stream
    from sealkit.modules.seal_text_detection.task import SealTextDetectionTask

    task = SealTextDetectionTask(recipe)
    net = task.build_network()
    net.train()
    optimizer = Optimizer(net, task.param_groups(net), recipe.optimizer)
    trainer = Trainer(task, net, optimizer, None, recipe, World())
    plan = TrainPlan(IMAGES, recipe.train.batch_size, 1, 1, 0, seed=0)
    with Loader({"train": Stream(task.train_samples(), task.collate)}, recipe.train.num_workers, seed=0) as loader:
        batches = loader.batches("train", plan.batches(0))
        first = copy.deepcopy(next(batches))
        ready: Iterator[Any] = itertools.repeat(first)
        trainer.run(ready, 0, StepState(), 1e-6)  # memory pools, kernels
        spent = {"ready": 0.0, "real": 0.0}
        for step in range(1, steps + 1):
            for name, source in (("ready", ready), ("real", batches)):
                started = time.perf_counter()
                trainer.run(source, step, StepState(step), 1e-6)
                spent[name] += time.perf_counter() - started
    images = steps * recipe.train.batch_size
    return images / spent["ready"], images / spent["real"]
