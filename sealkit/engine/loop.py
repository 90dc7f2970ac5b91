"""The training loop. It knows no module: everything module-specific comes from the Task.

fit → _Run: set up (network, weights or checkpoint) → pre-flight → step-0 evaluation → steps, evaluations, checkpoints → result
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealkit.config.training import RecipeBase
from sealkit.engine import guard, optim
from sealkit.engine.device import choose_device
from sealkit.engine.distributed import World, connect
from sealkit.engine.ema import Ema
from sealkit.engine.evaluate import EVAL_STREAM, EvalResult, evaluate
from sealkit.engine.loader import Loader
from sealkit.engine.log import RunLog, cut_metrics
from sealkit.engine.preflight import TRAIN_STREAM, preflight
from sealkit.engine.resume import Progress, check_same_run
from sealkit.engine.run_folder import RunFolder, as_json, environment
from sealkit.engine.sampler import TrainPlan
from sealkit.engine.seeds import init_seed
from sealkit.engine.step import NonFinite, Outcome, Trainer
from sealkit.engine.task import StepState, Task
from sealkit.engine.watchdog import Watchdog
from sealkit.engine.worker import Stream
from sealkit.errors import ConfigError, TrainingError
from sealkit.weights.checkpoint import Checkpoint, copy_checkpoint, is_checkpoint, load_checkpoint, save_checkpoint
from sealkit.weights.loading import load_into, network_arrays
from sealkit.weights.sources import resolve


@dataclass
class FitResult:
    """How a run ended.

    Attributes:
        run_dir: the run folder; `checkpoints/best` and `checkpoints/latest` are in it.
        step: optimiser steps done; epoch: the same in epochs.
        best: {main figure: value, "step": step} of the best evaluation, the untouched weights included; None where none ran.
        baseline: figures of the untouched weights, None where `eval.at_start` is off.
        last: figures of the last evaluation.
        stopped: `done`, `early stop` or `interrupted`.
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
) -> FitResult:
    """Train a task's network as a recipe says.

    Started by `python -m paddle.distributed.launch` it is one of several processes of one run.

    Args:
        run_dir: run folder, default the recipe's.
        resume: continue the run in the folder, exactly; see `resume.NEW_WINS` for the settings that may have changed.
        overwrite: replace the run in the folder.
        progress: show progress on stderr.
        files: text files to put into the run folder (recipe.yaml), by name.

    Raises:
        ConfigError, DataError, WeightsError: settings, data or weights that cannot be used.
        TrainingError: refused folder, pre-flight fault, non-finite loss, too many broken samples, dead process.
    """
    started = time.monotonic()
    choose_device(settings.train.device)
    world = connect()
    with ExitStack() as stack:
        watchdog = stack.enter_context(Watchdog(world))
        folder = RunFolder(run_dir or settings.run_dir, resume, overwrite, writes=world.first)
        stack.callback(folder.close)
        run = _Run(task, settings, folder, world, watchdog, stack, resume, progress)
        run.start(files or {})
        stopped = run.train()
        return run.finish(stopped, time.monotonic() - started)


class _Run:
    def __init__(
        self,
        task: Task,
        settings: RecipeBase,
        folder: RunFolder,
        world: World,
        watchdog: Watchdog,
        stack: ExitStack,
        resume: bool,
        progress: bool,
    ) -> None:
        """Build everything; nothing is written yet."""
        import paddle

        self.task, self.settings, self.folder, self.world, self.watchdog = task, settings, folder, world, watchdog
        loop = settings.train
        source = task.train_samples()
        if len(source) == 0:
            raise ConfigError("the training set has no samples", where="data.train", hint="check the label file")
        self.plan = TrainPlan(len(source), loop.batch_size, loop.accumulate, world.size, world.rank, settings.seed)
        self.total_steps = _total_steps(settings, self.plan.steps_per_epoch)
        self.peak = optim.peak_rate(settings.optimizer, self.plan.step_size)
        data_info = getattr(task, "data_info", None)
        self.data = dict(data_info()) if data_info else None

        resuming = world.from_first(resume and is_checkpoint(folder.latest))
        checkpoint = load_checkpoint(folder.latest) if resuming else None
        self.progress = Progress.from_dict(checkpoint.progress) if checkpoint else Progress()
        self.resumed = checkpoint is not None
        if world.first:
            cut_metrics(folder.path, self.progress.step) if resume else None
        self.log = stack.enter_context(
            RunLog(folder.path if world.first else None, self.total_steps, self.progress.step, loop.visualdl, progress)
        )
        if checkpoint:
            for line in check_same_run(settings, checkpoint.progress, self.data, world.size, str(folder.latest)):
                self.log.say(f"resume: new setting {line}")

        paddle.seed(init_seed(settings.seed))
        self.net = task.build_network()
        if loop.sync_bn and world.size > 1:
            self.net = _sync_bn(self.net)
        self.net.train()
        if checkpoint:
            load_into(self.net, checkpoint.training or checkpoint.weights, where=str(folder.latest))
        else:
            self._initial_weights()
        self.optimizer = optim.Optimizer(self.net, task.param_groups(self.net), settings.optimizer)
        ema = settings.ema
        cycle = ema.cycle_epochs * self.plan.steps_per_epoch if ema and ema.cycle_epochs else None
        self.ema = Ema(self.net.state_dict(), ema, cycle) if ema else None
        self.trainer = Trainer(task, self.net, self.optimizer, self.ema, settings, world)
        if checkpoint:
            self.optimizer.load(checkpoint.optimizer or {})
            self.trainer.amp.load(checkpoint.progress.get("scaler"))
            if self.ema:
                self.ema.load(checkpoint.ema or {}, checkpoint.progress["ema"])
        streams = {
            TRAIN_STREAM: Stream(source, task.collate),
            EVAL_STREAM: Stream(task.eval_samples(), task.collate),
        }
        self.loader = stack.enter_context(Loader(streams, loop.num_workers, settings.seed))
        self.zeros = guard.ZeroTerms()

    def _initial_weights(self) -> None:
        source = resolve(self.settings.weights.init, self.settings.model)
        if source.scratch:
            self.log.say("weights: random (weights.init: scratch)")
            return
        report = load_into(self.net, source, self.settings.weights.allow_partial)
        self.log.say(report.summary())
        if self.world.first:
            self.folder.write({"weights_report.json": report.to_json()})

    @property
    def epoch(self) -> float:
        return self.progress.step / self.plan.steps_per_epoch

    def start(self, files: Mapping[str, str]) -> None:
        """Files of the run, pre-flight, evaluation of the untouched weights, first checkpoint; or the word that it resumes."""
        if self.world.first:
            self.folder.write({**files, "environment.json": as_json(environment())})
            if self.data is not None:
                self.folder.write({"data.json": as_json(self.data)})
        self.progress.warnings = self.log.warnings + [w for w in self.progress.warnings if w not in self.log.warnings]
        self.log.warnings = self.progress.warnings
        if self.resumed:
            self.log.say(f"resumed at step {self.progress.step} of {self.total_steps} (epoch {self.epoch:.2f})")
            return
        self.log.say(
            f"{self.settings.name}: {self.plan.samples} samples, {self.plan.steps_per_epoch} steps an epoch of "
            f"{self.plan.step_size} samples, {self.total_steps} steps, peak learning rate {self.peak:.3g}"
        )
        self.watchdog.busy("pre-flight")
        for warning in preflight(self.task, self.net, self.settings, self.plan, self.loader, self.trainer.amp):
            self.log.warn(warning)
        if self.settings.eval.at_start:
            self.progress.baseline = self.evaluate()
        else:
            self.save(best=False)  # a run that is killed early has something to resume

    def train(self) -> str:
        """Take steps until the end; returns why it ended."""
        loop, total = self.settings.train, self.total_steps
        interval = _interval(self.settings, self.plan.steps_per_epoch)
        loaded = self.loader.batches(TRAIN_STREAM, self._remaining())
        with _stop_signals() as stop:
            while self.progress.step < total and self.progress.finished is None:
                outcome = self.step(loaded, stop.is_set())
                step = self.progress.step
                if step == total or (interval and step % interval == 0):
                    self.evaluate()
                elif loop.save_every_steps and step % loop.save_every_steps == 0:
                    self.save(best=False)
                if outcome.stop and step < total:
                    self.save(best=False)
                    return "interrupted"
        return self.progress.finished or "done"

    def _remaining(self) -> Iterator[tuple[int, Any]]:
        count = (self.total_steps - self.progress.step) * self.settings.train.accumulate
        return (item for item, _ in zip(self.plan.batches(self.progress.step), range(count)))

    def step(self, loaded: Iterator[Any], stop: bool) -> Outcome:
        settings, progress = self.settings, self.progress
        state = StepState(
            progress.step, self.epoch, self.total_steps / self.plan.steps_per_epoch, all_sum=self.world.all_sum
        )
        rate = optim.learning_rate(
            progress.step,
            settings.schedule,
            self.peak,
            _schedule_steps(settings, self.plan.steps_per_epoch),
            self.plan.steps_per_epoch,
        )
        try:
            outcome = self.trainer.run(loaded, progress.step, state, rate, stop)
        except NonFinite as error:
            place = self.folder.path / "nonfinite" / f"step_{error.fault.step + 1}_rank_{error.fault.rank}"
            raise guard.save_fault(place, error.fault, self.task.checkpoint_extras(), settings.seed) from None
        progress.step += 1
        self.watchdog.beat(progress.step)
        for warning in self.zeros.add(outcome.losses):
            self.log.warn(warning)
        self._count_broken(outcome.broken)
        self.log.step(progress.step, self.epoch, outcome, rate, settings.train.log_every)
        return outcome

    def _count_broken(self, broken: list[tuple[int, str]]) -> None:
        for index, reason in broken:
            if str(index) not in self.progress.broken:
                self.progress.broken[str(index)] = reason
                self.log.warn(f"training sample {index} left out: {reason}")
        limit = self.settings.train.max_broken_share * self.plan.samples
        if len(self.progress.broken) > limit and broken:
            raise TrainingError(
                f"{len(self.progress.broken)} of {self.plan.samples} training samples cannot be read",
                where=f"sample {broken[0][0]}",
                value=broken[0][1],
                hint="run `sealkit data check`, or raise train.max_broken_share",
            )

    def evaluate(self) -> dict[str, float]:
        """Evaluate, decide about best and early stop, write checkpoints."""
        progress = self.progress
        self.log.flush(progress.step, self.epoch)
        with self.ema.swapped() if self.ema and progress.step else nullcontext():
            result: EvalResult = evaluate(
                self.task,
                self.net,
                batch_size=self.settings.eval.batch_size,
                max_broken_share=self.settings.train.max_broken_share,
                world=self.world,
                loader=self.loader,
                on_batch=lambda done, of: self.watchdog.busy(f"evaluation, batch {done} of {of}"),
            )
        progress.last = result.figures
        figure = result.figures[self.task.main_figure]
        for index, reason in result.broken:
            self.log.warn(f"evaluation sample {index} left out: {reason}")
        better = progress.best is None or figure > progress.best[self.task.main_figure]
        progress.stale = 0 if better else progress.stale + 1
        if better:
            progress.best = {self.task.main_figure: figure, "step": progress.step}
        patience = self.settings.eval.early_stop
        if patience and progress.stale >= patience:
            progress.finished = "early stop"
        row = {**result.figures, "images_per_second": result.images_per_second, "broken": len(result.broken)}
        self.log.row("eval", progress.step, self.epoch, row)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in result.figures.items())
        self.log.say(f"evaluation at step {progress.step}: {shown}{'  (best so far)' if better else ''}")
        self.save(best=better)
        return result.figures

    def save(self, best: bool) -> None:
        """Write `latest`, and `best` as a copy of it."""
        self.log.flush(self.progress.step, self.epoch)
        if not self.world.first:
            return
        self.watchdog.busy("saving")
        training = network_arrays(self.net)
        applied = None
        if self.ema and self.progress.step:
            applied = {**training, **{name: tensor.numpy() for name, tensor in self.ema.applied().items()}}
        state = {
            **self.progress.to_dict(),
            "epoch": self.epoch,
            "settings": self.settings.model_dump(mode="json"),
            "data": self.data,
            "world": self.world.size,
            "scaler": self.trainer.amp.state(),
            "ema": self.ema.progress() if self.ema else None,
        }
        checkpoint = Checkpoint(
            weights=applied or training,
            extras=self.task.checkpoint_extras(),
            progress=state,
            training=training if applied else None,
            optimizer=self.optimizer.arrays(),
            ema=self.ema.arrays() if self.ema else None,
        )
        save_checkpoint(self.folder.latest, checkpoint)
        if best:
            copy_checkpoint(self.folder.latest, self.folder.best)

    def finish(self, stopped: str, seconds: float) -> FitResult:
        """Final summary on screen and in summary.json."""
        progress, figure = self.progress, self.task.main_figure
        baseline = progress.baseline
        if progress.best and baseline and progress.best["step"] == 0 and progress.step > 0:
            self.log.warn(f"no evaluation beat the untouched weights ({figure} {baseline[figure]:.4f}): best is step 0")
        result = FitResult(
            self.folder.path, progress.step, self.epoch, progress.best, baseline, progress.last, stopped,
            list(self.log.warnings), seconds,
        )  # fmt: skip
        lines = [f"{stopped} at step {result.step} (epoch {result.epoch:.2f}) after {seconds:.0f} s"]
        if progress.best:
            lines.append(
                f"best {figure} {progress.best[figure]:.4f} at step {progress.best['step']:.0f}: {self.folder.best}"
            )
        if baseline and progress.best:
            lines.append(
                f"untouched weights {baseline[figure]:.4f}, change {progress.best[figure] - baseline[figure]:+.4f}"
            )
        lines += [f"warning: {warning}" for warning in result.warnings]
        self.log.say("\n".join(lines))
        if self.world.first:
            self.folder.write({"summary.json": as_json({**result.__dict__, "run_dir": str(result.run_dir)})})
        return result


def _total_steps(settings: RecipeBase, steps_per_epoch: int) -> int:
    loop = settings.train
    if loop.epochs is None and loop.max_steps is None:
        raise ConfigError("how long to train is not said", where="train", hint="set train.epochs or train.max_steps")
    total = max(1, round(loop.epochs * steps_per_epoch)) if loop.epochs is not None else loop.max_steps
    return min(total or 0, loop.max_steps or total or 0)


def _schedule_steps(settings: RecipeBase, steps_per_epoch: int) -> int:
    epochs = settings.schedule.total_epochs or settings.train.epochs
    return max(1, round(epochs * steps_per_epoch)) if epochs else settings.train.max_steps or 1


def _interval(settings: RecipeBase, steps_per_epoch: int) -> int | None:
    if settings.eval.every_steps:
        return settings.eval.every_steps
    every = settings.eval.every_epochs
    return max(1, round(every * steps_per_epoch)) if every else None


def _sync_bn(net: Any) -> Any:
    import paddle

    if not paddle.get_device().startswith("gpu"):
        raise ConfigError(
            "synchronised BatchNorm needs GPUs", where="train.sync_bn", value=True, hint="set it to false"
        )
    return paddle.nn.SyncBatchNorm.convert_sync_batchnorm(net)


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM asks for a checkpoint and an orderly end; the second one ends at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: Any) -> None:
        event.set()
        for each, handler in kept.items():
            signal.signal(each, handler)

    for number in kept:
        signal.signal(number, ask)
    try:
        yield event
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
