"""Classifiers of orientations as the training loop sees them: of pages here, of text lines by a subclass."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from sealkit.engine.task import Metric, SampleSource, StepState
from sealkit.errors import DataError
from sealkit.modules.doc_text_orientation.dataset import EvalSource, TrainSource, collate, load_set, set_info
from sealkit.modules.doc_text_orientation.metric import OrientationMetric
from sealkit.modules.doc_text_orientation.models import MODELS, MODULE
from sealkit.modules.doc_text_orientation.orientations import PAGES, Orientations
from sealkit.modules.doc_text_orientation.postprocess import top_classes
from sealkit.modules.doc_text_orientation.preprocess import MEAN, STD
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe, OrientationRecipe
from sealkit.modules.task import ModuleTask

Recipe = TypeVar("Recipe", bound=OrientationRecipe)


class OrientationTask(ModuleTask[Recipe]):
    """A module's answers to the loop's questions (see `sealkit.engine.task.Task`).

    Attributes:
        about: its classes.
    """

    default_metric = "top1"
    about: ClassVar[Orientations]

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None

    def load_set(self, entry: Any) -> Any:
        """See `dataset.load_set`."""
        return load_set(entry, self.recipe.train.max_broken_share, self.about)

    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        """See `dataset.set_info`."""
        return set_info(entry, found, self.about)

    def make_network(self) -> Any:
        """The training network."""
        return self.spec.build(form=self.recipe.network.form)

    def train_samples(self) -> SampleSource:
        """Augmented samples. DataError where all of them lie at one angle."""
        if self._train is None:
            self._refuse_one_angle()
            self._train = TrainSource(self.recipe, self.train_sets, self.about)
        return self._train

    def _refuse_one_angle(self) -> None:
        recipe, about = self.recipe, self.about
        turned = any(entry.upright for entry in recipe.data.train)
        turned = turned or any(step.op == about.turned_by for step in recipe.augment)
        labels = {sample.label for found in self.train_sets for sample in found}
        if turned or len(labels) > 1:
            return
        what = f"all training {about.things} lie at {about.angles[labels.pop()]} degrees: nothing to learn"
        hint = "if they stand upright, add -o data.train.0.upright=true data.val.0.upright=true; "
        hint += f"else label {about.things} that lie otherwise, or add {about.turned_by} to the recipe's augment"
        raise DataError(what, where=str(recipe.data.train[0].root), hint=hint)

    def eval_samples(self) -> SampleSource:
        """Images of the validation sets, at the size they are run at."""
        recipe = self.recipe
        if self._eval is None:
            self._eval = EvalSource(list(zip(recipe.data.val, self.val_sets)), recipe.resize, self.about)
        return self._eval

    # A plain function: worker processes unpickle it without the task and without paddle.
    collate = staticmethod(collate)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """{"logits": [N, classes]}, in training and evaluation alike."""
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
        """(N, classes) float32."""
        if "probabilities" in outputs:
            return np.asarray(outputs["probabilities"], np.float32)
        logits = np.asarray(outputs["logits"], np.float32)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def metric(self) -> Metric:
        """Top-1 accuracy; see `OrientationMetric`."""
        return OrientationMetric(self.about)

    def inference_spec(self) -> Mapping[str, Any]:
        """What inference.yml says; PaddleX knows no operation of another name here, and wants the scale as a number."""
        normal = {"channel_num": 3, "mean": list(MEAN), "std": list(STD), "scale": 1 / 255, "order": ""}
        return {
            "Global": {"model_name": self.recipe.model},
            "PreProcess": {
                "transform_ops": [*self.resize_ops(), {"NormalizeImage": normal}, {"ToCHWImage": None}],
            },
            "PostProcess": {"Topk": {"topk": 1, "label_list": list(self.about.labels)}},
            "Sealkit": {"module": self.name, "resize": self.recipe.resize.model_dump(mode="json")},
        }

    @abstractmethod
    def resize_ops(self) -> list[dict[str, Any]]:
        """PaddleX's operations that give an image the network's size."""

    def checkpoint_extras(self) -> Mapping[str, Any]:
        """The keys "module", "model", "form" and "classes" (their names)."""
        return {
            "module": self.name,
            "model": self.recipe.model,
            "form": self.recipe.network.form,
            "classes": list(self.about.labels),
        }

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections of report.html; see `report.report_parts`."""
        from sealkit.modules.doc_text_orientation.report import report_parts

        return report_parts(records, self.about)


class DocTextOrientationTask(OrientationTask[DocTextOrientationRecipe]):
    """Pages."""

    name = MODULE
    models = MODELS
    about = PAGES

    def resize_ops(self) -> list[dict[str, Any]]:
        """Short side, then the middle."""
        resize = self.recipe.resize
        return [{"ResizeImage": {"resize_short": resize.resize_short}}, {"CropImage": {"size": resize.crop}}]


__all__ = ["DocTextOrientationTask", "OrientationTask"]
