"""Document orientation as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.engine.task import Metric, SampleSource, StepState
from sealkit.modules.doc_text_orientation.dataset import EvalSource, TrainSource, collate, load_set, set_info
from sealkit.modules.doc_text_orientation.metric import OrientationMetric
from sealkit.modules.doc_text_orientation.models import LABELS, MODELS, MODULE
from sealkit.modules.doc_text_orientation.postprocess import top_classes
from sealkit.modules.doc_text_orientation.preprocess import MEAN, STD
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe
from sealkit.modules.task import ModuleTask


class DocTextOrientationTask(ModuleTask[DocTextOrientationRecipe]):
    """The module's answers to the loop's questions (see `sealkit.engine.task.Task`)."""

    name = MODULE
    models = MODELS
    default_metric = "top1"

    def __init__(self, recipe: DocTextOrientationRecipe) -> None:
        super().__init__(recipe)
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None

    def entries(self) -> tuple[Sequence[Any], Sequence[Any]]:
        """`data.train` and `data.val`."""
        return self.recipe.data.train, self.recipe.data.val

    def load_set(self, entry: Any) -> Any:
        """See `dataset.load_set`."""
        return load_set(entry, self.recipe.train.max_broken_share)

    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        """See `dataset.set_info`."""
        return set_info(entry, found)

    def make_network(self) -> Any:
        """The training network."""
        return self.spec.build(form=self.recipe.network.form)

    def train_samples(self) -> SampleSource:
        """Augmented samples."""
        if self._train is None:
            self._train = TrainSource(self.recipe, self.train_sets)
        return self._train

    def eval_samples(self) -> SampleSource:
        """Pages of the validation sets, cropped as the pipeline crops them."""
        recipe = self.recipe
        if self._eval is None:
            self._eval = EvalSource(list(zip(recipe.data.val, self.val_sets)), recipe.resize)
        return self._eval

    # A plain function: worker processes unpickle it without the task and without paddle.
    collate = staticmethod(collate)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """{"logits": [N, 4]}, in training and evaluation alike."""
        return {"logits": net(batch["image"])}

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Terms by name; see `OrientationLoss`."""
        from sealkit.modules.doc_text_orientation.loss import OrientationLoss

        return OrientationLoss(self.recipe.loss)(outputs["logits"], batch)

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Records with "label", "pred" (class ids) and "score". `outputs` holds "logits", or an exported graph's
        "probabilities"."""
        rows = self._probabilities(outputs)
        labels = np.asarray(batch["label"])
        records = []
        for n, index in enumerate(batch["index"]):
            best = top_classes(rows[n])
            records.append(
                {
                    "index": int(index),
                    "name": batch["name"][n],
                    "path": batch["path"][n],
                    "turned": int(batch["turned"][n]),
                    "label": int(labels[n]),
                    "pred": int(best.class_ids[0]),
                    "score": float(best.scores[0]),
                }
            )
        return records

    @staticmethod
    def _probabilities(outputs: Any) -> np.ndarray:
        """(N, 4) float32."""
        if "probabilities" in outputs:
            return np.asarray(outputs["probabilities"], np.float32)
        logits = np.asarray(outputs["logits"], np.float32)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def metric(self) -> Metric:
        """Top-1 accuracy; see `OrientationMetric`."""
        return OrientationMetric()

    def inference_spec(self) -> Mapping[str, Any]:
        """What inference.yml says; PaddleX knows no operation of another name here, and wants the scale as a number."""
        resize = self.recipe.resize
        normal = {"channel_num": 3, "mean": list(MEAN), "std": list(STD), "scale": 1 / 255, "order": ""}
        return {
            "Global": {"model_name": self.recipe.model},
            "PreProcess": {
                "transform_ops": [
                    {"ResizeImage": {"resize_short": resize.resize_short}},
                    {"CropImage": {"size": resize.crop}},
                    {"NormalizeImage": normal},
                    {"ToCHWImage": None},
                ]
            },
            "PostProcess": {"Topk": {"topk": 1, "label_list": list(LABELS)}},
            "Sealkit": {"module": self.name, "resize": resize.model_dump(mode="json")},
        }

    def checkpoint_extras(self) -> Mapping[str, Any]:
        """The keys "module", "model", "form" and "classes" (the angles as text)."""
        return {
            "module": self.name,
            "model": self.recipe.model,
            "form": self.recipe.network.form,
            "classes": list(LABELS),
        }

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections of report.html; see `report.report_parts`."""
        from sealkit.modules.doc_text_orientation.report import report_parts

        return report_parts(records)


__all__ = ["DocTextOrientationTask"]
