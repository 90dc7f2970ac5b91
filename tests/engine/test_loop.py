import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from sealkit.engine.loop import FitResult, fit
from sealkit.engine.task import StepState
from sealkit.errors import ConfigError, TrainingError, WeightsError
from sealkit.weights.checkpoint import load_checkpoint, read_state
from sealkit.weights.loading import network_arrays
from tests.engine.toy_task import ToySamples, ToyTask, recipe


def run(
    path: Path, task: ToyTask | None = None, resume: bool = False, overwrite: bool = False, **changes: Any
) -> FitResult:
    return fit(task or ToyTask(), recipe(**changes), path, resume=resume, overwrite=overwrite, progress=False)


def assert_same(one: Path, two: Path) -> None:
    """Two checkpoints agree in every bit that matters to the run."""
    first, second = load_checkpoint(one), load_checkpoint(two)
    for part in ("weights", "training", "optimizer", "ema"):
        a, b = getattr(first, part), getattr(second, part)
        assert (a is None) == (b is None)
        if a is not None:
            assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}, part
    for key in ("step", "best", "last", "baseline", "stale", "broken", "ema", "rate"):
        assert first.progress[key] == second.progress[key], key


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ema": {"decay": 0.9}, "optimizer": {"name": "Momentum", "clip_norm": 0.5}},
        {
            "ema": {"kind": "exponential"},
            "optimizer": {"name": "AdamW", "weight_decay": 0.1, "no_decay": ("1d",)},
            "train": {"accumulate": 2, "num_workers": 1},
        },
    ],
    ids=["adam", "momentum-ema-clip", "adamw-ema-accumulate-workers"],
)
def test_one_epoch_and_resume_equal_two_epochs_bit_for_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    train = changes.pop("train", {})
    run(tmp_path / "whole", train=train, **changes)
    state = read_state(tmp_path / "whole/checkpoints/latest")["progress"]
    half = run(tmp_path / "parts", train={**train, "max_steps": state["step"] // 2}, **changes)
    assert half.epoch == 1.0
    run(tmp_path / "parts", resume=True, train=train, **changes)
    assert_same(tmp_path / "whole/checkpoints/latest", tmp_path / "parts/checkpoints/latest")
    assert_same(tmp_path / "whole/checkpoints/best", tmp_path / "parts/checkpoints/best")
    rows = [
        [
            {k: v for k, v in json.loads(line).items() if "second" not in k and "wait" not in k}
            for line in path.read_text().splitlines()
        ]
        for path in (tmp_path / "whole/metrics.jsonl", tmp_path / "parts/metrics.jsonl")
    ]
    assert rows[0] == rows[1]


def test_resume_in_the_middle_of_an_epoch_and_twice(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    for steps in (1, 4, 7):
        run(tmp_path / "parts", resume=steps > 1, train={"max_steps": steps})
    result = run(tmp_path / "parts", resume=True)
    one, two = (load_checkpoint(tmp_path / name / "checkpoints/latest") for name in ("whole", "parts"))
    assert {k: v.tobytes() for k, v in one.weights.items()} == {k: v.tobytes() for k, v in two.weights.items()}
    assert result.step == 12 and result.stopped == "done"


def test_the_same_run_twice_is_the_same(tmp_path: Path) -> None:
    run(tmp_path / "one")
    run(tmp_path / "two")
    assert_same(tmp_path / "one/checkpoints/latest", tmp_path / "two/checkpoints/latest")
    run(tmp_path / "three", seed=4)
    one, three = (load_checkpoint(tmp_path / name / "checkpoints/latest").weights for name in ("one", "three"))
    assert any((one[name] != three[name]).any() for name in one)


def test_accumulation_equals_the_big_batch(tmp_path: Path) -> None:
    task = ToyTask(dropout=0.0, noise=0.0, freeze_bn=True)
    run(tmp_path / "big", task, train={"batch_size": 8})
    run(tmp_path / "small", task, train={"batch_size": 2, "accumulate": 4})
    big, small = (load_checkpoint(tmp_path / name / "checkpoints/latest").weights for name in ("big", "small"))
    for name in big:
        np.testing.assert_allclose(small[name], big[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_run_folder_explains_itself(tmp_path: Path) -> None:
    result = fit(
        ToyTask(), recipe(ema={"decay": 0.9}), tmp_path / "run", progress=False, files={"recipe.yaml": "name: toy\n"}
    )
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"recipe.yaml", "environment.json", "metrics.jsonl", "summary.json", "checkpoints"} <= names
    said = (tmp_path / "run/train.log").read_text(encoding="utf-8")  # though nothing is shown
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  .*\S", line) for line in said.splitlines())
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert said.count("  step ") == sum(row["kind"] == "train" for row in rows)
    first = rows[0]
    assert first["kind"] == "eval" and first["step"] == 0 and first["score"] == result.baseline["score"]
    train = next(row for row in rows if row["kind"] == "train")
    assert {"loss", "loss/squared", "loss/absolute", "lr", "grad_norm", "images_per_second", "data_wait"} <= set(train)
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["best"] == result.best and summary["stopped"] == "done"
    assert json.loads((tmp_path / "run/environment.json").read_text())["packages"]["numpy"] == np.__version__
    latest = load_checkpoint(tmp_path / "run/checkpoints/latest")
    assert latest.extras == {"model": "toy", "charset": ["a", "章"]}
    assert latest.training is not None and (latest.weights["5.weight"] != latest.training["5.weight"]).any()


def test_a_checkpoint_starts_another_run(tmp_path: Path) -> None:
    first = run(tmp_path / "one", ema={"decay": 0.9})
    second = run(tmp_path / "two", weights={"init": str(tmp_path / "one")}, train={"max_steps": 1})
    assert second.baseline == first.last  # the averaged weights, as they were evaluated
    report = json.loads((tmp_path / "two/weights_report.json").read_text())
    assert report["coverage"] == 1.0


def test_early_stop_and_best_among_the_initial_weights(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"optimizer": {"lr": 1e-9}, "train": {"epochs": 50}}
    changes["eval"] = {"early_stop": 2, "every_steps": 1}
    task = ToyTask(freeze_bn=True)
    result = run(tmp_path, task, **changes)
    assert result.stopped == "early stop" and result.step < 50
    again = run(tmp_path, task, resume=True, **changes)
    assert again.step == result.step and again.stopped == "early stop"


def test_a_run_that_only_gets_worse_keeps_the_initial_weights(tmp_path: Path) -> None:
    result = run(tmp_path, optimizer={"lr": 5.0}, schedule={"name": "constant"}, train={"max_steps": 6})
    assert result.best["step"] == 0 and result.best["score"] == result.baseline["score"]
    assert any("no evaluation beat the initial weights" in warning for warning in result.warnings)
    assert read_state(tmp_path / "checkpoints/best")["progress"]["step"] == 0


def test_refused_output_folders(tmp_path: Path) -> None:
    run(tmp_path / "run", train={"max_steps": 1})
    with pytest.raises(TrainingError) as caught:
        run(tmp_path / "run")
    assert (
        "is not empty" in str(caught.value) and "--resume" in str(caught.value) and "--overwrite" in str(caught.value)
    )
    with pytest.raises(TrainingError, match="mutually exclusive"):
        run(tmp_path / "run", resume=True, overwrite=True)
    with pytest.raises(TrainingError, match="nothing to resume here"):
        run(tmp_path / "other", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot write to the output folder"):
        run(tmp_path / "file" / "run")


def test_overwrite_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, train={"max_steps": 2})
    (tmp_path / "my notes.txt").write_text("keep")
    result = run(tmp_path, overwrite=True, train={"max_steps": 1})
    assert result.step == 1 and (tmp_path / "my notes.txt").read_text() == "keep"


def test_resume_refuses_another_run_and_says_what_differs(tmp_path: Path) -> None:
    run(tmp_path, train={"max_steps": 1})
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, resume=True, optimizer={"lr": 0.5}, train={"batch_size": 2})
    text = str(caught.value)
    assert "optimizer.lr: 0.01 → 0.5" in text and "train.batch_size: 4 → 2" in text and "weights.init=" in text
    with pytest.raises(TrainingError, match=r"train.epochs: 2.0 → 3.0"):
        fit(
            ToyTask(),
            recipe(train={"epochs": 3}),
            tmp_path,
            resume=True,
            progress=False,
            files={"recipe.yaml": "changed"},
        )
    assert not (tmp_path / "recipe.yaml").exists()  # a refused resume writes nothing
    result = run(tmp_path, resume=True, train={"max_steps": 2, "log_every": 1, "num_workers": 1})
    assert result.step == 2


def test_resume_refuses_other_data(tmp_path: Path) -> None:
    class Told(ToyTask):
        fingerprint = "a"

        def data_info(self) -> dict[str, Any]:
            return {"train": {"sha256": self.fingerprint, "samples": 24}}

    run(tmp_path, Told(), train={"max_steps": 1})
    assert json.loads((tmp_path / "data.json").read_text())["train"]["samples"] == 24
    changed = Told()
    changed.fingerprint = "b"
    with pytest.raises(TrainingError, match=r"data: train.sha256: 'a' → 'b'"):
        run(tmp_path, changed, resume=True, train={"max_steps": 1})


def test_a_run_killed_before_its_first_checkpoint_starts_anew_on_resume(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        run(tmp_path, ToyTask(val=ToySamples(count=0)))
    assert run(tmp_path, resume=True, train={"max_steps": 1}).step == 1


def test_frozen_statistics_stay(tmp_path: Path) -> None:
    run(tmp_path, ToyTask(freeze_bn=True), train={"max_steps": 2})
    weights = load_checkpoint(tmp_path / "checkpoints/latest").weights
    assert (weights["1._mean"] == 0).all() and (weights["1._variance"] == 1).all()


def test_broken_samples_are_counted_and_end_the_run_above_the_share(tmp_path: Path) -> None:
    task = ToyTask(train=ToySamples(broken=(2, 5)), val=ToySamples(count=7, augment=False, broken=(3,)))
    result = run(tmp_path / "a", task, train={"max_broken_share": 0.2})
    assert "training sample 2 left out: labels.txt:3: empty image" in result.warnings
    assert "training sample 5 left out: broken" in result.warnings
    assert result.last["samples"] == 6
    with pytest.raises(TrainingError) as caught:
        run(tmp_path / "b", ToyTask(train=ToySamples(broken=(2, 5))), train={"max_broken_share": 0.05})
    assert "2 of 24 training samples cannot be read" in str(caught.value)
    with pytest.raises(TrainingError, match="1 of 7 evaluation samples cannot be read"):
        run(tmp_path / "c", ToyTask(val=task.val), train={"max_broken_share": 0.1})


def test_a_mean_over_fewer_samples_where_some_are_broken(tmp_path: Path) -> None:
    """The gradient of a batch with a broken sample is the mean over the others, not a smaller sum."""
    quiet: dict[str, Any] = {"dropout": 0.0, "noise": 0.0, "freeze_bn": True}
    task = ToyTask(train=ToySamples(count=4, broken=(3,), augment=False), **quiet)
    run(tmp_path / "a", task, train={"max_steps": 1, "max_broken_share": 0.5}, optimizer={"name": "Momentum"})
    whole = ToyTask(train=ToySamples(count=3, augment=False), **quiet)
    run(tmp_path / "b", whole, train={"max_steps": 1, "batch_size": 3}, optimizer={"name": "Momentum"})
    a, b = (load_checkpoint(tmp_path / name / "checkpoints/latest").optimizer for name in "ab")
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_pre_flight_changes_nothing_and_finds_faults(tmp_path: Path) -> None:
    from sealkit.engine.evaluate import EVAL_STREAM
    from sealkit.engine.loader import Loader
    from sealkit.engine.preflight import TRAIN_STREAM, preflight
    from sealkit.engine.sampler import TrainPlan
    from sealkit.engine.step import Amp
    from sealkit.engine.worker import Stream

    task = ToyTask()
    net = task.build_network()
    extra = net.create_parameter([2])
    net.add_parameter("spare", extra)
    before, generator = network_arrays(net), paddle.get_rng_state()[0].__getstate__()
    streams = {TRAIN_STREAM: Stream(task.train, task.collate), EVAL_STREAM: Stream(task.val, task.collate)}
    warnings = preflight(task, net, recipe(), TrainPlan(24, 4, 1, 1, 0, 3), Loader(streams, 0, 3), Amp("off"))
    assert warnings == ["1 trainable parameters get no gradient from the loss: spare"]
    assert {k: v.tobytes() for k, v in network_arrays(net).items()} == {k: v.tobytes() for k, v in before.items()}
    assert all(param.grad is None for param in net.parameters())
    assert str(paddle.get_rng_state()[0].__getstate__()) == str(generator)

    class Wrong(ToyTask):
        def decode(self, outputs: Mapping[str, np.ndarray], batch: Mapping[str, Any]) -> list[dict[str, Any]]:
            return super().decode(outputs, batch)[:-1]

    with pytest.raises(TrainingError, match="one record per sample"):
        run(tmp_path / "a", Wrong())
    with pytest.raises(TrainingError, match="evaluation set has no samples"):
        run(tmp_path / "b", ToyTask(val=ToySamples(count=0)))
    with pytest.raises(ConfigError, match="training set has no samples"):
        run(tmp_path / "c", ToyTask(train=ToySamples(count=0)))
    with pytest.raises(ConfigError, match=r"eval.metric: toy .* \(got 'hmean'\)\n  next: it computes score, samples"):
        run(tmp_path / "d", ToyTask(main_metric="hmean"))


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no training length"):
        run(tmp_path / "a", train={"epochs": None})
    with pytest.raises(WeightsError, match="weights not found"):
        run(tmp_path / "b", weights={"init": "nowhere.pdparams"})
    assert run(tmp_path / "b", train={"max_steps": 1}).step == 1, "what could not begin is not in the way"
    with pytest.raises(TrainingError, match="does not compute in that type"):
        run(tmp_path / "c", train={"amp": "float16"})
    with pytest.raises(Exception, match="CPU build"):
        run(tmp_path / "d", train={"device": "gpu:0"})


def test_sigterm_saves_and_ends_in_order(tmp_path: Path) -> None:
    import os
    import signal

    class Interrupted(ToyTask):
        def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
            if state.step == 3 and state.training:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().loss(outputs, batch, state)

    handler = signal.getsignal(signal.SIGTERM)
    result = run(tmp_path / "a", Interrupted(), eval={"every_epochs": None})
    assert result.stopped == "interrupted" and 3 < result.step < 12 and signal.getsignal(signal.SIGTERM) == handler
    assert run(tmp_path / "a", resume=True, eval={"every_epochs": None}).stopped == "done"
    run(tmp_path / "b", eval={"every_epochs": None})
    assert_same(tmp_path / "a/checkpoints/latest", tmp_path / "b/checkpoints/latest")


def test_a_run_says_at_once_what_it_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEALKIT_WEIGHTS_DIR", str(tmp_path / "cache"))
    one = {"weights": {"init": "official_or_scratch"}, "train": {"max_steps": 1}}
    fit(ToyTask(), recipe(**one), tmp_path / "random", progress=True)
    said = capsys.readouterr()
    assert "weights: random, for the official ones of" in said.out + said.err
    (tmp_path / "cache").mkdir()
    model = recipe(**one).model
    (tmp_path / f"cache/{model}.safetensors").write_bytes(
        (tmp_path / "random/checkpoints/latest/weights.safetensors").read_bytes()
    )
    fit(ToyTask(), recipe(**one), tmp_path / "official", progress=True)
    said = capsys.readouterr()
    assert f"official ({tmp_path / 'cache' / model}.safetensors)" in said.out + said.err
