"""Run one library's pipeline on images in a process of its own: a script, not a part of the package.

    PYTHON run_pipeline.py --library paddlex|sealkit CONFIG IMAGE … [--rounds 3] [--threads 2] [--started SECONDS]
        [--warm-up 0] [--one-by-one] [--device cpu]

`PYTHON` has that library; the other need not be there, which is why nothing of sealkit is imported at the top.
Prints JSON lines: {"created": s, "engines": …} when the pipeline stands, then, after as many images as --warm-up says,
per image and round {"image", "round", "at", "seconds", "networks", "parts", "cpu", "networks_cpu"}, with the first
round also "res" and "since_start", then, unless --one-by-one, as many rounds of one call with all images, {"listed":
seconds per image, "networks": …}, if there are several of both, at last {"peak_mb": …}. "at" is time.time() when the
image was given, "networks" are the seconds spent in the engines, "parts" those of each network by the name of its
folder; those of images that are read at the same time are divided by how many are. "cpu" and "networks_cpu" are
processor seconds of all threads of the process, in all and while an engine ran. "created" and "since_start" count from
--started (time.time() of whoever gave the command), else from the first line of this script.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

STARTED = time.time()


class Stopwatch:
    """Sums up the seconds spent in methods it was put around, by the clock and of the processor; calls within calls
    count once, calls of several threads each (by the clock; the processor's seconds are the whole process's)."""

    def __init__(self) -> None:
        self.seconds, self.cpu = 0.0, 0.0
        self.parts: dict[str, float] = {}
        self._inside, self._lock = threading.local(), threading.Lock()

    def reset(self) -> None:
        """Begin again from nothing."""
        self.seconds, self.cpu, self.parts = 0.0, 0.0, {}

    def around(self, owner: type, name: str, part: Callable[[Any], str] = lambda one: "") -> None:
        """Put the watch around a method; `part` names what an object's calls count for."""
        method = owner.__dict__[name]

        @functools.wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            outermost = not getattr(self._inside, "now", False)
            self._inside.now = True
            start, used = time.perf_counter(), time.process_time()
            try:
                return method(*args, **kwargs)
            finally:
                if outermost:
                    self._inside.now = False
                    taken, named = time.perf_counter() - start, part(args[0])
                    with self._lock:
                        self.seconds += taken
                        self.cpu += time.process_time() - used
                        self.parts[named] = self.parts.get(named, 0.0) + taken

        setattr(owner, name, timed)


def main() -> int:
    """Time one library on images in a process of its own; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=("paddlex", "sealkit"), required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--started", type=float, default=STARTED)
    parser.add_argument("--warm-up", type=int, default=0, help="images that are read first and not counted")
    parser.add_argument("--one-by-one", action="store_true", help="no call with all images")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("config")
    parser.add_argument("images", nargs="+")
    args = parser.parse_args()
    networks = Stopwatch()
    pipeline = create(args.library, args.config, args.threads, args.device)
    time_networks(args.library, networks)
    engines = sorted(set(pipeline.engines.values())) if args.library == "sealkit" else []
    say(created=time.time() - args.started, engines=engines)
    for number in range(args.warm_up):
        list(pipeline.predict(args.images[number % len(args.images)]))
    for number in range(args.rounds):
        for image in args.images:
            networks.reset()
            at, start, used = time.time(), time.perf_counter(), time.process_time()
            results = list(pipeline.predict(image))
            seconds, used = time.perf_counter() - start, time.process_time() - used
            line: dict[str, Any] = {"image": image, "round": number, "at": at, "seconds": seconds}
            line |= {"networks": networks.seconds, "parts": networks.parts, "cpu": used, "networks_cpu": networks.cpu}
            if number == 0:
                line["since_start"] = time.time() - args.started
                line["res"] = [result.json["res"] for result in results]
            say(**line)
    several = min(args.rounds, len(args.images)) > 1 and not args.one_by_one
    for _ in range(args.rounds if several else 0):
        networks.reset()
        start = time.perf_counter()
        for _result in pipeline.predict(list(args.images)):
            pass
        seconds, at_once = time.perf_counter() - start, getattr(pipeline, "at_once", 1)
        count = len(args.images)
        say(listed=seconds / count, networks=networks.seconds / at_once / count)
    say(peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return 0


def create(library: str, config: str, threads: int, device: str) -> Any:
    """The pipeline of one library."""
    if library == "sealkit":
        import sealkit

        return sealkit.create_pipeline(config, device=device, threads=threads)
    from paddlex import create_pipeline  # type: ignore[import-not-found]

    return create_pipeline(config, device=device)


def time_networks(library: str, watch: Stopwatch) -> None:
    """Put the watch around the one method of each library through which every network runs."""
    if library == "sealkit":
        from sealkit.runtime.model import InferenceModel

        watch.around(InferenceModel, "run", lambda model: model.path.name)
        return
    loaded = [m for name, m in sys.modules.items() if name.startswith("paddlex.inference.models.runners.")]
    runners = {one for module in loaded for name, one in vars(module).items() if name.endswith("Runner")}
    for runner in runners:
        if isinstance(runner, type) and "__call__" in vars(runner):
            watch.around(runner, "__call__", lambda one: one.model_dir.name)


def say(**fields: Any) -> None:
    """One JSON line on the real stdout; what a library prints goes to stderr."""
    print(json.dumps(fields, ensure_ascii=False, default=float), file=OUT, flush=True)


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder: its neighbours must not pass for top-level modules
    OUT = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Paddle's own code prints to the descriptor, past sys.stdout
    sys.exit(main())
