"""Building a run: data, network, weights or checkpoint, optimiser, log. Nothing of it trains."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sealkit.config.training import RecipeBase
from sealkit.engine.device import convert_sync_bn
from sealkit.engine.distributed import World
from sealkit.engine.ema import Ema
from sealkit.engine.evaluate import EVAL_STREAM
from sealkit.engine.kernels import choose_kernels
from sealkit.engine.loader import Loader
from sealkit.engine.log import RunLog, cut_metrics
from sealkit.engine.optim import Optimizer
from sealkit.engine.plan import Lengths, lengths
from sealkit.engine.preflight import TRAIN_STREAM
from sealkit.engine.resume import Progress, check_progress, check_same_run, divide_step
from sealkit.engine.run_folder import RunFolder
from sealkit.engine.sampler import TrainPlan
from sealkit.engine.seeds import init_seed
from sealkit.engine.step import Trainer
from sealkit.engine.task import Task
from sealkit.engine.worker import Stream
from sealkit.errors import ConfigError
from sealkit.files import claim_folder
from sealkit.weights.checkpoint import Checkpoint, is_checkpoint, load_checkpoint
from sealkit.weights.loading import load_into
from sealkit.weights.sources import OFFICIAL_OR_SCRATCH, resolve


@dataclass
class Parts:
    """Everything the loop works with."""

    task: Task
    settings: RecipeBase
    folder: RunFolder
    world: World
    plan: TrainPlan
    lengths: Lengths
    data: dict[str, Any] | None
    net: Any
    optimizer: Optimizer
    ema: Ema | None
    trainer: Trainer
    loader: Loader
    log: RunLog
    progress: Progress
    resumed: bool
    kernels: str


def build(
    task: Task,
    settings: RecipeBase,
    folder: RunFolder,
    world: World,
    stack: ExitStack,
    resume: bool,
    show_progress: bool,
) -> Parts:
    """Build a run's parts; `stack` closes the log and the loader.

    Raises:
        ConfigError, DataError, WeightsError, TrainingError: as `loop.fit`.
    """
    if world.is_main:
        claim_folder(folder.latest)  # before the others look
    # rank 0's file system decides, else ranks could disagree on where they are
    resumed = world.broadcast(resume and is_checkpoint(folder.latest))
    checkpoint = load_checkpoint(folder.latest) if resumed else None
    if checkpoint:
        check_progress(checkpoint.progress, str(folder.latest))
        task.restore(checkpoint.extras)
    divided = ""
    if checkpoint:
        settings, divided = divide_step(settings, checkpoint.progress, world.size, str(folder.latest))
    loop = settings.train
    source = task.train_samples()
    if len(source) == 0:
        raise ConfigError("the training set has no samples", where="data.train", hint="check the label file")
    plan = TrainPlan(
        len(source), loop.batch_size, loop.accumulate, world.size, world.rank, settings.seed, source.arrange
    )
    length = lengths(settings, plan)
    info = task.data_info()
    data = None if info is None else dict(info)
    changes = []
    if checkpoint:
        changes = check_same_run(settings, checkpoint.progress, data, world.size, str(folder.latest))
    progress = Progress.from_dict(checkpoint.progress) if checkpoint else Progress()
    if world.is_main and resume:
        cut_metrics(folder.path, progress.step)
    log = stack.enter_context(
        RunLog(folder.path if world.is_main else None, length.total, progress.step, loop.visualdl, show_progress)
    )
    if divided:
        log.say(divided)
    for change in changes:
        log.say(f"resume: the new setting is used: {change}")

    net = _network(task, settings, folder, world, log, checkpoint)
    before = str(checkpoint.progress.get("kernels", "paddle")) if checkpoint else None
    kernels = choose_kernels(net, loop, before, world, log)
    optimizer, ema, trainer = _trainer(task, settings, world, plan.steps_per_epoch, net, checkpoint)
    streams = {TRAIN_STREAM: Stream(source, task.collate), EVAL_STREAM: Stream(task.eval_samples(), task.collate)}
    loader = stack.enter_context(Loader(streams, loop.num_workers, settings.seed))
    return Parts(
        task, settings, folder, world, plan, length, data, net, optimizer, ema, trainer, loader, log, progress, resumed,
        kernels,
    )  # fmt: skip


def _trainer(
    task: Task, settings: RecipeBase, world: World, steps_per_epoch: int, net: Any, checkpoint: Checkpoint | None
) -> tuple[Optimizer, Ema | None, Trainer]:
    """Optimiser, moving average and loss scale, fresh or as the checkpoint has them."""
    optimizer = Optimizer(net, task.param_groups(net), settings.optimizer)
    ema = None
    if settings.ema:
        cycle = settings.ema.cycle_epochs
        ema = Ema(net.state_dict(), settings.ema, cycle * steps_per_epoch if cycle else None)
    trainer = Trainer(task, net, optimizer, ema, settings, world)
    if checkpoint:
        optimizer.load(checkpoint.optimizer or {})
        trainer.amp.load(checkpoint.progress.get("scaler"))
        if ema:
            ema.load(checkpoint.ema or {}, checkpoint.progress["ema"])
    return optimizer, ema, trainer


def _network(
    task: Task, settings: RecipeBase, folder: RunFolder, world: World, log: RunLog, checkpoint: Checkpoint | None
) -> Any:
    """The network in train mode with its weights: the checkpoint's, else those of `weights.init`."""
    import paddle

    from sealkit.nn.layers import freeze_parts

    paddle.seed(init_seed(settings.seed))
    net = task.build_network()
    if settings.weights.freeze:
        frozen = freeze_parts(net, settings.weights.freeze)
        log.say(f"not trained (weights.freeze): {frozen:,} parameters of {', '.join(settings.weights.freeze)}")
    if settings.train.sync_bn and world.size > 1:
        net = convert_sync_bn(net)
    net.train()
    if checkpoint:
        load_into(net, checkpoint.training or checkpoint.weights, where=str(folder.latest))
        return net
    source = resolve(settings.weights.init, settings.model)
    if source.scratch:
        log.say(_random(settings))
        return net
    report = task.load_weights(net, source, settings.weights.allow_partial)
    log.say(report.summary())
    if world.is_main:
        folder.write({"weights_report.json": report.to_json()})
    return net


def _random(settings: RecipeBase) -> str:
    """What a run from random weights says at once."""
    if settings.weights.init == OFFICIAL_OR_SCRATCH:
        return (
            f"weights: random, for the official ones of {settings.model} are not on this machine (weights.init: "
            f"{OFFICIAL_OR_SCRATCH}); `sealkit download {settings.model} --training` gets them"
        )
    return "weights: random (weights.init: scratch)"
