"""One config of the tutorial's pipeline table on one library: time, processor, memory, card, over a pass of images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sealkit.bench.paddlex_side import Run, own_config, run, this_python, write_configs
from sealkit.bench.pipeline import KEYS
from sealkit.bench.sampling import Card, Sample, Sampler, Usage, between, usage
from sealkit.modules.published import published_pipelines
from sealkit.pipeline.build import sections
from sealkit.pipeline.create import load_config
from sealkit.pipeline.locate import weights_here

SEALKIT, PADDLEX = "sealkit", "paddlex"
PUBLISHED_DEFAULT, DEFAULT = "seal_recognition-default", "seal_recognition"
"""The tutorial's name of the first config, and ours."""
SLACK = 0.10
"""Twice the images may take so much more or less than twice the time."""
GROWTH = 1.05
"""Resident memory at the end of the second pass may be this multiple of that at the end of the first."""


@dataclass(frozen=True)
class Job:
    """How the configs are run.

    Attributes:
        images: files, each once a pass.
        threads: CPU threads of the networks.
        warm_up: images that are read first and not counted.
        device: where the networks run.
        reading: of sealkit: `reference`, which is paddlex's, or `sealkit`.
        random: random weights even where there are others.
        overrides: of every config.
        paddlex_python: interpreter that has paddlex; "" where it is not run.
    """

    images: tuple[str, ...]
    threads: int = 2
    warm_up: int = 20
    device: str = "cpu"
    reading: str = "reference"
    random: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    paddlex_python: str = ""


@dataclass
class Service:
    """What the service did under load.

    Attributes:
        requests, clients: how many.
        per_second: answers a second, all clients together.
        p50, p99: seconds of an answer.
        faults: what a service may not do, in words.
    """

    requests: int
    clients: int
    per_second: float
    p50: float
    p99: float
    faults: list[str] = field(default_factory=list)


@dataclass
class Measured:
    """A config on a library.

    Attributes:
        library: `sealkit` or `paddlex`.
        engines: what ran the networks; sealkit tells.
        seconds: per image, mean of the first pass.
        cpu_seconds: the same of the processor, all threads together.
        parts: network → its share of `seconds`; "outside the networks" is the rest.
        use: processor, memory and card over the first pass.
        twice: time of both passes over that of the first.
        twice_cpu: the same of processor seconds.
        growth: resident memory at the end of the second pass over that at the end of the first.
        memory: (seconds since the first pass began, MB) over both passes.
        error: why there is nothing; "" where there is something.
    """

    library: str
    engines: list[str] = field(default_factory=list)
    seconds: float | None = None
    cpu_seconds: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    use: Usage | None = None
    twice: float | None = None
    twice_cpu: float | None = None
    growth: float | None = None
    memory: list[tuple[float, float]] = field(default_factory=list)
    error: str = ""

    def numbers(self) -> dict[str, float | None]:
        """By the names of the published table, which has no `cpu_seconds`."""
        use = asdict(self.use) if self.use is not None else dict.fromkeys(Usage.__dataclass_fields__)
        return {"seconds": self.seconds, **use, "cpu_seconds": self.cpu_seconds}

    def checks(self) -> dict[str, bool]:
        """What must hold, in words, and whether it does."""
        found = {}
        if self.twice is not None:
            text = f"{self.library}: twice the images take {self.twice:.2f} times the time (2 ± {2 * SLACK:g})"
            found[text] = abs(self.twice - 2) <= 2 * SLACK
        if self.twice_cpu is not None:
            text = f"{self.library}: and {self.twice_cpu:.2f} times the processor's seconds"
            found[text] = abs(self.twice_cpu - 2) <= 2 * SLACK
        if self.growth is not None:
            text = f"{self.library}: memory after the second pass is {self.growth:.3f} of that after the first"
            found[f"{text} (at most {GROWTH:g})"] = self.growth <= GROWTH
        return found


OUTSIDE = "outside the networks"


def config_names() -> dict[str, str]:
    """Name in the published table → name of the shipped config, in the table's order."""
    published = dict.fromkeys(row.pipeline for row in published_pipelines())
    return {name: DEFAULT if name == PUBLISHED_DEFAULT else name for name in published}


def model_folders(config: str, job: Job) -> tuple[dict[str, str], dict[str, str]]:
    """Overrides that name a folder for each model of a config, and model → where its weights are from.

    Folders with Paddle's files are found as `infer` finds them; else ones with random weights are written into the
    cache folder.

    Raises:
        ExportError: such a folder could not be written.
    """
    settings = load_config(config, dict(job.overrides)).settings
    overrides, origins = {}, {}
    for place, section in sections(settings).items():
        if section.model_dir is not None:
            origins[section.model_name] = str(section.model_dir)
            continue
        found = None if job.random else weights_here(section.model_name)
        if found is not None and found.is_dir():  # paddlex takes no single file
            folder, origins[section.model_name] = found, str(found)
        else:
            folder, origins[section.model_name] = _random(section.model_name), "random weights"
        overrides[f"{KEYS[place]}.model_dir"] = str(folder)
    return overrides, origins


def _random(model_name: str) -> Path:
    from sealkit.bench.random_models import random_folder  # imports paddle

    return random_folder(model_name, rule=True)


def write_pair(folder: Path, config: str, job: Job, folders: Mapping[str, str]) -> dict[str, Path]:
    """Library → config file: the same folders for both, sealkit with the engines it chooses itself."""
    overrides = {**folders, **job.overrides}
    made = {SEALKIT: own_config(folder / "own.yaml", config, {"reading": job.reading, **overrides})}
    if job.paddlex_python:
        made[PADDLEX] = write_configs(folder, config, overrides, job.threads, device=job.device)[1]
    return made


def measure(library: str, config: Path, job: Job) -> Measured:
    """Run a library twice over the images, after the warm-up.

    Raises:
        EngineError: the process failed.
    """
    python = job.paddlex_python if library == PADDLEX else this_python()
    index = int(job.device.partition(":")[2] or 0)
    sampler = Sampler(card=Card.find(index) if job.device.startswith("gpu") else None)
    flags = ["--warm-up", str(job.warm_up), "--one-by-one", "--device", job.device]
    done = run(python, library, config, job.images, 2, job.threads, flags=flags, watch=sampler.watching)
    return summed(library, done, sampler.samples)


def summed(library: str, done: Run, samples: Sequence[Sample]) -> Measured:
    """What a run of two passes came to."""
    count = len(done.seconds)
    first, second = ([rounds[number] for rounds in done.seconds.values()] for number in (0, 1))
    cpu = [[rounds[number] for rounds in done.cpu.values()] for number in (0, 1)]
    found = Measured(library, list(done.engines), sum(first) / count, sum(cpu[0]) / count)
    for rounds in done.parts.values():
        for name, seconds in rounds[0].items():
            found.parts[name] = found.parts.get(name, 0.0) + seconds / count
    found.parts[OUTSIDE] = sum(first) / count - sum(found.parts.values())
    found.twice = (sum(first) + sum(second)) / sum(first)
    found.twice_cpu = (sum(cpu[0]) + sum(cpu[1])) / sum(cpu[0]) if sum(cpu[0]) else None
    spans = [_span(done, number) for number in (0, 1)]
    found.use = usage(between(samples, *spans[0]))
    found.growth = _growth([between(samples, *span) for span in spans])
    begun = spans[0][0]
    found.memory = [(one.at - begun, one.host_mb) for one in samples if begun <= one.at <= spans[1][1]]
    return found


def _span(done: Run, number: int) -> tuple[float, float]:
    """time.time() at which a pass began and ended."""
    starts = [rounds[number] for rounds in done.at.values()]
    ends = [at[number] + seconds[number] for at, seconds in zip(done.at.values(), done.seconds.values())]
    return min(starts), max(ends)


def _growth(passes: Sequence[Sequence[Sample]]) -> float | None:
    """Mean memory of the second half of the second pass over that of the first; None for passes too short to tell."""
    means = []
    for samples in passes:
        half = [one.host_mb for one in samples[len(samples) // 2 :]]
        if len(half) < 2:
            return None
        means.append(sum(half) / len(half))
    return means[1] / means[0]


def serve(config: Path, job: Job, clients: int, requests: int) -> Service:
    """The config behind `sealkit serve`, asked by several clients at once after every image was asked for once.

    Raises:
        SealkitError: the service did not start.
    """
    import httpx

    from sealkit.bench.live_server import live_server
    from sealkit.bench.serving import GOOD, Load, ask, quantile, questions

    asked = questions([Path(image) for image in job.images], visualize=False)[GOOD]
    flags = ["serve", "--host", "127.0.0.1", "--port", "0", "--pipeline", str(config), "--threads", str(job.threads)]
    flags += ["--workers", "1", "--queue", str(2 * clients), "--timeout", "600", "--device", job.device]
    with live_server("sealkit", *flags, environment={**os.environ, "OMP_NUM_THREADS": str(job.threads)}) as server:
        with httpx.Client(timeout=600) as client:
            quiet = {question.body: ask(client, server, question) for question in asked}
        mix = [asked[number % len(asked)] for number in range(requests)]
        metrics = Load(server, mix, quiet).run(clients, kill=False)
        server.stop()
    taken = metrics.taken[GOOD]
    refused = {status: number for status, number in metrics.statuses.items() if status != 200}
    faults = metrics.faults() + ([f"answers that are not 200: {refused}"] if refused else [])
    rate = requests / metrics.seconds
    return Service(requests, clients, rate, quantile(taken, 0.5), quantile(taken, 0.99), faults)
