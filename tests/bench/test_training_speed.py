"""`benchmark.py training`: what is compared is what it says, and the table says what was measured."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
import pytest

from sealkit.bench import training_speed
from sealkit.bench.training_profile import PYTHON, profile, shares, table
from sealkit.bench.training_speed import CASES, heading, official_operators, row
from sealkit.errors import SealkitError
from sealkit.modules.text_recognition import loss
from sealkit.nn import conv


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("variant", ["official", "fused"])
def test_every_case_is_a_recipe_with_a_task(name: str, variant: Any, tmp_path: Any) -> None:
    settings = training_speed._recipe(name, variant, str(tmp_path))
    if CASES[name].forms:
        assert settings.network.form == variant
    assert not settings.weights.freeze and settings.train.num_workers == 0


def test_the_official_form_runs_paddles_operators_and_nothing_else_does() -> None:
    ours = conv._slow_bias, loss.log_softmax
    with pytest.raises(RuntimeError), official_operators():
        assert loss.log_softmax is F.log_softmax and conv._slow_bias() is False
        raise RuntimeError("a step failed")
    assert (conv._slow_bias, loss.log_softmax) == ours


def test_rows_take_processor_time_at_one_thread_and_wall_time_at_more() -> None:
    times = {"official": {"cpu": 4.0, "wall": 9.0}, "fast": {"cpu": 2.0, "wall": 3.0}}
    result = {"samples": 8, "seconds": times, "data": 0.5}
    variants = ["official", "fast"]
    assert row("x", result, variants, 1, False) == "| x | 8 | 2.00 | 4.00 | 2.00× | 16.0 |"
    assert row("x", result, variants, 2, False) == "| x | 8 | 0.89 | 2.67 | 3.00× | 16.0 |"
    for memory in (False, True):
        for variant in times.values():
            variant["peak_mb"] = 1000.0
        cells = row("x", result, variants, 1, memory).count("|")
        assert all(line.count("|") == cells for line in heading(variants, memory).splitlines())


def test_shares_of_a_step_by_operator() -> None:
    launches = [("conv2d", 20), ("conv2d_grad", 40), ("add", 15), ("relu_", 5)]
    events = [{"cat": "DygraphKernelLaunch", "name": f"{n} kernel launch[1 us]", "dur": d * 1e4} for n, d in launches]
    events.append({"cat": "Operator", "name": "conv2d dygraph[1 us]", "dur": 2e5})  # holds its launch
    found = shares(events, 1.0)
    assert dict(found) == pytest.approx({"conv2d": 0.6, "add": 0.15, "relu": 0.05, PYTHON: 0.2})
    assert table(1.0, found, 2) == f"conv2d 60%, {PYTHON} 20%"


def test_the_profile_of_a_real_step() -> None:
    x = paddle.ones([64, 64])
    seconds, found = profile(lambda: paddle.matmul(x, x).sum().item())
    assert seconds > 0 and {"matmul", "sum"} <= dict(found).keys()


@pytest.mark.slow
def test_a_whole_measurement(monkeypatch: Any, capsys: Any) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(training_speed, "IMAGES", 8)
    assert training_speed.main(["--vs", "official", "--steps", "1", "--case", "doc_ori_synth", "--profile"]) == 0
    printed = capsys.readouterr().out
    assert "| doc_ori_synth | 8 |" in printed and "fast: " in printed and "conv2d" in printed


def test_without_numba_it_says_what_to_install(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr("sealkit.nn.kernels.problem", lambda: "Numba is not installed")
    settings = training_speed._recipe("doc_ori_synth", "fast", str(tmp_path))
    with pytest.raises(SealkitError, match="Numba is not installed"):
        training_speed._Run(settings, "fast")
