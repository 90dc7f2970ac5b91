"""Training and evaluation of the example module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.engine.task import StepState
from sealkit.modules.task import ModuleTask

from .dataset import Source, collate, load_set
from .models import COLOURS, MODELS, MODULE
from .settings import ColourRecipe


class Accuracy:
    """Share of right answers, and of red seals found."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        self.records += records

    def compute(self) -> dict[str, float]:
        right = [record["pred"] == record["label"] for record in self.records]
        red = [good for good, record in zip(right, self.records) if record["label"] == 0]
        return {"accuracy": float(np.mean(right)), "red_recall": float(np.mean(red))}


class ColourTask(ModuleTask[ColourRecipe]):
    """Is the seal red or blue?"""

    name = MODULE
    models = MODELS
    default_metric = "accuracy"
    collate = staticmethod(collate)

    def load_set(self, entry: Any) -> Any:
        return load_set(entry)

    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        return {"labels": entry.labels, "images": len(found)}

    def make_network(self) -> Any:
        return self.spec.build()

    def train_samples(self) -> Source:
        return Source(self.train_sets)

    def eval_samples(self) -> Source:
        return Source(self.val_sets)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        return {"logits": net(batch["image"])}

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        import paddle

        return {"loss": paddle.nn.functional.cross_entropy(outputs["logits"], batch["label"])}

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = zip(batch["index"], outputs["logits"].argmax(axis=1), batch["label"])
        return [{"index": int(index), "pred": int(best), "label": int(label)} for index, best, label in rows]

    def metric(self) -> Accuracy:
        return Accuracy()

    def inference_spec(self) -> Mapping[str, Any]:
        post = {"name": "SealColour", "label_list": list(COLOURS)}
        return {"Global": {"model_name": self.recipe.model}, "PostProcess": post, "Sealkit": {"module": MODULE}}

    def checkpoint_extras(self) -> Mapping[str, Any]:
        return {"module": MODULE, "model": self.recipe.model}
