"""Run one library's pipeline on pictures in a process of its own: a script, not a part of the package.

    PYTHON run_pipeline.py --library paddlex|sealkit CONFIG PICTURE … [--rounds 3] [--threads 2]

`PYTHON` has that library; the other need not be there, which is why nothing of sealkit is imported at the top.
Prints JSON lines: {"created": s} when the pipeline stands, then per picture and round {"picture", "round", "seconds"},
with the first round also "res" and "since_start", at last {"peak_mb": …}. "created" and "since_start" count from the
start of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any

STARTED = time.perf_counter()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=("paddlex", "sealkit"), required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("config")
    parser.add_argument("pictures", nargs="+")
    args = parser.parse_args()
    pipeline = create(args.library, args.config, args.threads)
    say(created=time.perf_counter() - STARTED)
    for number in range(args.rounds):
        for picture in args.pictures:
            start = time.perf_counter()
            results = list(pipeline.predict(picture))
            seconds = time.perf_counter() - start
            line: dict[str, Any] = {"picture": picture, "round": number, "seconds": seconds}
            if number == 0:
                line["res"] = [result.json["res"] for result in results]
                line["since_start"] = time.perf_counter() - STARTED
            say(**line)
    say(peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return 0


def create(library: str, config: str, threads: int) -> Any:
    if library == "sealkit":
        import sealkit

        return sealkit.create_pipeline(config, device="cpu", threads=threads)
    from paddlex import create_pipeline  # type: ignore[import-not-found]

    return create_pipeline(config, device="cpu")


def say(**fields: Any) -> None:
    """One JSON line on stdout; what a library prints itself goes to stderr."""
    print(json.dumps(fields, ensure_ascii=False, default=float), file=OUT, flush=True)


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder: its neighbours must not pass for top-level modules
    OUT, sys.stdout = sys.stdout, sys.stderr
    sys.exit(main())
