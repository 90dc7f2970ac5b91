"""What the command line, tools/ and users call: train, evaluate, export, create_model, create_pipeline.

Nothing heavy is imported before it is needed; paddle not before the settings are known to be good.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealkit import zoo
from sealkit.config.dump import to_yaml
from sealkit.config.find import run_folder, run_recipe
from sealkit.config.load import Loaded, Overrides
from sealkit.config.training import RecipeBase
from sealkit.download.asking import wanted
from sealkit.errors import ConfigError
from sealkit.modules import table
from sealkit.modules.recipe import fetch_official, load_recipe

if TYPE_CHECKING:
    from sealkit.engine.guard import Replay
    from sealkit.engine.loop import FitResult
    from sealkit.engine.task import Task
    from sealkit.export.evaluation import Evaluation
    from sealkit.export.pdparams import Written
    from sealkit.pipeline.create import create_model as create_model
    from sealkit.pipeline.create import create_pipeline as create_pipeline

Recipe = str | Path | Mapping[str, Any] | RecipeBase
_READING = ("create_model", "create_pipeline")


def __getattr__(name: str) -> Any:
    """What reads images is loaded when first used: training does without."""
    if name not in _READING:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module("sealkit.pipeline.create"), name)


def load(recipe: Recipe, overrides: Overrides = ()) -> Loaded[RecipeBase]:
    """A recipe's checked settings; `recipe` may also be a run folder, which means the recipe.yaml in it.

    Raises:
        SettingsError: everything wrong in it, at once (an unknown model included).
        ConfigError: no such recipe, not YAML.
    """
    if isinstance(recipe, (str, Path)):
        inside = Path(recipe) / "recipe.yaml"
        recipe = inside if inside.is_file() else recipe
    return load_recipe(recipe, overrides, zoo.models_by_module())


def train(
    recipe: Recipe | None = None,
    overrides: Overrides = (),
    *,
    data: str | Path | None = None,
    module: str | None = None,
    device: str | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    export: bool = True,
    download: bool | None = None,
) -> FitResult:
    """Train a model as a recipe says; several processes where `paddle.distributed.launch` started them.

    Args:
        recipe: a path, the name of a shipped recipe, a mapping, a settings object, or a run folder (to resume it);
            None: with `data`, the one its module's own data starts with.
        overrides: `["train.batch_size=2"]` or `{"train.batch_size": 2}`.
        data: folder with a training and a validation part; both sets of the recipe are replaced by it.
        module: what the data is for; None: found from its label files.
        device: in place of train.device; several (`gpu:0,1`) only in processes of a launcher.
        output: run folder; None: the recipe's `output`, else runs/<name>.
        resume: continue the run in that folder, exactly.
        overwrite: replace the run in that folder.
        progress: show progress on stderr.
        export: when the run is done, export its best checkpoint to <run folder>/inference with proof of parity.
        download: get official weights that are missing, see `sealkit download`; None: as $SEALKIT_DOWNLOAD says.

    Returns:
        FitResult: run folder, steps, best metric, metrics of the initial weights, warnings.

    Raises:
        ConfigError, DataError, WeightsError: settings, data or weights that cannot be used.
        TrainingError: refused output folder, pre-flight fault, non-finite loss, too many broken samples, dead process.
        ExportError: the export does not agree with the trained network.
    """
    from sealkit.engine.launch import SeveralDevices, device_list, is_launched

    given = {"output": None if output is None else str(output), "train.device": device}
    loaded, half = to_train(recipe, overrides, data, module, given)
    settings = loaded.settings
    devices = device_list(settings.train.device)
    if len(devices) > 1 and not is_launched():
        raise SeveralDevices(devices, settings.run_dir)
    if wanted(download) and not resume:
        fetch_official(settings, settings.weights.init)
    _start_paddle(settings)
    from sealkit.engine.loop import fit

    task = zoo.make_task(settings)
    head = f"# Resolved from {loaded.source}; the comments say where each value came from.\n"
    result = fit(
        task,
        settings,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
        files={"recipe.yaml": head + to_yaml(loaded)},
        warnings=[half] if half else [],
    )
    if os.environ.get("PADDLE_TRAINER_ID", "0") == "0":
        _finish(task, settings, result, export)
    return result


def to_train(
    recipe: Recipe | None,
    overrides: Overrides,
    data: str | Path | None = None,
    module: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> tuple[Loaded[RecipeBase], str | None]:
    """The settings that `train` trains with, and a warning where one of its two sets is still the recipe's.

    Args:
        given: overrides that come before `overrides`; None values are left out.
    """
    from sealkit.modules import own_data

    recipe, overrides = _with_own_data(recipe, overrides, data, module)
    overrides = _join({key: value for key, value in (given or {}).items() if value is not None}, overrides)
    loaded = load(recipe, own_data.with_fresh_ratios(overrides))
    return loaded, own_data.one_sided(loaded.settings, overrides)


def _with_own_data(
    recipe: Recipe | None, overrides: Overrides, data: str | Path | None, module: str | None
) -> tuple[Recipe, Overrides]:
    """The recipe and overrides that train on a folder of own data.

    Raises:
        ConfigError: neither recipe nor data; a module that is not the recipe's.
        DataError: a folder that cannot be trained on.
    """
    from sealkit.modules import own_data

    if data is None:
        if recipe is None:
            hint = "sealkit train --data DIR takes the recipe for it; or name one: -c RECIPE (`sealkit models`)"
            raise ConfigError("neither a recipe nor data is given", where="sealkit train", hint=hint)
        if module is not None:
            raise ConfigError(
                "--module applies to --data only: a recipe has its own module",
                where="--module",
                value=module,
                hint="add --data DIR",
            )
        return recipe, overrides
    if recipe is not None:
        trained = str(load(recipe).settings.model_dump()["module"])
        if module not in (None, trained):
            raise ConfigError(f"the recipe trains {trained}", where="--module", value=module, hint="leave --module out")
        own = own_data.own_set(data)
        if module is None and own.module != trained:
            hint = f"leave the recipe out for the one of {own.module}, or give data of {trained}"
            raise ConfigError(f"the data is for {own.module}, the recipe trains {trained}", where=str(data), hint=hint)
        module = trained
    own = own_data.own_set(data, module)
    return recipe or own_data.start_recipe(own.module), _join(own.overrides(), overrides)


def _start_paddle(settings: RecipeBase) -> None:
    """Threads first, then the import: Paddle takes a single one unless told."""
    from sealkit.engine.threads import set_threads
    from sealkit.runtime.signals import import_paddle

    set_threads(settings.train.threads)
    import_paddle()


def _finish(task: Task, settings: RecipeBase, result: FitResult, with_export: bool) -> None:
    """Export the best checkpoint and write report.html; a run that was interrupted will be resumed and gets neither."""
    from sealkit.export import evaluation
    from sealkit.pipeline.models_of_runs import write_run_pipeline
    from sealkit.reports.run import write_run_report
    from sealkit.weights.checkpoint import is_checkpoint

    if result.stopped == "interrupted":
        return
    best = result.run_dir / "checkpoints" / "best"
    parts: list[dict[str, Any]] = []
    try:
        if is_checkpoint(best):
            judged = evaluation.of_checkpoint(task, settings, str(best), None, progress=False)
            parts = task.report_parts(judged.records)
            if with_export:
                export_model(result.run_dir)
                if flag := table.info(task.name).flag:
                    write_run_pipeline(result.run_dir, flag)
    finally:
        write_run_report(result.run_dir, parts)


def replay(recipe: Recipe, folder: str | Path, overrides: Overrides = ()) -> Replay:
    """Run a batch again whose loss or gradient was not finite, and find the first layer with a bad output.

    Args:
        recipe: that of the run.
        folder: <run folder>/nonfinite/step_…, as the error printed it.

    Raises:
        TrainingError: not such a folder.
        WeightsError: the recipe's network is not that of the run.
    """
    settings = load(recipe, overrides).settings
    _start_paddle(settings)
    from sealkit.engine import guard

    return guard.replay(zoo.make_task(settings), folder)


def evaluate(
    recipe: Recipe | None = None,
    *,
    checkpoint: str | Path | None = None,
    model_dir: str | Path | None = None,
    overrides: Overrides = (),
    engine: str | None = None,
    device: str | None = None,
    report: str | Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Evaluate a checkpoint or an exported folder on a recipe's evaluation set.

    Args:
        recipe: None: the recipe of the run folder that contains `checkpoint` or `model_dir`.
        checkpoint: run folder (its best checkpoint), checkpoint folder, weights file, or a tag such as `official`.
        model_dir: exported folder or ONNX file, in place of `checkpoint`; its own pre- and post-processing is used.
        overrides: as in `train`.
        engine: what runs an exported folder.
        device: where it runs; for a checkpoint it replaces train.device.
        report: write report.html here: metrics, tables by shape and angle, worst images.
        progress: show progress on stderr.

    Returns:
        Evaluation: `metrics`, `records`, `table()` (the printed table with the metric's name).

    Raises:
        ConfigError: neither or both of checkpoint and model_dir; no recipe; wrong settings.
        WeightsError, EngineError, DataError: weights, folder or data that cannot be used.
    """
    if (checkpoint is None) == (model_dir is None):
        raise ConfigError(
            "nothing to evaluate" if checkpoint is None else "both a checkpoint and an exported folder are given",
            where="sealkit eval",
            hint="name one of --checkpoint (run folder, checkpoint or weights) and --model-dir (exported folder)",
        )
    if recipe is None:
        recipe = run_recipe(Path(str(checkpoint if checkpoint is not None else model_dir)))
    from sealkit.modules import own_data

    own = run_folder(Path(str(checkpoint if checkpoint is not None else model_dir)))
    loaded = load(recipe, own_data.with_fresh_ratios(overrides))
    from sealkit.export import evaluation

    if checkpoint is not None:
        if wanted():
            fetch_official(loaded.settings, str(checkpoint))
        _start_paddle(loaded.settings)
        task = zoo.make_task(loaded.settings)
        result = evaluation.of_checkpoint(task, loaded.settings, str(checkpoint), device, progress)
    else:
        carried = evaluation.folder_settings(str(model_dir), loaded.settings)
        loaded = load(recipe, own_data.with_fresh_ratios(_join(carried, overrides)))
        task = zoo.make_task(loaded.settings)
        result = evaluation.of_folder(task, loaded.settings, str(model_dir), engine, device, progress)
    other = own_data.other_set(loaded.settings, own) if own is not None else None
    result.notes += [f"warning: {other}"] if other else []
    if report is not None:
        result.write_report(task, report)
    return result


def export_model(
    recipe: Recipe,
    *,
    checkpoint: str | Path | None = None,
    output: str | Path | None = None,
    overrides: Overrides = (),
    onnx: bool = True,
    images: int = 8,
) -> dict[str, Any]:
    """Write a checkpoint as a PaddleX model folder with ONNX, and prove that it is the same model.

    Args:
        recipe: a run folder (its recipe, its best checkpoint), or a recipe.
        checkpoint: run folder, checkpoint folder, weights file or tag; None: the best one of the run folder.
        output: folder to write; None: `inference` in the run folder.
        overrides: as in `train`.
        onnx: write inference.onnx too.
        images: how many images of the evaluation set the proof uses.

    Returns:
        The content of export_report.json: differences and metrics of the trained and of the exported network.

    Raises:
        ConfigError: a recipe without a checkpoint or an output.
        ExportError: no parity, or a folder that holds something else.
        WeightsError: the checkpoint does not fit.
    """
    from sealkit.runtime.noise import LOG, framework_noise

    task, source, run, target = _to_export(recipe, checkpoint, output, overrides, "inference")
    from sealkit.export.model import export_model

    own = run is not None and target.resolve().parent == run.resolve()
    with framework_noise(run / LOG if run is not None and own else None):
        return export_model(task, source, target, onnx=onnx, images=images)


def export_pdparams(
    recipe: Recipe,
    *,
    checkpoint: str | Path | None = None,
    output: str | Path | None = None,
    overrides: Overrides = (),
) -> Written:
    """Write a checkpoint as training weights for PaddleOCR's and PaddleX's trainers: `.pdparams`, official names.

    Args:
        recipe, checkpoint, overrides: as in `export_model`.
        output: file to write; None: `<model>.pdparams` in the run folder. A recogniser's characters go beside it.

    Raises:
        ExportError: a network of the fused form.
        ConfigError, WeightsError: as in `export_model`.
    """
    name = f"{load(recipe, overrides).settings.model}.pdparams"
    task, source, _, target = _to_export(recipe, checkpoint, output, overrides, name)
    from sealkit.export.pdparams import write_pdparams

    return write_pdparams(task, source, target)


def _to_export(
    recipe: Recipe, checkpoint: str | Path | None, output: str | Path | None, overrides: Overrides, name: str
) -> tuple[Any, Any, Path | None, Path]:
    """What is exported: the task, its weights, the run folder if there is one, and the target (`name` in that)."""
    loaded = load(recipe, overrides)
    run = Path(recipe) if isinstance(recipe, (str, Path)) and (Path(recipe) / "recipe.yaml").is_file() else None
    if run is None and checkpoint is not None and output is None:
        run = run_folder(Path(checkpoint))
    checkpoint, output = checkpoint or run, output or (run / name if run else None)
    if checkpoint is None or output is None:
        missing = "--checkpoint" if checkpoint is None else "--output"
        raise ConfigError(
            f"{missing} is not given", where="sealkit export", hint="a run folder has both: export RUN_FOLDER"
        )
    if wanted():
        fetch_official(loaded.settings, str(checkpoint))
    _start_paddle(loaded.settings)
    from sealkit.export.evaluation import check_fits
    from sealkit.weights.sources import resolve

    task, source = zoo.make_task(loaded.settings), resolve(checkpoint, loaded.settings.model)
    if source.path is not None:
        check_fits(task, source.path)
    return task, source, run, Path(output)


def export_inference_only(model: str, checkpoint: str | Path, output: str | Path) -> dict[str, Any]:
    """Write weights of a model that is not trained here (UVDoc) as a PaddleX model folder, proved on drawn images.

    Args:
        model: its official name.
        checkpoint: official training weights (.pdparams) or a weights tag.
        output: folder to write.

    Raises:
        ConfigError: a model that has recipes.
        WeightsError: weights that are not this network's.
        ExportError: the graph does not agree with the network, or a folder that holds something else.
    """
    if not table.info(zoo.get(model).module).not_trainable:
        raise ConfigError(
            "this model is exported with its recipe",
            where="--model",
            value=model,
            hint="sealkit export RUN_FOLDER, or -c RECIPE --checkpoint PATH --output DIR",
        )
    from sealkit.runtime.noise import framework_noise
    from sealkit.runtime.signals import import_paddle

    import_paddle()
    from sealkit.export.weights_only import export_weights

    with framework_noise():
        return export_weights(checkpoint, output, model)


def _join(first: Mapping[str, Any], then: Overrides) -> Overrides:
    """Overrides one after the other; the later win."""
    if isinstance(then, Mapping):
        return {**first, **then}
    return [*(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in first.items()), *then]  # JSON is YAML
