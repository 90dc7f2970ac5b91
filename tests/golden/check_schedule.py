"""Goldens `schedule/*` and `ema/*`: learning rates per step and averaged weights per update of the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from sealkit.config.training import EmaSettings, ScheduleSettings
from sealkit.engine.optim import learning_rate


def _settings(name: str, args: Mapping[str, float]) -> tuple[ScheduleSettings, float, int]:
    """Our settings, peak and schedule length for a golden's arguments."""
    if name in ("ocr_cosine", "cls_cosine"):
        total = "all" if name == "ocr_cosine" else "after_warmup"
        settings = ScheduleSettings(warmup_epochs=args["warmup_epochs"], cosine_total=total)
        return settings, args["peak"], int(args["epochs"] * args["steps_per_epoch"])
    warm = {"warmup_steps": int(args["warmup_steps"]), "warmup_from": args["start_factor"]}
    if name == "picodet_cosine":
        settings = ScheduleSettings(cosine_total="after_warmup", **warm)
        return settings, args["base"], int(args["max_epochs"] * args["steps_per_epoch"])
    if name == "rtdetr_constant":
        settings = ScheduleSettings(name="multistep", milestones=(args["milestone"],), gamma=args["gamma"], **warm)
        return settings, args["base"], 1
    raise AssertionError(f"unknown schedule golden {name}")


def check_schedules(golden: Mapping[str, np.ndarray]) -> int:
    """Every `schedule/*` of a golden file; returns how many were compared."""
    names = [key.split("/")[1] for key in golden if key.startswith("schedule/") and not key.endswith("_args")]
    for name in names:
        expected = golden[f"schedule/{name}"]
        args = json.loads(str(golden[f"schedule/{name}_args"]))
        settings, peak, total = _settings(name, args)
        rates = [learning_rate(step, settings, peak, total, args["steps_per_epoch"]) for step in range(len(expected))]
        np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-15, err_msg=name)
    return len(names)


_EMA = {
    "threshold": (EmaSettings(kind="threshold", decay=0.9998), None),
    "threshold_cycle10": (EmaSettings(kind="threshold", decay=0.9998), 10),
    "exponential": (EmaSettings(kind="exponential", decay=0.9999), None),
}


def check_ema(golden: Mapping[str, np.ndarray]) -> int:
    """Every `ema/*` law of a golden file; returns how many were compared."""
    import paddle

    from sealkit.engine.ema import Ema

    names = [key.split("/")[1] for key in golden if key.startswith("ema/") and key != "ema/sequence"]
    for name in names:
        settings, cycle = _EMA[name]
        weights = paddle.zeros([golden["ema/sequence"].shape[1]])
        ema = Ema({"weights": weights}, settings, cycle)
        applied = []
        for row in golden["ema/sequence"]:
            paddle.assign(paddle.to_tensor(row), weights)
            ema.update()
            applied.append(ema.applied()["weights"].numpy())
        np.testing.assert_allclose(applied, golden[f"ema/{name}"], rtol=1e-5, atol=1e-6, err_msg=name)
    return len(names)


def check_arrays(golden: Mapping[str, np.ndarray]) -> None:
    """All schedules and averages of an `ops_*` golden file; a file with none of them fails."""
    if check_schedules(golden) + check_ema(golden) == 0:
        raise AssertionError("no schedule/* or ema/* in this golden")
