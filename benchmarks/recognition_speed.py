"""How fast strips are trained on and read on this machine.

    python tools/benchmark.py recognition [--model PP-OCRv6_small_rec] [--threads 1]

Strips per second of the training data pipeline alone, of whole optimiser steps, and of reading with batch 1 and 16 on
each installed engine, on the toy strips or a set of yours. CPU seconds of this process stand beside wall time: on a
busy machine they are the ones to compare.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sealkit.modules.text_recognition.settings import TextRecognitionRecipe


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmark.py recognition", description=__doc__)
    parser.add_argument("--model", default="PP-OCRv6_small_rec")
    parser.add_argument("--model-dir", type=Path, help="exported folder to read with (default: that of the wheel)")
    parser.add_argument("--set", type=Path, default=Path("datasets/toy_strips"), help="folder with train.txt")
    parser.add_argument("--batch-size", type=int, default=16, help="of training (default 16)")
    parser.add_argument("--steps", type=int, default=3, help="timed optimiser steps (default 3)")
    parser.add_argument("--auxiliary-head", choices=["official", "none"], default="none", help="in training")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    args = parser.parse_args(argv)
    from sealkit.engine.threads import set_threads

    set_threads(args.threads)
    print(f"{args.model}, {args.threads} threads, {platform.processor() or platform.machine()}")
    print(f"  {'strips/s':44}{'wall':>9}{'CPU':>9}")
    _training(args)
    _reading(args)
    return 0


def _print(name: str, strips: int, run: Callable[[], object]) -> None:
    """Run once and print strips per second of wall and CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"  {name:44}{strips / wall:9.2f}{strips / max(cpu, 1e-9):9.2f}", flush=True)


def _training(args: argparse.Namespace) -> None:
    import numpy as np

    from sealkit.engine.distributed import World
    from sealkit.engine.loader import Batch
    from sealkit.engine.optim import Optimizer
    from sealkit.engine.step import Trainer
    from sealkit.engine.task import StepState
    from sealkit.modules.text_recognition.task import TextRecognitionTask

    sets = [{"root": str(args.set), "labels": "train.txt"}]
    recipe = TextRecognitionRecipe.model_validate(
        {
            "name": "speed",
            "module": "text_recognition",
            "model": args.model,
            "dictionary": "rapidocr",
            "network": {"form": "fused", "auxiliary_head": args.auxiliary_head, "steps": "width"},
            "labels": {"unknown": "character"},
            "data": {"train": sets, "val": sets},
            "augment": [{"op": op} for op in ("elastic", "perspective", "ends", "ink", "background", "photometric")],
            "train": {"batch_size": args.batch_size, "num_workers": 0},
        }
    )
    task = TextRecognitionTask(recipe)
    source, size = task.train_samples(), args.batch_size

    def samples(number: int) -> dict[str, object]:
        places = [(number * size + i) % len(source) for i in range(size)]
        return task.collate([{**source.get(i, number, np.random.default_rng(i)), "index": i} for i in places])

    samples(0)  # imports and file caches
    _print("training data alone, all augmentations", 8 * size, lambda: [samples(n) for n in range(8)])
    net = task.build_network()
    net.train()
    trainer = Trainer(task, net, Optimizer(net, task.param_groups(net), recipe.optimizer), None, recipe, World())

    def steps(count: int) -> None:
        for step in range(count):
            batch = Batch(samples(step), size, [], 0, [], 0.0)
            trainer.run(iter([batch]), step, StepState(step), 1e-7)

    steps(1)
    name = f"optimiser steps, batch {size}, 48x320, auxiliary head {args.auxiliary_head}"
    _print(name, args.steps * size, lambda: steps(args.steps))


def _reading(args: argparse.Namespace) -> None:
    from sealkit import api
    from sealkit.data.labels.recognition import read_rec_labels
    from sealkit.images import read_image
    from sealkit.pipeline.locate import locate_model
    from sealkit.runtime.engines import ENGINES
    from sealkit.runtime.files import ModelFiles
    from sealkit.runtime.model import installed

    path = args.model_dir or locate_model(args.model).path
    strips = [read_image(sample.image_path) for sample in read_rec_labels(args.set, "train.txt")[0]]
    files = ModelFiles.find(path)
    for engine in ("onnxruntime", "openvino", "paddle"):
        readable = files.onnx is not None if ENGINES[engine].files == "onnx" else files.has_paddle
        if not readable or not installed(engine):
            print(f"  {engine}: {'not installed' if readable else 'cannot read these files'}")
            continue
        model = api.create_model(args.model, path, engine=engine, device="cpu", threads=args.threads)
        for batch_size in (1, 16):
            model.read(strips, batch_size)  # shapes are prepared
            _print(f"reading, {engine}, batch {batch_size}", len(strips), partial(model.read, strips, batch_size))
