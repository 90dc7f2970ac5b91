"""Pre-flight check: two batches through training and evaluation, so that faults show within seconds."""

from __future__ import annotations

import math
from typing import Any

from sealkit.config.training import RecipeBase
from sealkit.engine.evaluate import EVAL_STREAM, check_records, compute_metrics
from sealkit.engine.loader import Loader
from sealkit.engine.optim import global_norm
from sealkit.engine.sampler import TrainPlan, eval_batches
from sealkit.engine.seeds import step_rng, step_seed
from sealkit.engine.step import Amp, running_statistics, to_arrays, to_tensors
from sealkit.engine.task import StepState, Task
from sealkit.errors import TrainingError

TRAIN_STREAM = "the training set"
_BATCHES = 2


def preflight(task: Task, net: Any, settings: RecipeBase, plan: TrainPlan, loader: Loader, amp: Amp) -> list[str]:
    """Forward, loss and backward of two training batches; forward, decode and metric of two evaluation batches.

    Leaves weights, running statistics, gradients and generators as they were.

    Returns:
        Warnings: parameters without a gradient.

    Raises:
        TrainingError: no readable sample, no loss terms, a loss that is not finite, records that do not match.
    """
    import paddle

    # Paddle's LSTM has a buffer for dropout that gets its memory with the first forward pass
    buffers = (buffer for _, buffer in net.named_buffers() if buffer._is_initialized())
    changing = [*running_statistics(net), *buffers]
    kept = [tensor.clone() for tensor in changing]
    generator = paddle.get_rng_state()
    training = net.training
    try:
        without = _train_batches(task, net, settings, plan, loader, amp)
        _eval_batches(task, net, settings, loader)
    finally:
        with paddle.no_grad():
            for tensor, value in zip(changing, kept):
                paddle.assign(value, tensor)
        for param in net.parameters():
            param.clear_gradient(False)  # Paddle ignores the keyword
        net.train() if training else net.eval()
        paddle.set_rng_state(generator)
    if not without:
        return []
    shown = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
    return [f"{len(without)} trainable parameters get no gradient from the loss: {shown}"]


def _train_batches(task: Task, net: Any, settings: RecipeBase, plan: TrainPlan, loader: Loader, amp: Amp) -> list[str]:
    """Returns the names of trainable parameters that got no gradient."""
    import paddle

    net.train()
    batches = (item for item, _ in zip(plan.batches(0), range(_BATCHES)))
    readable = 0
    for number, batch in enumerate(loader.batches(TRAIN_STREAM, batches)):
        if batch.arrays is None:
            continue
        readable += 1
        tensors = to_tensors(batch.arrays)
        paddle.seed(step_seed(settings.seed, 0, number, plan.rank))
        state = StepState(epochs=settings.train.epochs or 0.0, rng=step_rng(settings.seed, 0, number, plan.rank))
        losses = amp.losses(task, net, tensors, state)
        if not losses:
            raise TrainingError("the task's loss has no terms", where=task.name)
        values = {name: value.astype("float32").item() for name, value in losses.items()}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"the loss is not finite before training has begun: {', '.join(bad)}",
                where=", ".join(batch.arrays["name"][:8]),
                value=values,
                hint="look at these samples with `sealkit data show`, and at the weights the run starts from",
            )
        paddle.add_n([value.astype("float32").reshape([]) for value in losses.values()]).backward()
        norm = float(global_norm([param.grad for param in net.parameters() if param.grad is not None]))
        if not math.isfinite(norm):
            raise TrainingError(
                "the gradient is not finite before training has begun, though the loss is",
                where=", ".join(batch.arrays["name"][:8]),
                value=values,
                hint="some layers hide NaN (ReLU makes it 0): look for NaN in the images, targets and weights",
            )
    if not readable:
        raise TrainingError(
            f"no sample of the first {_BATCHES} batches can be read",
            where=TRAIN_STREAM,
            hint="run `sealkit data check`",
        )
    return [name for name, param in net.named_parameters() if not param.stop_gradient and param.grad is None]


def _eval_batches(task: Task, net: Any, settings: RecipeBase, loader: Loader) -> None:
    import paddle

    net.eval()
    total = len(task.eval_samples())
    if total == 0:
        raise TrainingError("the evaluation set has no samples", where="data.val", hint="check the label file")
    batches = eval_batches(total, settings.eval.batch_size, 1, 0)[:_BATCHES]
    records: list[dict[str, Any]] = []
    with paddle.no_grad():
        for batch in loader.batches(EVAL_STREAM, ((0, picks) for picks in batches)):
            if batch.arrays is None:
                continue
            outputs = task.forward(net, to_tensors(batch.arrays), StepState(training=False))
            found = task.decode(to_arrays(outputs), batch.arrays)
            check_records(found, batch.arrays["index"])
            records += found
    compute_metrics(task, records)
