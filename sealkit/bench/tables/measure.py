"""One model of a table: its metric on a set, the time of its network on each engine, size, parameters, operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from sealkit import api, zoo
from sealkit.bench.tables.flops import work
from sealkit.bench.tables.network_time import Plan, Timing, arrays, input_size, reads, time_network, usable_engines
from sealkit.errors import ConfigError, EngineError, SealkitError, first_line
from sealkit.modules.own_data import own_set
from sealkit.modules.published import MainMetric, main_metric, published_models
from sealkit.modules.table import MODULES
from sealkit.pipeline.locate import locate_model, weights_here
from sealkit.pipeline.models_of_runs import exported
from sealkit.runtime.devices import CPU, Device
from sealkit.runtime.engines import ENGINES
from sealkit.runtime.files import ModelFiles
from sealkit.runtime.model import installed

NO_EVALUATOR = "no set and no evaluator of this module here; `tools/benchmark.py unwarping` measures CER on drawn pages"
NO_WEIGHTS = "no weights"


@dataclass(frozen=True)
class Job:
    """What is measured, and how.

    Attributes:
        given: model → run folder, exported folder or .onnx file.
        data: module → folder with its set.
        toy: modules whose set is the toy one.
        preprocess: of the evaluation; None: as each recipe says.
        device: where networks run.
        threads: CPU threads of each engine.
        engine: the only one to time; None: all.
        plan: of the timing.
    """

    given: Mapping[str, Path] = field(default_factory=dict)
    data: Mapping[str, Path] = field(default_factory=dict)
    toy: frozenset[str] = frozenset()
    preprocess: str | None = None
    device: Device = CPU
    threads: int = 1
    engine: str | None = None
    plan: Plan = field(default_factory=Plan)


@dataclass
class Measured:
    """What was found of a model. What is None could not be measured; the notes say why.

    Attributes:
        model, module: names.
        weights: where they are, None where there are none.
        metric: in the unit of the tutorial (percent).
        metric_name: what it is, with what changes its value.
        no_metric: why there is none; "" where there is one.
        images: how many it was measured on.
        times: engine → its time.
        size_mb: of the Paddle files, else of the ONNX file.
        size_random: it is that of a folder with random weights.
        params, gflops: of the inference model, see `flops.work`.
        trained_params: of the network that is trained, with its auxiliary head.
        notes: what else went wrong or is worth knowing.
    """

    model: str
    module: str
    weights: str | None = None
    metric: float | None = None
    metric_name: str = ""
    no_metric: str = ""
    images: int = 0
    times: dict[str, Timing] = field(default_factory=dict)
    size_mb: float | None = None
    size_random: bool = False
    params: int | None = None
    gflops: float | None = None
    trained_params: int | None = None
    notes: list[str] = field(default_factory=list)

    def best(self) -> tuple[str, Timing] | None:
        """The fastest engine and its time: high-performance mode."""
        return min(self.times.items(), key=lambda item: item[1].ms, default=None)

    def size(self) -> tuple[int, int] | None:
        """Height and width of the input it was timed with."""
        return next((timing.size for timing in self.times.values()), None)


def sets_for(folders: Iterable[str | Path]) -> tuple[dict[str, Path], frozenset[str]]:
    """Module → folder of its set, and the modules whose set is the toy one.

    Args:
        folders: sets of the user's own, in any order; each replaces the toy set of its module.

    Raises:
        DataError: a folder that is no set.
        ConfigError: two sets of one module.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        module = own_set(folder).module
        if module in found:
            both = [str(found[module]), str(folder)]
            raise ConfigError(f"two sets of {module}", where="--data", value=both, hint="give one set a module")
        found[module] = Path(folder)
    toys = {}
    for module, info in MODULES.items():
        places = [place / info.toy_set for place in _dataset_folders()] if info.toy_set else []
        toy = next((place for place in places if place.is_dir()), None)
        if module not in found and toy is not None:
            toys[module] = toy
    return {**toys, **found}, frozenset(toys)


def with_weights_here(given: Mapping[str, Path]) -> dict[str, list[str]]:
    """Module → models of the zoo that no tutorial lists, and whose weights are given or found."""
    listed = {row.model for row in published_models()}
    found: dict[str, list[str]] = {}
    for name, spec in zoo.all_models().items():
        if name not in listed and (name in given or _found(name, given) is not None):
            found.setdefault(spec.module, []).append(name)
    return found


def measure(name: str, job: Job) -> Measured:
    """All that a row says of a model. Nothing that fails ends it: the notes say what failed."""
    spec = zoo.get(name)
    row = Measured(name, spec.module, trained_params=spec.params)
    path = _attempt(row, "weights", lambda: _found(name, job.given))
    row.weights = str(path) if path is not None else None
    _evaluate(row, path, job)
    _time(row, path, job)
    _attempt(row, "size", lambda: _size(row, path))
    _attempt(row, "operations", lambda: _operations(row, path))
    return row


def evaluated(module: str) -> MainMetric | None:
    """The metric of a module that the tutorials print, None where no evaluator here has it."""
    metric = main_metric(module)
    return metric if metric is not None and metric.key else None


def _evaluate(row: Measured, path: Path | None, job: Job) -> None:
    """The metric, or why there is none."""
    metric = evaluated(row.module)
    if metric is None:
        row.no_metric = NO_EVALUATOR
    elif path is None:
        row.no_metric = NO_WEIGHTS
    elif row.module not in job.data:
        toy = MODULES[row.module].toy_set
        row.no_metric = f"no set of this module: give one with --data DIR (toy set: datasets/{toy})"
    else:
        row.no_metric = _guarded(lambda: _score(row, path, job, metric))


def _score(row: Measured, path: Path, job: Job, metric: MainMetric) -> None:
    given = job.given.get(row.model)
    run = given if given is not None and (given / "recipe.yaml").is_file() else None
    recipes = _recipes().get(row.model)
    if run is None and not recipes:
        raise ConfigError("no recipe of this model", value=row.model, hint="give a run folder: --models NAME=RUN")
    overrides = own_set(job.data[row.module], row.module).overrides() | {"train.threads": job.threads}
    if job.preprocess is not None:
        overrides["eval.preprocess"] = job.preprocess
    result = api.evaluate(
        run if run is not None else (recipes or [""])[0],
        model_dir=path,
        overrides=overrides,
        device=str(job.device),
        progress=False,
    )
    row.metric, row.images = 100 * result.metrics[metric.key or ""], len(result.records)
    options = result.metric.partition(" ")[2]
    row.metric_name = f"{metric.name} {options}".strip()


def _time(row: Measured, path: Path | None, job: Job) -> None:
    """The network on each engine: with the weights where the engine reads their files, else with random ones."""
    size = input_size(zoo.get(row.model))
    for engine in usable_engines(job.device, job.engine):

        def timed(engine: str = engine) -> Timing:
            known = path is not None and reads(ModelFiles.find(path), engine)
            folder = path if path is not None and known else _random(row.model)
            return time_network(folder, engine, job.device, job.threads, size, job.plan, random=not known)

        timing = _attempt(row, engine, timed)
        if timing is not None:
            row.times[engine] = timing


def _size(row: Measured, path: Path | None) -> None:
    files = ModelFiles.find(path if path is not None else _random(row.model))
    listed = (files.program, files.params) if files.has_paddle else (files.onnx,)
    row.size_mb = sum(file.stat().st_size for file in listed if file is not None) / 1e6
    row.size_random = path is None


def _operations(row: Measured, path: Path | None) -> None:
    size = row.size()
    if size is None:
        return
    files = ModelFiles.find(path) if path is not None else None
    onnx = files.onnx if files is not None and files.onnx is not None else ModelFiles.find(_random(row.model)).onnx
    if onnx is None:
        raise EngineError("no ONNX file to count in", where=row.model)
    row.params, row.gflops = work(onnx, partial(arrays, size))


def _found(name: str, given: Mapping[str, Path]) -> Path | None:
    """Folder or file of a model's weights; None where there are none.

    Raises:
        EngineError, ConfigError, WeightsError: what was given, or found, cannot be used.
    """
    if name in given:
        return locate_model(name, str(exported(given[name]))).path
    return weights_here(name)


def _random(name: str) -> Path:
    if not installed("paddle"):
        hint = ENGINES["paddle"].install
        raise EngineError("no weights, and random ones are written by Paddle, which is not installed", hint=hint)
    from sealkit.bench.random_models import random_folder  # imports paddle

    return random_folder(name)


@cache
def _recipes() -> dict[str, list[str]]:
    return zoo.recipes_by_model()


def _dataset_folders() -> list[Path]:
    """Where toy sets may be: below the current folder, and in the checkout that the package is part of."""
    return [Path("datasets"), Path(__file__).resolve().parents[3] / "datasets"]


def _attempt(row: Measured, what: str, step: Callable[[], Any]) -> Any:
    """A step's result; None, and a note, where it fails."""
    found: list[Any] = []
    problem = _guarded(lambda: found.append(step()))
    if problem:
        row.notes.append(f"{what}: {problem}")
    return found[0] if found else None


def _guarded(step: Callable[[], Any]) -> str:
    """Run a step; what went wrong as one line, "" where nothing did."""
    try:
        step()
    except SealkitError as error:
        return " ".join(line.strip() for line in str(error).splitlines())
    except Exception as error:  # a library's own error of any kind: one model must not end the table of 35
        return f"{type(error).__name__}: {first_line(error)}"
    return ""


__all__ = ["Job", "Measured", "measure", "sets_for", "with_weights_here"]
