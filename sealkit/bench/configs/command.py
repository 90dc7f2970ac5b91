"""The six pipeline configs of PaddleX's tutorial, with the columns of its table: time, CPU, memory, card.

    python tools/benchmark.py --configs all [--images DIR] [--limit N] [--vs paddlex --paddlex-python PYTHON]
        [--service] [--output DIR]

Each config is run on the official networks: on weights that are here, else on random ones, which are written once into
the cache folder. After --warm-up images (20) one pass over the images is measured, then the same pass once more, for
two checks: twice the images take twice the time, and memory stays flat. --vs paddlex runs paddlex on the same folders,
taking turns; --service also asks `sealkit serve` with several clients at once. The published rows stand beside.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sealkit.bench.configs.measure import Job, Measured, config_names, measure, model_folders, serve, write_pair
from sealkit.bench.configs.output import Config, Report, as_json, as_markdown, write_all
from sealkit.bench.machine import machine
from sealkit.errors import ConfigError, DataError, SealkitError
from sealkit.images import list_images
from sealkit.runtime.devices import default_threads

PADDLEX_PYTHON = ".venv-paddlex/bin/python"
SERVER_MODELS = ("server", "PP-DocLayout-L")
"""Parts of the names of networks that take seconds an image on a CPU."""


def chosen(given: Sequence[str]) -> dict[str, str]:
    """Published name → shipped name of the configs asked for, by either name; "all" is all.

    Raises:
        ConfigError: no such config.
    """
    names = config_names()
    if "all" in given:
        return names
    found = {}
    for text in given:
        match = next((pair for pair in names.items() if text in pair), None)
        if match is None:
            from sealkit.text import did_you_mean

            hint = did_you_mean(text, list(names), also=f"all, {', '.join(names)}")
            raise ConfigError("no such config in the tutorial's table", where="--configs", value=text, hint=hint)
        found[match[0]] = match[1]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py pipelines`; 1 where a run failed."""
    args = _parser().parse_args(argv)
    job = Job(
        _images(args.images, args.limit), args.threads or default_threads(), args.warm_up, args.device, args.reading,
        args.random, dict(item.split("=", 1) for item in args.overrides), _paddlex(args),
    )  # fmt: skip
    configs: list[Config] = []
    report = Report(configs, job, machine(), _version(job.paddlex_python), args.hardware)
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    try:
        for name, shipped in chosen(args.configs).items():
            one = _sized(job, shipped, args.server_limit, args.server_warm_up)
            configs.append(_measured(name, shipped, one, args, say))
    finally:
        if args.output is not None and configs:
            for path in write_all(report, args.output):
                say(f"wrote {path}")
    print(as_json(report) if args.json else as_markdown(report), end="")
    return int(any(run.error for config in configs for run in config.runs))


def _measured(name: str, shipped: str, job: Job, args: argparse.Namespace, say: Callable[[str], None]) -> Config:
    """A config on every library, and as a service; what fails is said in its row."""
    from sealkit.runtime.noise import framework_noise

    say(f"{name}: model folders")
    with framework_noise():
        folders, origins = model_folders(shipped, job)
    found = Config(name, shipped, origins, len(job.images), job.warm_up)
    with tempfile.TemporaryDirectory() as place:
        files = write_pair(Path(place), shipped, job, folders)
        runs: dict[str, list[Measured]] = {library: [] for library in files}
        for turn in range(args.repeats):
            for library, config in files.items():
                runs[library].append(_attempt(library, config, job))
                say(f"{name}: {library}, run {turn + 1}: {_told(runs[library][-1])}")
        found.runs += [middle(listed) for listed in runs.values()]
        if args.service:
            say(f"{name}: service")
            found.service = serve(files["sealkit"], job, args.clients, args.requests or 3 * len(job.images))
    return found


def middle(runs: Sequence[Measured]) -> Measured:
    """The run with the median time; a failed one only where all failed."""
    good = sorted((run for run in runs if run.seconds is not None), key=lambda run: run.seconds or 0.0)
    return good[len(good) // 2] if good else runs[0]


def _attempt(library: str, config: Path, job: Job) -> Measured:
    try:
        return measure(library, config, job)
    except SealkitError as error:
        return Measured(library, error=" ".join(line.strip() for line in str(error).splitlines()))


def _told(run: Measured) -> str:
    if run.seconds is None or run.twice is None:
        return run.error
    return f"{run.seconds:.3f} s an image, twice the images {run.twice:.2f} times the time"


def _sized(job: Job, shipped: str, limit: int | None, warm_up: int | None) -> Job:
    """The job of a config: fewer images where its networks are large, if so asked."""
    if limit is None or not _is_large(shipped, job.overrides):
        return job
    return replace(job, images=job.images[:limit], warm_up=job.warm_up if warm_up is None else warm_up)


def _is_large(shipped: str, overrides: Mapping[str, object]) -> bool:
    from sealkit.pipeline.build import sections
    from sealkit.pipeline.create import load_config

    models = [one.model_name for one in sections(load_config(shipped, dict(overrides)).settings).values()]
    return any(part in model for part in SERVER_MODELS for model in models)


def _images(given: Sequence[str], limit: int | None) -> tuple[str, ...]:
    found = [path for one in given for path in (list_images(one) if Path(one).is_dir() else [one])]
    if not found:
        raise DataError("no images", where="--images", value=list(given), hint="give a folder with images")
    return tuple(dict.fromkeys(str(path) for path in found[:limit]))


def _paddlex(args: argparse.Namespace) -> str:
    """The interpreter with paddlex; "" where paddlex is not asked for."""
    if args.vs is None:
        return ""
    if not Path(args.paddlex_python).is_file():
        hint = "`make test-paddlex` makes one; or --paddlex-python PYTHON of an environment that has paddlex 3.7.2"
        raise ConfigError("no such interpreter", where="--paddlex-python", value=args.paddlex_python, hint=hint)
    return str(args.paddlex_python)


def _version(python: str) -> str:
    """Version of paddlex in that environment."""
    if not python:
        return ""
    code = "from importlib.metadata import version; print(version('paddlex'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError("this interpreter has no paddlex", where="--paddlex-python", value=python, hint="install it")
    return done.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmark.py pipelines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", nargs="+", default=["all"], metavar="NAME", help="of the tutorial's table, or all")
    parser.add_argument("--images", nargs="+", default=["datasets/toy/images"], help="images and folders of images")
    parser.add_argument("--limit", type=int, help="only so many images")
    parser.add_argument("--warm-up", type=int, default=20, help="images before the measurement (default: 20)")
    parser.add_argument("--server-limit", type=int, metavar="N", help="so many images for configs with large networks")
    parser.add_argument("--server-warm-up", type=int, metavar="N", help="so many warm-up images for these")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each library, in turn; the median counts")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores, at most 10)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--reading", choices=("reference", "sealkit"), default="reference", help="of sealkit")
    parser.add_argument("--random", action="store_true", help="random weights even where others are found")
    parser.add_argument("--vs", choices=("paddlex",), help="also run this library")
    parser.add_argument("--paddlex-python", default=PADDLEX_PYTHON, help="interpreter that has paddlex 3.7.2")
    parser.add_argument("--service", action="store_true", help="also ask `sealkit serve` with the config")
    parser.add_argument("--clients", type=int, default=4, help="of the service (default: 4)")
    parser.add_argument("--requests", type=int, help="to the service (default: three an image)")
    parser.add_argument("--hardware", default="", metavar="TEXT", help="published rows of such hardware, e.g. 6271C")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write pipelines.md, .csv, .json, .html with plots")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("-o", "--override", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser
