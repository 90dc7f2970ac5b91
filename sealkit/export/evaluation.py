"""Metrics of a checkpoint or of an exported folder, on the same samples, with the same decoder and metric.

A checkpoint is evaluated by `engine.evaluate`, as in training. An exported folder is run by its engine (no paddle
needed) with the pre- and post-processing in its inference.yml; everything else is the module's Task in both cases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealkit.config.training import RecipeBase
from sealkit.engine.task import Task
from sealkit.errors import ConfigError, DataError
from sealkit.runtime.files import ModelMeta

# Parts of a recipe that an exported folder carries itself, under `Sealkit` in its inference.yml.
_CARRIED = ("resize", "postprocess")


@dataclass
class Evaluation:
    """Result of an evaluation.

    Attributes:
        title: what was evaluated, by what.
        main: name of the metric that decides.
        metric: the metric's printed name, with everything that changes its value.
        metrics: all metrics by name.
        records: one per image, what reports are made of.
        broken: (index, reason) of images that could not be read; they are in no metric.
        seconds: wall time.
        notes: what else is worth knowing: which tensors were loaded, what the engine decided.
    """

    title: str
    main: str
    metric: str
    metrics: dict[str, float]
    records: list[dict[str, Any]] = field(repr=False, default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def table(self) -> str:
        """What is printed: title, the metric's name, a line per metric."""
        width = max(len(name) for name in self.metrics)
        lines = [self.title, *self.notes, f"metric: {self.metric}"]
        lines += [f"  {name:<{width}}  {_number(value)}" for name, value in self.metrics.items()]
        rate = len(self.records) / max(self.seconds, 1e-9)
        lines.append(f"{len(self.records)} images in {self.seconds:.1f} s ({rate:.1f}/s)")
        lines += [f"warning: image {index} left out: {reason}" for index, reason in self.broken]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Everything but the records, ready for JSON."""
        return {
            "title": self.title,
            "metric": self.metric,
            "main": self.main,
            "metrics": self.metrics,
            "images": len(self.records),
            "notes": self.notes,
            "broken": self.broken,
            "seconds": round(self.seconds, 3),
        }

    def write_report(self, task: Task, path: str | Path) -> Path:
        """report.html of this evaluation."""
        from sealkit.reports.page import write_page

        warnings = [note.removeprefix("warning: ") for note in self.notes if note.startswith("warning: ")]
        notes = [note for note in self.notes if not note.startswith("warning: ")]
        subtitle = "; ".join([*notes, f"deciding metric {self.metric}"])
        rows = [{"metric": name, "value": int(v) if _is_whole(v) else v} for name, v in self.metrics.items()]
        metrics = {"title": "Metrics", "rows": rows, "fold": True}
        sections = [*task.report_parts(self.records), metrics]
        return write_page(path, self.title, sections, warnings=warnings, subtitle=subtitle)


def _number(value: float) -> str:
    return f"{value:.0f}" if _is_whole(value) else f"{value:.4f}"


def _is_whole(value: float) -> bool:
    """Whether a metric is a count: a whole number, and no share of 0 or 1."""
    return float(value).is_integer() and abs(value) > 1


def metric_name(task: Task, settings: RecipeBase) -> str:
    """The deciding metric's name with what changes its value: `hmean (preprocess=pipeline)`, `acc (…, spaces=kept)`."""
    options = [f"preprocess={settings.eval.preprocess}", *task.metric_options()]
    return f"{task.main_metric} ({', '.join(options)})"


def of_checkpoint(task: Task, settings: RecipeBase, checkpoint: str, device: str | None, progress: bool) -> Evaluation:
    """Evaluate weights in the training network.

    Raises:
        ConfigError: the checkpoint is one of another model or form.
        WeightsError: no such weights, or not those of this network.
    """
    from sealkit.engine.device import choose_device
    from sealkit.engine.evaluate import evaluate
    from sealkit.engine.memory import kept_memory
    from sealkit.engine.weights import restore_checkpoint
    from sealkit.weights.checkpoint import is_checkpoint
    from sealkit.weights.sources import resolve

    source = resolve(checkpoint, settings.model)
    restore_checkpoint(task, source)
    if source.path is not None:
        check_fits(task, source.path)
    choose_device(device or settings.train.device)
    net = task.build_network()
    notes = _about_the_set(settings, len(task.eval_samples()))
    if not source.scratch:
        # what a recipe allows its start must not pass for a result of it
        partial = settings.weights.allow_partial and not (source.path is not None and is_checkpoint(source.path))
        notes.append(task.load_weights(net, source, partial).summary())
    with _bar(progress) as on_batch, kept_memory():
        result = evaluate(
            task,
            net,
            batch_size=settings.eval.batch_size,
            max_broken_share=settings.train.max_broken_share,
            on_batch=on_batch,
        )
    return Evaluation(
        f"{settings.model}, {source}", task.main_metric, metric_name(task, settings), result.metrics, result.records,
        result.broken, result.seconds, notes,
    )  # fmt: skip


def check_fits(task: Task, checkpoint: Path) -> None:
    """Compare a checkpoint's metadata with the recipe, for a clearer message than one about tensors.

    Raises:
        ConfigError: another model, form or set of branches.
    """
    from sealkit.weights.checkpoint import is_checkpoint, read_state

    if not is_checkpoint(checkpoint):
        return
    stored, wanted = read_state(checkpoint)["extras"], task.checkpoint_extras()
    differ = {key: (stored[key], wanted[key]) for key in wanted if key in stored and stored[key] != wanted[key]}
    if differ:
        listed = ", ".join(f"{key} {old!r} (recipe: {new!r})" for key, (old, new) in differ.items())
        raise ConfigError(
            f"the checkpoint does not match this recipe: {listed}",
            where=str(checkpoint),
            hint="use the recipe.yaml of its run folder (omit -c), or set the recipe's network.* to match",
        )


def folder_settings(model_dir: str, settings: RecipeBase) -> dict[str, Any]:
    """Pre- and post-processing that an exported folder carries, as overrides of the recipe; {} where it carries none.

    Raises:
        EngineError: no such folder, incomplete.
        ConfigError: the folder is one of another model.
    """
    from sealkit.runtime.files import ModelFiles

    meta = ModelFiles.find(model_dir).read_meta()
    if meta.model_name is not None and meta.model_name != settings.model:
        raise ConfigError(
            f"the folder is a {meta.model_name}, the recipe trains a {settings.model}",
            where=meta.where,
            hint="give the recipe it was trained with: -c RECIPE",
        )
    carried = meta.data.get("Sealkit") or {}
    return {key: carried[key] for key in _CARRIED if isinstance(carried.get(key), Mapping)}


def of_folder(
    task: Task, settings: RecipeBase, model_dir: str, engine: str | None, device: str | None, progress: bool
) -> Evaluation:
    """Evaluate an exported folder on its engine.

    Raises:
        EngineError, DeviceError: the folder, engine or device cannot be used.
        DataError: no samples, or too many that cannot be read.
    """
    from sealkit.engine.evaluate import EVAL_STREAM, check_records, compute_metrics
    from sealkit.engine.loader import Loader
    from sealkit.engine.sampler import eval_batches
    from sealkit.engine.worker import Stream
    from sealkit.modules.table import info
    from sealkit.runtime.model import load_model

    started = time.perf_counter()
    row = info(task.name).module_export()
    model = load_model(model_dir, engine, device, settings.train.threads)
    carried = {"character_dict": model.meta.character_dict, "label_list": model.meta.data.get("label_list")}
    task.restore({**carried, "where": model.meta.where})
    samples = task.eval_samples()
    if len(samples) == 0:
        raise DataError("the evaluation set has no samples", where="data.val", hint="check the label file")
    plan = eval_batches(len(samples), model.batch_limit or settings.eval.batch_size, 1, 0)
    records: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    with Loader({EVAL_STREAM: Stream(samples, task.collate)}, 0, seed=0) as loader, _bar(progress) as on_batch:
        for done, batch in enumerate(loader.batches(EVAL_STREAM, ((0, picks) for picks in plan)), 1):
            broken += batch.broken
            if batch.arrays is not None:
                outputs = row.outputs(model.run(row.feed(task, batch.arrays)))
                made = task.decode(outputs, batch.arrays)
                check_records(made, batch.arrays["index"])
                records += made
            on_batch(done, len(plan))
    if len(broken) > settings.train.max_broken_share * len(samples):
        index, reason = broken[0]
        hint = "run `sealkit data check`, or raise train.max_broken_share"
        raise DataError(
            f"{len(broken)} of {len(samples)} images cannot be read", where=f"sample {index}", value=reason, hint=hint
        )
    metrics = compute_metrics(task, sorted(records, key=lambda record: record["index"]))
    title = f"{settings.model}, {model_dir} on {model.engine} ({model.device})"
    seconds = time.perf_counter() - started
    name = metric_name(task, settings)
    cost = reduced_note(model.meta)
    notes = [*_about_the_set(settings, len(samples)), *([cost] if cost else []), *model.notes]
    return Evaluation(title, task.main_metric, name, metrics, records, broken, seconds, notes)


def reduced_note(meta: ModelMeta) -> str | None:
    """What `sealkit export --int8`, `--fp16` or `--shape` did to a model and what it cost; None for others."""
    reduced = meta.own("reduced")
    if not reduced:
        return None
    size = "" if "shape" not in reduced else f", input {'x'.join(map(str, reduced['shape']))}"
    cost = ""
    if "metric" in reduced:
        scores = f"{reduced['metric']} {reduced['value']}, FP32 {reduced['fp32']}"
        cost = f"; when reduced {scores} on {reduced['metric_images']} images"
    return f"reduced: {reduced.get('precision')}{size}{cost}"


def _about_the_set(settings: RecipeBase, count: int) -> list[str]:
    """What the evaluation's set is, and a warning where it is small."""
    from sealkit.engine.val_set import described, few_images

    few = few_images(count)
    return [described(settings, count), *([f"warning: {few}"] if few else [])]


@contextmanager
def _bar(progress: bool) -> Any:
    """A progress bar; yields its `on_batch(done, of)`."""
    from tqdm import tqdm

    with tqdm(desc="evaluating", unit="batch", leave=False, disable=None if progress else True) as bar:

        def on_batch(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        update: Callable[[int, int], None] = on_batch
        yield update
