"""Seal text detection as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.data.usable import refuse_nothing
from sealkit.engine.task import Metric, SampleSource, StepState
from sealkit.modules.seal_text_detection.dataset import EvalSource, TrainSource, collate, load_set, set_info
from sealkit.modules.seal_text_detection.metric import DetMetric
from sealkit.modules.seal_text_detection.models import MODELS, MODULE
from sealkit.modules.seal_text_detection.postprocess import decode
from sealkit.modules.seal_text_detection.preprocess import MEAN, STD
from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe
from sealkit.modules.task import ModuleTask


class SealTextDetectionTask(ModuleTask[SealTextDetectionRecipe]):
    """The module's answers to the loop's questions (see `sealkit.engine.task.Task`)."""

    name = MODULE
    models = MODELS
    default_metric = "hmean"

    def __init__(self, recipe: SealTextDetectionRecipe) -> None:
        super().__init__(recipe)
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None

    def load_set(self, entry: Any) -> Any:
        """See `dataset.load_set`."""
        return load_set(entry, self.recipe.train.max_broken_share)

    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        """See `dataset.set_info`."""
        return set_info(entry, found)

    @property
    def freezes_batch_norm(self) -> bool:
        """`network.freeze_bn`."""
        return self.recipe.network.freeze_bn

    def make_network(self) -> Any:
        """The training network, with direction fields where the recipe wants them."""
        network = self.recipe.network
        return self.spec.build(form=network.form, fields=network.fields)

    def train_samples(self) -> SampleSource:
        """Augmented samples with targets. DataError where no image has a text."""
        if self._train is None:
            samples = [sample for found in self.train_sets for sample in found]
            texts = sum(not line.ignore for sample in samples for line in sample.lines)
            refuse_nothing(texts, len(samples), "text", str(self.recipe.data.train[0].root))
            self._train = TrainSource(self.recipe, self.train_sets)
        return self._train

    def eval_samples(self) -> SampleSource:
        """Images of the validation sets, resized as the pipeline does, or by `eval.preprocess: official`."""
        recipe = self.recipe
        if self._eval is None:
            sets = list(zip(recipe.data.val, self.val_sets))
            self._eval = EvalSource(sets, recipe.resize, recipe.eval.preprocess)
        return self._eval

    # A plain function: worker processes unpickle it without the task and without paddle.
    collate = staticmethod(collate)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """Maps by name, see `DBHead`: in evaluation "maps" [N, 1, H, W] and, with fields, "fields" [N, 3, H/4, W/4]."""
        return net(batch["image"])

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Terms by name; see `DBLoss`."""
        from sealkit.modules.seal_text_detection.loss import DBLoss

        return DBLoss(self.recipe.loss, state.all_sum)(outputs, batch)

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Records with what was found ("pred" outlines (N, 2) float32 source pixels, "holes", "scores") and labels."""
        maps = self._maps(outputs)
        records = []
        for n, index in enumerate(batch["index"]):
            height, width = batch["input_hw"][n]
            regions = decode(
                maps[n, :, :height, :width], batch["source_hw"][n], self.recipe.postprocess, batch["padded_hw"][n]
            )
            records.append(
                {
                    "index": int(index),
                    "name": batch["name"][n],
                    "path": batch["path"][n],
                    "gt": batch["gt"][n],
                    "pred": [region.outline for region in regions],
                    "holes": [region.holes for region in regions],
                    "scores": [float(region.score) for region in regions],
                }
            )
        return records

    @staticmethod
    def _maps(outputs: Any) -> np.ndarray:
        """(N, 1, H, W), or with fields (N, 4, H, W) as the exported graph gives them; float32."""
        probability = np.asarray(outputs["maps"], np.float32)
        if "fields" not in outputs:
            return probability
        fields = np.asarray(outputs["fields"], np.float32)  # (N, 3, H/4, W/4): up x, up y, area logit
        up = fields[:, :2] / np.sqrt((fields[:, :2] ** 2).sum(axis=1, keepdims=True) + 1e-12)
        area = 1 / (1 + np.exp(-np.clip(fields[:, 2:3], -60, 60)))
        fields = np.concatenate([up, area], axis=1).repeat(4, axis=2).repeat(4, axis=3)
        return np.concatenate([probability, fields], axis=1)

    def metric(self) -> Metric:
        """Precision, recall and Hmean; see `DetMetric`."""
        return DetMetric()

    def inference_spec(self) -> Mapping[str, Any]:
        """What inference.yml says; the keys PaddleX reads first, sealkit's own settings under `Sealkit`.

        A seal detector must say `box_type: poly` itself: PaddleX has no other place for it.
        """
        post, resize = self.recipe.postprocess, self.recipe.resize
        return {
            "Global": {"model_name": self.recipe.model},
            "PreProcess": {
                "transform_ops": [
                    {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                    {"DetResizeForTest": {"resize_long": resize.limit_side_len}},
                    {"NormalizeImage": {"scale": "1./255.", "mean": list(MEAN), "std": list(STD), "order": "hwc"}},
                    {"ToCHWImage": None},
                ]
            },
            "PostProcess": {
                "name": "DBPostProcess",
                "thresh": post.thresh,
                "box_thresh": post.box_thresh,
                "max_candidates": post.max_candidates,
                "unclip_ratio": post.unclip_ratio,
                "box_type": post.box_type,
                "score_mode": post.score_mode,
                "use_dilation": post.use_dilation,
            },
            "Sealkit": {
                "module": self.name,
                "fields": self.recipe.network.fields,
                "resize": resize.model_dump(mode="json"),
                "postprocess": post.model_dump(mode="json"),
                "crop": self.recipe.crop_settings.model_dump(mode="json"),
            },
        }

    def checkpoint_extras(self) -> Mapping[str, Any]:
        """The keys "module", "model", "form" and "fields" (whether the network has the branch)."""
        network = self.recipe.network
        return {"module": self.name, "model": self.recipe.model, "form": network.form, "fields": network.fields}

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections of report.html; see `report.report_parts`."""
        from sealkit.modules.seal_text_detection.report import report_parts

        return report_parts(records)


__all__ = ["SealTextDetectionTask"]
