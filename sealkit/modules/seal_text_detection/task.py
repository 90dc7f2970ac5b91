"""Seal text detection as the training loop sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.engine.task import Metric, ParamGroup, SampleSource, StepState
from sealkit.modules.seal_text_detection.dataset import EvalSource, TrainSource, collate, set_info
from sealkit.modules.seal_text_detection.metric import DetMetric
from sealkit.modules.seal_text_detection.models import MODELS
from sealkit.modules.seal_text_detection.postprocess import decode
from sealkit.modules.seal_text_detection.preprocess import MEAN, STD
from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe
from sealkit.modules.task_parts import spec_of, trainable_groups


class SealTextDetectionTask:
    """The module's answers to the loop's questions (see `sealkit.engine.task.Task`).

    Raises:
        ConfigError: unknown model, or a recipe of another module.
    """

    name = "seal_text_detection"
    main_metric = "hmean"

    def __init__(self, recipe: SealTextDetectionRecipe) -> None:
        self.recipe = recipe
        self._spec = spec_of(MODELS, recipe.model, self.name)
        self._train: TrainSource | None = None
        self._eval: EvalSource | None = None

    def build_network(self) -> Any:
        """The training network in the recipe's form; where `freeze_bn` is set its BatchNorms keep their statistics."""
        network = self.recipe.network
        net = self._spec.build(form=network.form, fields=network.fields)
        if network.freeze_bn:
            from sealkit.nn.layers import freeze_batch_norm

            freeze_batch_norm(net)
        return net

    def train_samples(self) -> SampleSource:
        """Read once; label files that change during a run do not change the run."""
        if self._train is None:
            self._train = TrainSource(self.recipe)
        return self._train

    def eval_samples(self) -> SampleSource:
        recipe = self.recipe
        if self._eval is None:
            share = recipe.train.max_broken_share
            self._eval = EvalSource(recipe.data.val, recipe.resize, recipe.eval.preprocess, share)
        return self._eval

    def data_info(self) -> dict[str, Any]:
        """Fingerprint and counts of every set's label file; a resumed run must find them unchanged."""
        return {
            "train": [set_info(entry, self.recipe.train.max_broken_share) for entry in self.recipe.data.train],
            "val": [set_info(entry, self.recipe.train.max_broken_share) for entry in self.recipe.data.val],
        }

    # A plain function: worker processes unpickle it without the task and without paddle.
    collate = staticmethod(collate)

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        return net(batch["image"])

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        from sealkit.modules.seal_text_detection.loss import DBLoss

        return DBLoss(self.recipe.loss, state.all_sum)(outputs, batch)

    def param_groups(self, net: Any) -> Sequence[ParamGroup]:
        """Trainable parameters by what the network asks for: learning-rate factor (0.1 of PPLCNetV3's affine blocks)
        and own decay (0 of the BatchNorms in branches)."""
        return trainable_groups(net)

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
        probability = outputs["maps"].astype("float32").numpy()
        if "fields" not in outputs:
            return probability
        fields = outputs["fields"].astype("float32").numpy()  # (N, 3, H/4, W/4): up x, up y, area logit
        up = fields[:, :2] / np.sqrt((fields[:, :2] ** 2).sum(axis=1, keepdims=True) + 1e-12)
        area = 1 / (1 + np.exp(-np.clip(fields[:, 2:3], -60, 60)))
        fields = np.concatenate([up, area], axis=1).repeat(4, axis=2).repeat(4, axis=3)
        return np.concatenate([probability, fields], axis=1)

    def metric(self) -> Metric:
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
        network = self.recipe.network
        return {"module": self.name, "model": self.recipe.model, "form": network.form, "fields": network.fields}

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        from sealkit.modules.seal_text_detection.report import report_parts

        return report_parts(records)


__all__ = ["SealTextDetectionTask"]
