"""How fast recipes train on this machine, beside the official form of their networks.

    python tools/benchmark.py training [--case NAME …] [--vs official] [--steps 5] [--threads 1] [--memory]

Whole optimiser steps on the same batches, in one process and taking turns, so that other load on the machine meets all
alike: `official`, the published form with Paddle's own operators (`F.log_softmax` and its convolution's bias included),
which is what PaddleOCR's and PaddleDetection's trainers run; `fused`, the recipe's form with sealkit's operators;
`fast`, the same with `train.kernels: fast`; and the data alone, which loader processes do beside. The official form
runs with glibc's memory as it is, the others keep what they free, as sealkit's training does (`engine/memory.py`).
Weights are random and nothing is frozen: shares of a step do not depend on values. Read the ratios; at one thread they
are of processor time, which other jobs do not lengthen, at more threads of wall time.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sealkit.bench.training_profile import profile, table
from sealkit.engine.memory import keep_memory, release_memory

Variant = Literal["official", "fused", "fast"]
VARIANTS: tuple[Variant, ...] = ("official", "fused", "fast")
IMAGES = 24  # drawn for the measurement


@dataclass(frozen=True)
class Case:
    """A row of the table: a recipe, and what stands in for its data.

    Attributes:
        data: `seals`, `pages` or `upright` images drawn for it, or strips drawn as they are needed.
        forms: the network has an official and a fused form.
        options: overrides of the recipe.
    """

    recipe: str
    data: Literal["seals", "pages", "upright", "strips"]
    forms: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


_CROP = [
    {"op": "rotate", "degrees": [-180, 180]},
    {"op": "perspective", "strength": 0.06, "p": 0.3},
    {"op": "photometric", "p": 0.5},
    {"op": "fit", "size": [320, 320]},
]
_GUIDED = {"network.auxiliary_head": "official", "train.batch_size": 16}
CASES: dict[str, Case] = {
    "v4_mobile_seal_det": Case("seal_det_mobile_finetune", "seals", options={"augment": _CROP, "train.batch_size": 8}),
    "seal_det_cpu_small": Case("seal_det_cpu_small", "seals"),
    "seal_det_v6_small_synth": Case("seal_det_v6_small_synth", "seals"),
    "seal_det_demo": Case("seal_det_demo", "seals"),
    "v6_small_rec_with_auxiliary_head": Case("rec_v6_small_finetune", "strips", options=_GUIDED),
    "rec_v6_small_finetune": Case("rec_v6_small_finetune", "strips"),
    "rec_v6_small_seal": Case("rec_v6_small_seal", "strips"),
    "doc_ori_synth": Case("doc_ori_synth", "upright", forms=False),
    "layout_picodet_s_synth": Case(
        "layout_picodet_s_synth", "pages", forms=False, options={"batch.sizes": [[320, 320]]}
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py training`; returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmark.py training", description=__doc__)
    parser.add_argument("--case", dest="cases", action="append", choices=list(CASES), help="default: all")
    parser.add_argument("--vs", choices=["official"], help="measure the official form with Paddle's operators, too")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each (default 5)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="peak memory of each, two steps in a process of its own")
    parser.add_argument("--profile", action="store_true", help="print where a step of each goes, by operator")
    parser.add_argument("--json", metavar="FILE", help="write the numbers, too")
    parser.add_argument("--alone", choices=VARIANTS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    from sealkit.engine.threads import set_threads

    set_threads(args.threads)
    variants = [name for name in VARIANTS if args.vs or name != "official"]
    if args.alone:
        measure(args.cases[0], [args.alone], 1)
        return 0
    machine = f"{_processor()}, {args.threads} thread(s)"
    print(f"{machine}\n{heading(variants, args.memory)}")
    found: dict[str, Any] = {"machine": machine, "threads": args.threads, "cases": {}}
    for name in args.cases or CASES:
        result = measure(name, variants, args.steps, args.profile)
        if args.memory:
            for variant in result["seconds"]:
                result["seconds"][variant]["peak_mb"] = _peak(name, variant, args.threads)
        found["cases"][name] = result
        print(row(name, result, variants, args.threads, args.memory), flush=True)
        for variant, line in result.get("profile", {}).items():
            print(f"  {variant}: {line}", flush=True)
    if args.json:
        from sealkit.files import write_text

        write_text(Path(args.json), json.dumps(found, indent=1) + "\n")
    return 0


def heading(variants: Sequence[str], memory: bool) -> str:
    """First lines of the Markdown table."""
    columns = ["case", "samples a step", *(f"{name}, samples/s" for name in variants)]
    columns += [f"{name} / {variants[0]}" for name in variants[1:]]
    columns += ["data alone, samples/s", *(["peak memory, MB"] if memory else [])]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def row(name: str, result: Mapping[str, Any], variants: Sequence[str], threads: int, memory: bool) -> str:
    """A line of the Markdown table; a dash where a network has one form only and nothing but its kernels changes."""
    clock = "cpu" if threads == 1 else "wall"
    seconds = {variant: times[clock] for variant, times in result["seconds"].items()}
    samples = result["samples"]
    cells = [name, str(samples), *(f"{samples / seconds[v]:.2f}" for v in variants)]
    cells += [f"{seconds[variants[0]] / seconds[v]:.2f}×" for v in variants[1:]]
    cells.append(f"{samples / result['data']:.1f}")
    if memory:
        cells.append(" / ".join(f"{result['seconds'][v]['peak_mb']:.0f}" for v in variants))
    return f"| {' | '.join(cells)} |"


def measure(name: str, variants: Sequence[Variant], steps: int, with_profile: bool = False) -> dict[str, Any]:
    """Median seconds of a step of each variant.

    Returns:
        {"samples": of a step, "seconds": {variant: {"cpu", "wall"}}, "data": processor seconds of a batch's data} and,
        where it is asked for, "profile": {variant: operators and their shares of a step}.
    """
    with tempfile.TemporaryDirectory() as folder:
        _draw(CASES[name].data, folder)
        runs = {variant: _Run(_recipe(name, variant, folder), variant) for variant in variants}
        batches, data = _batches(runs[variants[-1]], steps + 1)
        times: dict[str, dict[str, list[float]]] = {v: {"cpu": [], "wall": []} for v in variants}
        for step, batch in enumerate(batches):
            before = None
            for variant, run in runs.items():
                release_memory(now=False) if variant == "official" else keep_memory()
                if step and before == "official":
                    run.step(batch, step)  # not timed: it gets back memory that the official one gave away
                before = variant
                cpu, wall = time.process_time(), time.perf_counter()
                run.step(batch, step)
                if step:  # the first one fills memory pools
                    times[variant]["cpu"].append(time.process_time() - cpu)
                    times[variant]["wall"].append(time.perf_counter() - wall)
        keep_memory()
        lines = {}
        for variant, run in runs.items() if with_profile else ():
            lines[variant] = table(*profile(partial(run.step, batches[-1], steps + 1)))
    medians = {v: {clock: statistics.median(found or [0.0]) for clock, found in times[v].items()} for v in variants}
    found = {"samples": batches[0].samples, "seconds": medians, "data": data}
    return {**found, "profile": lines} if with_profile else found


def _recipe(name: str, variant: Variant, folder: str) -> Any:
    from sealkit.modules.recipe import load_recipe

    case = CASES[name]
    labels = {"seals": "train.txt", "pages": "annotations/instance_train.json", "upright": "upright_train.txt"}
    entry: dict[str, Any] = {"synth": {"strips": 4096}}
    if case.data != "strips":
        entry = {"root": folder, "labels": labels[case.data]}
    if case.data == "upright":
        entry["upright"] = True
    options: dict[str, Any] = {"data.train": [entry], "train.num_workers": 0, "weights.freeze": [], **case.options}
    if case.data != "strips":
        options["data.val"] = [entry]
    if case.forms:
        options["network.form"] = "official" if variant == "official" else "fused"
    return load_recipe(case.recipe, options).settings


class _Run:
    """A network that takes steps."""

    def __init__(self, settings: Any, variant: Variant) -> None:
        import paddle

        from sealkit.engine.distributed import World
        from sealkit.engine.optim import Optimizer
        from sealkit.engine.step import Trainer
        from sealkit.errors import ConfigError
        from sealkit.nn.kernels import problem, use_fast
        from sealkit.zoo import make_task

        self.settings, self.variant, self.task = settings, variant, make_task(settings)
        paddle.seed(0)
        net = self.task.build_network()
        net.train()
        if variant == "fast":
            reason = problem()
            if reason:
                raise ConfigError(f"the fast kernels cannot be used: {reason}", hint="pip install 'sealkit[fast]'")
            use_fast(net)
        optimizer = Optimizer(net, self.task.param_groups(net), settings.optimizer)
        self._trainer = Trainer(self.task, net, optimizer, None, settings, World())

    def step(self, batch: Any, number: int) -> None:
        """One optimiser step with the batch."""
        from sealkit.engine.task import StepState

        with official_operators() if self.variant == "official" else _as_they_are():
            self._trainer.run(iter([batch] * self.settings.train.accumulate), number, StepState(number), 1e-6)


@contextmanager
def official_operators() -> Iterator[None]:
    """Paddle's own operators where sealkit has faster ones: the bias of convolutions, log_softmax."""
    import paddle.nn.functional as F

    from sealkit.modules.text_recognition import loss
    from sealkit.nn import conv

    ours = conv._slow_bias, loss.log_softmax
    conv._slow_bias, loss.log_softmax = (lambda: False), F.log_softmax
    try:
        yield
    finally:
        conv._slow_bias, loss.log_softmax = ours


@contextmanager
def _as_they_are() -> Iterator[None]:
    yield


def _batches(run: _Run, count: int) -> tuple[list[Any], float]:
    """Batches of the run's data, made in this process, and the processor seconds of one (median)."""
    import copy

    from sealkit.engine.loader import Loader
    from sealkit.engine.sampler import TrainPlan
    from sealkit.engine.worker import Stream

    source, loop = run.task.train_samples(), run.settings.train
    plan = TrainPlan(len(source), loop.batch_size, 1, 1, 0, seed=0, arrange=source.arrange)
    batches: list[Any] = []
    seconds: list[float] = []
    with Loader({"train": Stream(source, run.task.collate)}, 0, seed=0) as loader:
        loaded = loader.batches("train", plan.batches(0))
        while len(batches) < count:
            started = time.process_time()
            batches.append(copy.deepcopy(next(loaded)))
            seconds.append(time.process_time() - started)
    return batches, statistics.median(seconds[1:] or seconds)


def _draw(kind: str, folder: str) -> None:
    from sealkit.synth.common.sets import SetPlan
    from sealkit.synth.pages.coco import write_page_set
    from sealkit.synth.seals.settings import PageSettings, SynthSettings
    from sealkit.synth.seals.writer import write_detection_set

    plan = SetPlan(folder, IMAGES, seed=11, val_share=0.0)
    if kind == "seals":
        write_detection_set(plan, SynthSettings(pages=0.0, negatives=0.0))
    elif kind != "strips":
        write_page_set(plan, PageSettings(empty=0.0))


def _peak(name: str, variant: str, threads: int) -> float:
    """Peak resident memory in MB of a process that takes two steps."""
    import os

    command = [sys.executable, "-m", "sealkit.bench.training_speed", "--case", name, "--alone", variant]
    process = subprocess.Popen([*command, "--threads", str(threads)], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss / 1024 if sys.platform != "darwin" else usage.ru_maxrss / 2**20


def _processor() -> str:
    """Name of the processor where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
