"""`sealkit train --tune`: learning rate, length and strength of the augmentation, chosen within a time budget.

Optuna proposes values (TPE, seeded) and ends trials that fall behind the others' median (pruning). The first trial has
the recipe's own values. Trials are judged by a part of the training data; the validation set then says once whether the
chosen values are better than the recipe's.
"""

from __future__ import annotations

import gc
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sealkit.config.dump import to_yaml
from sealkit.config.training import RecipeBase
from sealkit.engine.run_folder import as_json
from sealkit.engine.threads import set_threads
from sealkit.errors import ConfigError, TrainingError
from sealkit.files import write_text
from sealkit.modules.recipe import load_recipe
from sealkit.runtime.signals import import_paddle
from sealkit.tuning.held_out import split_training

OWN = {"rate": 1.0, "length": 1.0, "augment": 1.0}
"""The recipe's own values: factors of its learning rate, number of steps and probabilities of augmentation."""
RATES, LENGTHS, STRENGTHS = (0.2, 5.0), (0.25, 0.5, 1.0), (0.0, 1.5)
EVALUATIONS = 4  # of a trial, so that one that falls behind can end early


@dataclass
class Trial:
    """What was tried.

    Attributes:
        number: in order of trial; 0 has the recipe's own values.
        rate, length, augment: factors of the recipe's learning rate, steps, and augmentation probabilities.
        score: the module's main metric on the tuning part, the best of the trial's evaluations.
        steps: optimiser steps done.
        seconds: they and the evaluations took.
        state: `complete`, `pruned` (fell behind), or `out of time`.
    """

    number: int
    rate: float
    length: float
    augment: float
    score: float = float("nan")
    steps: int = 0
    seconds: float = 0.0
    state: str = "complete"


@dataclass
class Tuned:
    """Result of `tune`.

    Attributes:
        folder: report.html, trials.json, recipe.yaml with the chosen values, the trials' run folders.
        metric: the metric's name.
        trials: all of them, in order.
        best: the chosen trial.
        before, after: on the validation set, the metric of the recipe's own values and of the chosen ones.
    """

    folder: Path
    metric: str
    trials: list[Trial]
    best: Trial
    before: float
    after: float

    @property
    def better(self) -> bool:
        """Whether the validation set confirms the choice."""
        return self.best.number != 0 and self.after > self.before

    def verdict(self) -> str:
        """One sentence about what was gained."""
        tried = f"{len(self.trials)} trials"
        if self.best.number == 0:
            return f"No better values found in {tried}: the recipe's own are kept ({self.metric} {self.before:.4f})."
        change = f"{self.metric} {self.before:.4f} → {self.after:.4f} on the validation set, which no trial has seen"
        if self.better:
            return f"Better: {change} ({tried})."
        return f"No better: {change} ({tried}). The recipe's own values are kept."


def tune(
    settings: RecipeBase,
    *,
    folder: str | Path,
    minutes: float,
    trials: int | None = None,
    progress: bool = True,
) -> Tuned:
    """Choose values for a fine-tuning.

    Args:
        settings: what `sealkit train` would train with.
        folder: where everything is written; it must not hold anything yet.
        minutes: no trial begins, and none goes on, after them; the first trial is always finished.
        trials: stop after so many, whatever time is left.

    Raises:
        ConfigError, DataError: nothing that could be tuned. TrainingError: the folder holds something.
    """
    import optuna

    place = Path(folder)
    if place.exists() and any(place.iterdir()):
        raise TrainingError("the output folder is not empty", where=str(place), hint="choose another one: --output DIR")
    if minutes <= 0:
        raise ConfigError("the budget must be above 0", where="--budget", value=minutes, hint="minutes, such as 30")
    set_threads(settings.train.threads)
    import_paddle()
    parts, judged_by = split_training(settings.model_dump(mode="json")["data"]["train"], place / "data", settings.seed)
    runner = _Runner(settings, parts, place, time.monotonic() + 60 * minutes, progress)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=settings.seed, n_startup_trials=5),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )
    study.enqueue_trial(OWN)
    done: list[Trial] = []
    while (trials is None or len(done) < trials) and runner.has_time(done):
        done.append(runner.run(study.ask(), study))
        if progress:
            print(_line(done[-1], judged_by), flush=True)
    best = max(done, key=lambda trial: (-math.inf if math.isnan(trial.score) else trial.score, -trial.number))
    before = runner.validate(done[0])
    after = before if best.number == 0 else runner.validate(best)
    result = Tuned(place, runner.metric, done, best, before, after)
    _write(result, settings)
    return result


class _Runner:
    """Trains trials."""

    def __init__(
        self, settings: RecipeBase, parts: Mapping[str, Any], place: Path, deadline: float, progress: bool
    ) -> None:
        self._own, self._parts, self._place = settings, dict(parts), place
        self._deadline, self._progress = deadline, progress
        self._steps = planned_steps(load_recipe(settings, self._parts).settings)
        self.metric = ""

    def has_time(self, done: list[Trial]) -> bool:
        """Whether the shortest trial could still be finished."""
        if not done:
            return True
        return time.monotonic() + done[0].seconds * min(LENGTHS) / done[0].length < self._deadline

    def run(self, asked: Any, study: Any) -> Trial:
        """Train one trial and tell the study."""
        import optuna

        from sealkit.engine.loop import fit
        from sealkit.zoo import make_task

        trial = Trial(
            asked.number,
            asked.suggest_float("rate", *RATES, log=True),
            asked.suggest_categorical("length", LENGTHS),
            asked.suggest_float("augment", *STRENGTHS),
        )
        started = time.monotonic()
        settings = load_recipe(self._own, {**self._parts, **self._values(trial)}).settings
        task = make_task(settings)
        self.metric = task.main_metric
        planned = max(1, round(self._steps * trial.length))

        def watch(step: int, metrics: Mapping[str, float]) -> bool:
            # by share of the trial, not by steps: trials have different lengths
            asked.report(metrics[self.metric], round(EVALUATIONS * step / planned))
            if trial.number and time.monotonic() > self._deadline:
                trial.state = "out of time"
            elif trial.number and asked.should_prune():
                trial.state = "pruned"
            return trial.state != "complete"

        result = fit(task, settings, self._folder(trial), progress=False, watch=watch)
        trial.steps, trial.seconds = result.step, time.monotonic() - started
        trial.score = float("nan") if result.best is None else result.best[self.metric]
        if trial.state == "complete" and not math.isnan(trial.score):
            study.tell(asked, trial.score)
        else:
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
        shutil.rmtree(self._folder(trial) / "checkpoints" / "latest", ignore_errors=True)  # best is what is asked for
        gc.collect()  # networks of the trials before
        return trial

    def _folder(self, trial: Trial) -> Path:
        return self._place / "trials" / f"{trial.number:03d}"

    def _values(self, trial: Trial) -> dict[str, Any]:
        """Overrides of a trial."""
        found = tuned_values(self._own, trial, self._steps)
        steps = found.get("train.max_steps", self._steps)
        found |= {"eval.every_steps": max(1, steps // EVALUATIONS), "eval.every_epochs": None}
        return {**found, "eval.at_start": False, "eval.early_stop": None, "train.visualdl": False}

    def validate(self, trial: Trial) -> float:
        """The metric of a trial's best checkpoint on the recipe's own validation set."""
        from sealkit.export.evaluation import of_checkpoint
        from sealkit.zoo import make_task

        task = make_task(self._own)
        best = self._folder(trial) / "checkpoints" / "best"
        return float(of_checkpoint(task, self._own, str(best), None, progress=self._progress).metrics[task.main_metric])


def planned_steps(settings: RecipeBase) -> int:
    """Optimiser steps of a run with these settings in one process."""
    from sealkit.engine.plan import lengths
    from sealkit.engine.sampler import TrainPlan
    from sealkit.zoo import make_task

    source, loop = make_task(settings).train_samples(), settings.train
    return lengths(settings, TrainPlan(len(source), loop.batch_size, loop.accumulate, 1, 0, settings.seed)).total


def tuned_values(settings: RecipeBase, trial: Trial, steps: int) -> dict[str, Any]:
    """Overrides that give a recipe a trial's values; empty for the recipe's own.

    Args:
        steps: of the recipe's own run.
    """
    found: dict[str, Any] = {}
    if trial.rate != 1.0:
        found["optimizer.lr"] = float(f"{settings.optimizer.lr * trial.rate:.3g}")
    if trial.length != 1.0:
        # without epochs, so that the learning rate's schedule has the same length
        found |= {"train.max_steps": max(1, round(steps * trial.length)), "train.epochs": None}
    augment = settings.model_dump(mode="json").get("augment") or []
    if trial.augment != 1.0 and any("p" in operation for operation in augment):
        found["augment"] = [
            {**operation, "p": round(min(1.0, operation["p"] * trial.augment), 3)} if "p" in operation else operation
            for operation in augment
        ]
    return found


def _line(trial: Trial, judged_by: int) -> str:
    return (
        f"trial {trial.number}: learning rate x{trial.rate:.2f}, steps x{trial.length:g}, augmentation x"
        f"{trial.augment:.2f}: {trial.score:.4f} on {judged_by} images of the training set, {trial.steps} steps, "
        f"{trial.seconds:.0f} s{'' if trial.state == 'complete' else f', {trial.state}'}"
    )


def _write(result: Tuned, settings: RecipeBase) -> None:
    """recipe.yaml, trials.json and report.html."""
    from sealkit.reports.page import write_page

    chosen = tuned_values(settings, result.best, planned_steps(settings)) if result.better else {}
    loaded = load_recipe(settings, chosen)
    write_text(result.folder / "recipe.yaml", f"# {result.verdict()}\n{to_yaml(loaded)}")
    content = {"verdict": result.verdict(), "metric": result.metric, "before": result.before, "after": result.after}
    content |= {"chosen": result.best.number if result.better else 0, "trials": [asdict(t) for t in result.trials]}
    write_text(result.folder / "trials.json", as_json(content))
    scored = [trial for trial in result.trials if not math.isnan(trial.score)]
    best_so_far = [(t.number, max(s.score for s in scored if s.number <= t.number)) for t in scored]
    trials = {result.metric: [(t.number, t.score) for t in scored], "best so far": best_so_far}
    sections: list[dict[str, Any]] = [
        {"title": "Result", "text": result.verdict()},
        {"title": "Trials", "rows": [asdict(trial) for trial in result.trials], "fold": True},
        {"title": "Course", "chart": {"series": trials, "x_label": "trial", "title": "Tuning part"}},
    ]
    for name, title in (("rate", "learning rate, factor"), ("length", "steps, factor"), ("augment", "augmentation")):
        points = sorted((asdict(t)[name], t.score) for t in scored)
        sections.append({"title": title, "chart": {"series": {result.metric: points}, "x_label": name, "title": title}})
    write_page(result.folder / "report.html", "Tuning", sections)
