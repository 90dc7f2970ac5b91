from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from sealkit.engine.guard import ZeroTerms, replay
from sealkit.engine.loop import FitResult, fit
from sealkit.engine.task import StepState
from sealkit.errors import TrainingError
from sealkit.weights.checkpoint import load_checkpoint
from tests.engine.toy_task import ToySamples, ToyTask, recipe


def run(path: Path, task: ToyTask, **changes: Any) -> FitResult:
    return fit(task, recipe(**changes), path, progress=False)


def test_non_finite_loss_is_kept_named_and_replayed(tmp_path: Path) -> None:
    task = ToyTask(train=ToySamples(poison=(5,)))
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, task)
    text = str(caught.value)
    assert "loss is not finite: squared, absolute" in text and "image_5.png" in text and "--replay" in text
    (folder,) = (tmp_path / "nonfinite").iterdir()
    assert str(folder) in text
    kept = load_checkpoint(folder)
    assert all(np.isfinite(array).all() for array in kept.weights.values())  # running statistics too

    result = replay(task, folder)
    assert result.reproduced and result.bad_inputs == ["target"] and result.first_bad_layer is None
    assert "image_5.png" in result.names and "the fault is reproduced" in result.summary()


def test_nan_that_a_layer_hides_is_caught_by_its_gradient(tmp_path: Path) -> None:
    """ReLU turns NaN into 0: the loss looks fine while weights and running statistics would be lost."""

    class Hidden(ToySamples):
        def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
            sample = super().get(index, epoch, rng)
            if index == 5 and epoch >= 1:
                sample["image"][0, 0, 0] = np.nan
            return sample

    with pytest.raises(TrainingError, match="gradient is not finite"):
        run(tmp_path, ToyTask(train=Hidden()))
    (folder,) = (tmp_path / "nonfinite").iterdir()
    assert all(np.isfinite(array).all() for array in load_checkpoint(folder).weights.values())
    result = replay(ToyTask(), folder)
    assert result.reproduced and result.bad_inputs == ["image"] and result.first_bad_layer == "0"


def test_non_finite_gradient_is_caught_before_the_weights_change(tmp_path: Path) -> None:
    class Root(ToyTask):
        """sqrt has an infinite slope at 0: the loss is finite and its gradient is not."""

        def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
            losses = super().loss(outputs, batch, state)
            if state.step >= 2 or not state.training:
                losses["root"] = (outputs * 0.0).sum().sqrt()
            return losses

    with pytest.raises(TrainingError, match="gradient is not finite"):
        run(tmp_path, Root())
    (folder,) = (tmp_path / "nonfinite").iterdir()
    result = replay(Root(), folder)
    assert result.reproduced and result.bad_gradients and all(map(np.isfinite, result.losses.values()))


def test_replay_repeats_dropout_and_noise_exactly(tmp_path: Path) -> None:
    seen = []

    class Exploding(ToyTask):
        def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
            losses = super().loss(outputs, batch, state)
            if state.training and state.step == 3:
                seen.append(float(losses["squared"]))
                losses["absolute"] = losses["absolute"] * float("inf")
            return losses

    with pytest.raises(TrainingError, match="loss is not finite: absolute"):
        run(tmp_path, Exploding(dropout=0.5, noise=0.3))
    (folder,) = (tmp_path / "nonfinite").iterdir()
    replay(Exploding(dropout=0.5, noise=0.3), folder)
    assert len(set(seen)) == 1 and len(seen) == 2


def test_loss_that_is_not_finite_from_the_start_is_said_by_the_pre_flight(tmp_path: Path) -> None:
    class Poisoned(ToySamples):
        def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
            sample = super().get(index, epoch, rng)
            sample["image"][...] = np.inf
            return sample

    with pytest.raises(TrainingError, match="not finite before training has begun"):
        run(tmp_path, ToyTask(train=Poisoned()))


def test_a_term_that_is_0_for_100_steps_is_warned_of_once() -> None:
    terms = ZeroTerms()
    warnings = [warning for step in range(250) for warning in terms.add({"a": 0.0, "b": float(step % 50)})]
    assert warnings == ["loss term `a` has been exactly 0 for 100 steps: it trains nothing"]


def test_warnings_are_repeated_in_the_result(tmp_path: Path) -> None:
    result = run(tmp_path, ToyTask(zero_term=True), train={"epochs": 20}, eval={"every_epochs": None})
    assert "loss term `unused` has been exactly 0 for 100 steps: it trains nothing" in result.warnings


def test_replay_of_another_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a saved fault"):
        replay(ToyTask(), tmp_path)


class Scaler:
    """A loss scaler whose gradients overflow in the steps named: what float16 does now and then."""

    def __init__(self, overflows: Collection[int]) -> None:
        self.overflows, self.steps = overflows, 0
        self.params: list[paddle.Tensor] = []

    def scale(self, loss: paddle.Tensor) -> paddle.Tensor:
        return loss * (float("inf") if self.steps in self.overflows else 8.0)

    def unscale_(self, optimizer: paddle.optimizer.Optimizer) -> None:
        self.params = [param for param in optimizer._parameter_list if param.grad is not None]
        for param in self.params:
            param.grad.set_value(param.grad.numpy() / 8.0)

    def step(self, optimizer: paddle.optimizer.Optimizer) -> None:
        if all(np.isfinite(param.grad.numpy()).all() for param in self.params):
            optimizer.step()

    def update(self) -> None:
        self.steps += 1

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"scale": np.array([8.0], "float32")}


class HalfTask(ToyTask):
    """A network whose output is of another type, as mixed precision makes it, and a loss that says what it got."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind
        self.seen: list[str] = []
        self.bad_step: int | None = None

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        output = super().forward(net, batch, state)
        return output.astype(self.kind) if state.training else output

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        self.seen.append(str(outputs.dtype))
        losses = super().loss(outputs, batch, state)
        if state.training and state.step == self.bad_step:
            losses["absolute"] = losses["absolute"] * float("inf")
        return losses


def in_mixed_precision(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """As on a device that has it; here Paddle computes in float32 all the same, and says so."""
    from sealkit.engine import step

    def mixed(self: Any, mode: str) -> None:
        self.mode, self.scaler = kind, None

    monkeypatch.setattr(step.Amp, "__init__", mixed)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_losses_are_computed_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    in_mixed_precision(monkeypatch, kind)
    task = HalfTask(kind)
    result = run(tmp_path, task, train={"epochs": 20})
    assert set(task.seen) == {"paddle.float32"} and len(task.seen) > 20
    assert result.last["score"] > result.baseline["score"]  # gradients pass the cast


def test_a_fault_of_mixed_precision_is_replayed_in_it_or_says_that_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        in_mixed_precision(patched, "bfloat16")
        task = HalfTask("bfloat16")
        task.bad_step = 3
        with pytest.raises(TrainingError, match="loss is not finite: absolute"):
            run(tmp_path, task)
        (folder,) = (tmp_path / "nonfinite").iterdir()
        patched.setattr("sealkit.engine.guard.computes_in", lambda kind: kind == "bfloat16")
        result = replay(task, folder)
        assert result.precision is None and task.seen[-1] == "paddle.float32" and result.reproduced
    result = replay(task, folder)
    assert result.precision == "bfloat16" and "no mixed precision in bfloat16, the run's" in result.summary()


def scaled_run(path: Path, monkeypatch: pytest.MonkeyPatch, overflows: Collection[int]) -> FitResult:
    from sealkit.engine import step

    def scaled(self: Any, mode: str) -> None:
        self.mode, self.scaler = "off", Scaler(overflows)

    monkeypatch.setattr(step.Amp, "__init__", scaled)
    return run(path, ToyTask(), ema={"decay": 0.9}, train={"epochs": 6})


def test_steps_that_the_loss_scaler_skips_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(tmp_path / "plain", ToyTask(), ema={"decay": 0.9}, train={"epochs": 6})
    same = scaled_run(tmp_path / "same", monkeypatch, ())
    assert same.last["score"] == pytest.approx(plain.last["score"], rel=1e-5)
    skipping = scaled_run(tmp_path / "skipping", monkeypatch, (3, 4, 20))
    state = load_checkpoint(tmp_path / "skipping/checkpoints/latest").progress
    assert skipping.stopped == "done" and state["ema"]["updates"] == 36 - 3 and state["scaler"] == {"scale": [8.0]}


def test_a_loss_scaler_that_only_skips_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="gradient is not finite in 21 steps in a row"):
        scaled_run(tmp_path, monkeypatch, range(2, 100))


def test_visualdl_scalars_are_written_or_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    run(tmp_path / "with", ToyTask(), train={"max_steps": 2, "visualdl": True})
    assert any((tmp_path / "with/visualdl").iterdir())
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "visualdl":
            raise ImportError("No module named 'visualdl'", name="visualdl")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    result = run(tmp_path / "without", ToyTask(), train={"max_steps": 2, "visualdl": True})
    assert "VisualDL is not installed (visualdl): scalars go to metrics.jsonl only" in result.warnings
