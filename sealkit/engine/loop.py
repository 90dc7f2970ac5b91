"""The training loop. It knows no module: everything module-specific comes from the Task.

fit → setup.build (data, network, weights or checkpoint) → pre-flight → step-0 evaluation → steps, evaluations,
checkpoints → result
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealkit.config.training import RecipeBase
from sealkit.engine import guard
from sealkit.engine.device import choose_device
from sealkit.engine.distributed import connect
from sealkit.engine.evaluate import evaluate
from sealkit.engine.launch import is_launched
from sealkit.engine.memory import kept_memory
from sealkit.engine.preflight import TRAIN_STREAM, preflight
from sealkit.engine.run_folder import RunFolder, as_json, environment
from sealkit.engine.setup import Parts, build
from sealkit.engine.step import NonFinite, Outcome
from sealkit.engine.task import StepState, Task
from sealkit.engine.val_set import described, few_images
from sealkit.engine.watchdog import Watchdog
from sealkit.errors import TrainingError
from sealkit.runtime.signals import import_paddle, stop_signals
from sealkit.weights.checkpoint import Checkpoint, copy_checkpoint, save_checkpoint
from sealkit.weights.loading import network_arrays


@dataclass
class FitResult:
    """How a run ended.

    Attributes:
        run_dir: the run folder; `checkpoints/best` and `checkpoints/latest` are in it.
        step: optimiser steps done.
        epoch: the same in epochs.
        best: {deciding metric: value, "step": step} of the best evaluation, the initial weights included; None where
            none ran.
        baseline: metrics of the initial weights, None where `eval.at_start` is off.
        last: metrics of the last evaluation.
        stopped: `done`, `early stop`, `stopped by the caller` or `interrupted`.
        warnings: everything that was warned of.
        seconds: of this call.
    """

    run_dir: Path
    step: int
    epoch: float
    best: dict[str, float] | None
    baseline: dict[str, float] | None
    last: dict[str, float] | None
    stopped: str
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


def fit(
    task: Task,
    settings: RecipeBase,
    run_dir: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    files: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    watch: Callable[[int, Mapping[str, float]], bool] | None = None,
) -> FitResult:
    """Train a task's network as a recipe says.

    Started by `python -m paddle.distributed.launch` it is one of several processes of one run.

    Args:
        run_dir: run folder, default the recipe's.
        resume: continue the run in the folder, exactly; see `resume.NEW_WINS` for the settings that may have changed.
            A run that was killed before its first checkpoint begins anew.
        overwrite: replace the run in the folder.
        progress: show progress on stderr.
        files: text files to put into the run folder (recipe.yaml), by name.
        warnings: what the caller has to warn of, for the log and the summary.
        watch: told the step and the metrics after each evaluation; True ends the run.

    Raises:
        ConfigError, DataError, WeightsError: settings, data or weights that cannot be used.
        TrainingError: refused folder, pre-flight fault, non-finite loss, too many broken samples, dead process.
    """
    started = time.monotonic()
    import_paddle()
    device = choose_device(settings.train.device)
    world = connect()
    with ExitStack() as stack:
        if device == "cpu":
            stack.enter_context(kept_memory())
        watchdog = stack.enter_context(Watchdog(world))
        folder = RunFolder(run_dir or settings.run_dir, resume, overwrite, writes=world.is_main)
        stack.callback(folder.close)
        machine = environment()
        own = {"environment.json": as_json(machine), **(files or {})}
        if world.is_main and not resume:  # marks the folder as ours before anything can fail
            folder.write(own)
        run = _Run(build(task, settings, folder, world, stack, resume, progress), watchdog, watch)
        folder.begun()
        own["environment.json"] = as_json({**machine, "kernels": run.parts.kernels})
        if world.is_main:  # only now: a refused resume leaves the run's own files as they are
            folder.write(own)
        run.start(warnings)
        return run.finish(run.train(), time.monotonic() - started)


class _Run:
    """A run under way."""

    def __init__(self, parts: Parts, watchdog: Watchdog, watch: Callable[..., bool] | None) -> None:
        self.parts, self.watchdog, self.watch = parts, watchdog, watch
        self.task, self.settings, self.log, self.progress = parts.task, parts.settings, parts.log, parts.progress
        self.zeros = guard.ZeroTerms()

    @property
    def epoch(self) -> float:
        return self.progress.step / self.parts.lengths.per_epoch

    def start(self, warnings: Sequence[str] = ()) -> None:
        """Pre-flight, evaluation of the initial weights, first checkpoint; on resume only the word that it does."""
        parts, progress, log = self.parts, self.progress, self.log
        if parts.world.is_main and parts.data is not None:
            parts.folder.write({"data.json": as_json(parts.data)})
        log.warnings[:0] = [warning for warning in progress.warnings if warning not in log.warnings]
        progress.warnings = log.warnings
        if parts.resumed:
            log.say(f"resumed at step {progress.step} of {parts.lengths.total} (epoch {self.epoch:.2f})")
            if parts.world.is_main and progress.best and progress.best["step"] == progress.step:
                copy_checkpoint(parts.folder.latest, parts.folder.best)  # a kill may have come between the two
            return
        log.say(
            f"{self.settings.name}: {parts.plan.samples} samples, {parts.lengths.per_epoch} steps an epoch of "
            f"{parts.plan.step_size} samples, {parts.lengths.total} steps, peak learning rate {parts.lengths.peak:.3g}"
        )
        optimizer = self.settings.optimizer
        if optimizer.lr_batch_size and optimizer.lr_batch_size != parts.plan.step_size:
            log.say(
                f"  scaled from {optimizer.lr:.3g}, which the recipe gives for {optimizer.lr_batch_size} samples a step"
            )
        for note in self.task.notes():
            log.say(note)
        count = len(self.task.eval_samples())
        log.say(described(self.settings, count))
        for warning in (*warnings, *self.task.warnings(), few_images(count)):
            if warning:
                log.warn(warning)
        self.watchdog.busy("pre-flight")
        for warning in preflight(self.task, parts.net, self.settings, parts.plan, parts.loader, parts.trainer.amp):
            log.warn(warning)
        if self.settings.eval.at_start:
            self.evaluate()
            progress.baseline = progress.last
        self.save(best=self.settings.eval.at_start)  # a run that is killed early has something to resume

    def train(self) -> str:
        """Take steps until the end; returns why it ended."""
        total, interval = self.parts.lengths.total, self.parts.lengths.between_evaluations
        save_every = self.settings.train.save_every_steps
        loaded = self.parts.loader.batches(TRAIN_STREAM, self._remaining())
        with stop_signals(patient=is_launched()) as stop:
            while self.progress.step < total and self.progress.finished is None:
                outcome = self.step(loaded, stop.is_set())
                step = self.progress.step
                if step == total or (interval and step % interval == 0):
                    self.save(best=self.evaluate())
                elif (save_every and step % save_every == 0) or outcome.stop:
                    self.save(best=False)
                if outcome.stop and step < total:
                    return "interrupted"
        return self.progress.finished or "done"

    def _remaining(self) -> Iterator[tuple[int, Any]]:
        count = (self.parts.lengths.total - self.progress.step) * self.settings.train.accumulate
        return (item for item, _ in zip(self.parts.plan.batches(self.progress.step), range(count)))

    def step(self, loaded: Iterator[Any], stop: bool) -> Outcome:
        """One optimiser step and what is noticed about it."""
        parts, progress = self.parts, self.progress
        epochs = parts.lengths.total / parts.lengths.per_epoch
        state = StepState(progress.step, self.epoch, epochs, all_sum=parts.world.all_sum)
        rate = parts.lengths.rate(progress.step, self.settings)
        try:
            outcome = parts.trainer.run(loaded, progress.step, state, rate, stop)
        except NonFinite as error:
            place = parts.folder.path / "nonfinite" / f"step_{error.fault.step + 1}_rank_{error.fault.rank}"
            extras = self.task.checkpoint_extras()
            raise guard.save_fault(place, error.fault, extras, self.settings.seed) from None
        progress.step += 1
        self.watchdog.beat(progress.step)
        for warning in self.zeros.add(outcome.losses):
            self.log.warn(warning)
        self._count_broken(outcome.broken)
        self.log.step(progress.step, self.epoch, outcome, rate, self.settings.train.log_every)
        return outcome

    def _count_broken(self, broken: list[tuple[int, str]]) -> None:
        known, samples = self.progress.broken, self.parts.plan.samples
        for index, reason in broken:
            if str(index) not in known:
                known[str(index)] = reason
                self.log.warn(f"training sample {index} left out: {reason}")
        if broken and len(known) > self.settings.train.max_broken_share * samples:
            raise TrainingError(
                f"{len(known)} of {samples} training samples cannot be read",
                where=f"sample {broken[0][0]}",
                value=broken[0][1],
                hint="run `sealkit data check`, or raise train.max_broken_share",
            )

    def evaluate(self) -> bool:
        """Evaluate, decide about best and early stop; returns whether this was the best evaluation so far."""
        parts, progress, key = self.parts, self.progress, self.task.main_metric
        self.log.flush(progress.step, self.epoch)
        with parts.ema.swapped() if parts.ema and progress.step else nullcontext():
            result = evaluate(
                self.task,
                parts.net,
                batch_size=self.settings.eval.batch_size,
                max_broken_share=self.settings.train.max_broken_share,
                world=parts.world,
                loader=parts.loader,
                on_batch=self._evaluating,
            )
        for index, reason in result.broken:
            self.log.warn(f"evaluation sample {index} left out: {reason}")
        value = result.metrics[key]
        better = progress.best is None or value > progress.best[key]
        progress.last, progress.stale = result.metrics, 0 if better else progress.stale + 1
        if better:
            progress.best = {key: value, "step": progress.step}
        patience = self.settings.eval.early_stop
        if patience and progress.stale >= patience:
            progress.finished = "early stop"
        if self.watch is not None and parts.world.broadcast(self.watch(progress.step, result.metrics)):
            progress.finished = "stopped by the caller"
        row = {**result.metrics, "images_per_second": result.images_per_second, "broken": len(result.broken)}
        self.log.row("eval", progress.step, self.epoch, row)
        # `recall/shape=oval` and the like are for files: a line is for the metrics of the whole set
        shown = "  ".join(f"{name} {value:.4f}" for name, value in result.metrics.items() if "/" not in name)
        self.log.say(f"evaluation at step {progress.step}: {shown}{'  (best so far)' if better else ''}")
        return better

    def _evaluating(self, done: int, batches: int) -> None:
        self.watchdog.busy(f"evaluation, batch {done} of {batches}")
        self.log.evaluating(done, batches)

    def save(self, best: bool) -> None:
        """Write `latest`, and `best` as a copy of it. All ranks call it, the first one writes."""
        parts, progress = self.parts, self.progress
        self.log.flush(progress.step, self.epoch)
        self.watchdog.busy("saving")
        progress.broken = dict(sorted(parts.world.gather(list(progress.broken.items()))))
        if not parts.world.is_main:
            return
        training = network_arrays(parts.net)
        evaluated = training
        if parts.ema and progress.step:
            evaluated = {**training, **{name: tensor.numpy() for name, tensor in parts.ema.applied().items()}}
        state = {
            **progress.to_dict(),
            "epoch": self.epoch,
            "rate": parts.lengths.rate(progress.step, self.settings),
            "settings": self.settings.model_dump(mode="json"),
            "data": parts.data,
            "world": parts.world.size,
            "kernels": parts.kernels,
            "scaler": parts.trainer.amp.state(),
            "ema": parts.ema.progress() if parts.ema else None,
        }
        checkpoint = Checkpoint(
            weights=evaluated,
            extras=self.task.checkpoint_extras(),
            progress=state,
            training=None if evaluated is training else training,
            optimizer=parts.optimizer.arrays(),
            ema=parts.ema.arrays() if parts.ema else None,
        )
        save_checkpoint(parts.folder.latest, checkpoint)
        if best:
            copy_checkpoint(parts.folder.latest, parts.folder.best)

    def finish(self, stopped: str, seconds: float) -> FitResult:
        """Final summary on screen and in summary.json."""
        parts, progress, key = self.parts, self.progress, self.task.main_metric
        best, baseline = progress.best, progress.baseline
        if best and baseline and best["step"] == 0 and progress.step > 0:
            self.log.warn(f"no evaluation beat the initial weights ({key} {baseline[key]:.4f}): best is step 0")
        lines = [f"{stopped} at step {progress.step} (epoch {self.epoch:.2f}) after {seconds:.0f} s"]
        if best:
            lines.append(f"best {key} {best[key]:.4f} at step {best['step']:.0f}: {parts.folder.best}")
        if best and baseline:
            lines.append(f"initial weights {baseline[key]:.4f}, change {best[key] - baseline[key]:+.4f}")
        lines += [f"warning: {warning}" for warning in self.log.warnings]
        self.log.say("\n".join(lines))
        result = FitResult(
            run_dir=parts.folder.path,
            step=progress.step,
            epoch=self.epoch,
            best=best,
            baseline=baseline,
            last=progress.last,
            stopped=stopped,
            warnings=list(self.log.warnings),
            seconds=seconds,
        )
        if parts.world.is_main:
            parts.folder.write({"summary.json": as_json({**result.__dict__, "run_dir": str(result.run_dir)})})
        return result
