"""A task of a few hundred parameters with everything the loop must handle: BatchNorm, dropout, augmentation, an rng."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.config.training import RecipeBase
from sealkit.engine.task import ParamGroup, SampleSource, StepState, Task
from sealkit.errors import DataError


@dataclass
class ToySamples(SampleSource):
    """Noisy 8×8 images; the target is a linear function of the image."""

    count: int = 24
    augment: bool = True
    broken: tuple[int, ...] = ()
    poison: tuple[int, ...] = ()
    crash: tuple[int, ...] = ()
    size: int = 8
    seconds: float = 0.0
    weights: np.ndarray = field(default_factory=lambda: np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8))

    def __len__(self) -> int:
        return self.count

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any] | None:
        if self.seconds:
            time.sleep(self.seconds)
        if index in self.broken:
            if index % 2:
                return None
            raise DataError("empty image", where=f"labels.txt:{index + 1}")
        if index in self.crash:
            raise KeyError("a fault of the program")
        image = np.random.default_rng(index).normal(size=(1, self.size, self.size)).astype(np.float32)
        target = float((image[0, :8, :8] * self.weights).sum() / 8)
        if self.augment:
            image = image + rng.normal(scale=0.1, size=image.shape).astype(np.float32)
        if index in self.poison and epoch >= 1:
            target = float("nan")
        return {"image": image, "target": np.float32(target), "name": f"image_{index}.png"}


def collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "image": np.stack([s["image"] for s in samples]),
        "target": np.array([s["target"] for s in samples], np.float32),
        "index": [s["index"] for s in samples],
        "name": [s["name"] for s in samples],
    }


class ToyMetric:
    def __init__(self) -> None:
        self.errors: list[float] = []

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        self.errors += [record["error"] for record in records]

    def compute(self) -> dict[str, float]:
        return {"score": 1.0 / (1.0 + float(np.mean(self.errors))), "samples": float(len(self.errors))}


@dataclass
class ToyTask(Task):
    """Everything a Task must have; the options switch on what a test needs."""

    train: ToySamples = field(default_factory=ToySamples)
    val: ToySamples = field(default_factory=lambda: ToySamples(count=7, augment=False))
    dropout: float = 0.2
    noise: float = 0.01
    freeze_bn: bool = False
    zero_term: bool = False
    ratio_loss: bool = False
    depthwise: bool = False
    name: str = "toy"
    main_metric: str = "score"

    def build_network(self) -> Any:
        import paddle

        nn = paddle.nn
        frozen = {"use_global_stats": True} if self.freeze_bn else {}
        conv = nn.Conv2D(1, 4, 3, padding=1, bias_attr=False)
        return nn.Sequential(
            nn.Sequential(conv, nn.Conv2D(4, 4, 3, padding=1, groups=4)) if self.depthwise else conv,
            nn.BatchNorm2D(4, **frozen),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(4 * 64, 1),
        )

    def train_samples(self) -> ToySamples:
        return self.train

    def eval_samples(self) -> ToySamples:
        return self.val

    collate = staticmethod(collate)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        import paddle

        image = batch["image"][:, :, :8, :8]
        if state.training and self.noise:
            image = image + paddle.to_tensor(state.rng.normal(scale=self.noise, size=image.shape).astype(np.float32))
        return net(image)

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        difference = outputs[:, 0] - batch["target"]
        if self.ratio_loss:
            sums = state.all_sum((difference**2).sum().reshape([1])) / state.all_sum((batch["target"] ** 2).sum())
            return {"ratio": sums.sum()}
        losses = {"squared": (difference**2).mean(), "absolute": 0.1 * difference.abs().mean()}
        if self.zero_term:
            losses["unused"] = outputs.sum() * 0.0
        return losses

    def param_groups(self, net: Any) -> list[ParamGroup]:
        return [ParamGroup(net[0].parameters(), lr_mult=0.5), ParamGroup([*net[1].parameters(), *net[5].parameters()])]

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        errors = np.abs(outputs[:, 0] - batch["target"])
        return [{"index": i, "error": float(e)} for i, e in zip(batch["index"], errors)]

    def metric(self) -> ToyMetric:
        return ToyMetric()

    def inference_spec(self) -> dict[str, Any]:
        return {}

    def checkpoint_extras(self) -> dict[str, Any]:
        return {"model": "toy", "charset": ["a", "章"]}

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return []


def recipe(**changes: Any) -> RecipeBase:
    """A short recipe; keyword arguments replace sections, merged one level deep."""
    values: dict[str, Any] = {
        "name": "toy",
        "model": "toy",
        "seed": 3,
        "train": {"epochs": 2, "batch_size": 4, "num_workers": 0, "visualdl": False, "log_every": 2},
        "optimizer": {"name": "Adam", "lr": 0.01},
        "schedule": {"warmup_epochs": 0.5},
        "eval": {"every_epochs": 1.0, "batch_size": 2},
    }
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(values.get(key), dict) else value
    return RecipeBase(**values)
