"""Document orientation as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.engine.task import Metric, ParamGroup, SampleSource, StepState
from sealkit.modules.doc_text_orientation.dataset import EvalSource, TrainSource, collate, set_info
from sealkit.modules.doc_text_orientation.metric import OrientationMetric
from sealkit.modules.doc_text_orientation.models import LABELS, MODELS
from sealkit.modules.doc_text_orientation.postprocess import top_classes
from sealkit.modules.doc_text_orientation.preprocess import MEAN, STD
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe
from sealkit.modules.task_parts import spec_of, trainable_groups


class DocTextOrientationTask:
    """The module's answers to the loop's questions (see `sealkit.engine.task.Task`).

    Raises:
        ConfigError: unknown model, or a recipe of another module.
    """

    name = "doc_text_orientation"
    main_metric = "top1"

    def __init__(self, recipe: DocTextOrientationRecipe) -> None:
        self.recipe = recipe
        self._spec = spec_of(MODELS, recipe.model, self.name)
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None

    def build_network(self) -> Any:
        """The training network in the recipe's form."""
        return self._spec.build(form=self.recipe.network.form)

    def train_samples(self) -> SampleSource:
        """Read once; label files that change during a run do not change the run."""
        if self._train is None:
            self._train = TrainSource(self.recipe)
        return self._train

    def eval_samples(self) -> SampleSource:
        recipe = self.recipe
        if self._eval is None:
            self._eval = EvalSource(recipe.data.val, recipe.resize, recipe.train.max_broken_share)
        return self._eval

    def data_info(self) -> dict[str, Any]:
        """Fingerprint and counts of every set; a resumed run must find them unchanged."""
        share = self.recipe.train.max_broken_share
        return {
            "train": [set_info(entry, share) for entry in self.recipe.data.train],
            "val": [set_info(entry, share) for entry in self.recipe.data.val],
        }

    # A plain function: worker processes unpickle it without the task and without paddle.
    collate = staticmethod(collate)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        return {"logits": net(batch["image"])}

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        from sealkit.modules.doc_text_orientation.loss import OrientationLoss

        return OrientationLoss(self.recipe.loss)(outputs["logits"], batch)

    def param_groups(self, net: Any) -> Sequence[ParamGroup]:
        """Trainable parameters by their own decay (0 of the BatchNorms)."""
        return trainable_groups(net)

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
            return np.asarray(outputs["probabilities"].astype("float32").numpy())
        logits = outputs["logits"].astype("float32").numpy()
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def metric(self) -> Metric:
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
        return {
            "module": self.name,
            "model": self.recipe.model,
            "form": self.recipe.network.form,
            "classes": list(LABELS),
        }

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        from sealkit.modules.doc_text_orientation.report import report_parts

        return report_parts(records)


__all__ = ["DocTextOrientationTask"]
